"""Where handoffs go: a folder, a webhook, a mailbox."""

from pathlib import Path

from interlock.adapters.handoff.folder import FolderSink
from interlock.adapters.handoff.mail import MailSink
from interlock.adapters.handoff.webhook import WebhookSink
from interlock.core.operations import HandoffRoute
from interlock.ports import HandoffSink

__all__ = ["FolderSink", "MailSink", "WebhookSink", "open_sink"]


def open_sink(route: HandoffRoute, root: Path) -> HandoffSink:
    """The sink of a route. A relative folder lies below `root`. Raises TargetError for a variable that is not set."""
    from interlock.adapters.targets import address, filled

    if route.kind == "folder":
        return FolderSink(root / filled(route.to))
    if route.kind == "webhook":
        return WebhookSink(address(route.to), key_env=route.key_env)
    return MailSink(filled(route.to))
