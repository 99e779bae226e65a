"""A queue as a mailbox: one message a handoff, over the SMTP server that the environment names."""

import asyncio
import json
import os
import smtplib
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from interlock.core.errors import HandoffError
from interlock.core.handoff import Packet

SERVER = "INTERLOCK_SMTP_URL"


class MailSink:
    """Sends the packet as text, with its JSON attached.

    `INTERLOCK_SMTP_URL` is `smtp://[user:password@]host[:port]` (STARTTLS where the server offers it) or `smtps://…`;
    `INTERLOCK_MAIL_FROM` is the sender. The Message-ID holds the packet's id: a repeated message can be recognised.
    """

    def __init__(self, to: str, *, timeout_s: float = 20.0) -> None:
        self._to, self._timeout_s = to, timeout_s

    async def send(self, packet: Packet) -> str:
        """Taken by the mail server when it returns; that somebody reads it is what the acknowledgement shows."""
        server, sender = os.environ.get(SERVER, ""), os.environ.get("INTERLOCK_MAIL_FROM", "")
        if not server or not sender:
            raise HandoffError(
                f"`{SERVER}` or `INTERLOCK_MAIL_FROM` is not set", hint="name the mail server and the sender"
            )
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = sender, self._to, packet.subject()
        message["Message-ID"] = f"<{packet.id}@{sender.rpartition('@')[2] or 'interlock'}>"
        message.set_content("\n".join(packet.lines()) + "\n")
        document = json.dumps(packet.to_json(), indent=2, ensure_ascii=False)
        message.add_attachment(document.encode(), maintype="application", subtype="json", filename=f"{packet.id}.json")
        try:
            await asyncio.to_thread(self._deliver, message, server)
        except (OSError, smtplib.SMTPException) as cause:
            raise HandoffError(
                f"the mail to queue `{packet.queue}` was not taken: {type(cause).__name__}",
                hint=f"check `{SERVER}` and the address in operations.yaml",
            ) from cause
        return str(message["Message-ID"])

    def _deliver(self, message: EmailMessage, server: str) -> None:
        at = urlsplit(server)
        secure = at.scheme == "smtps"
        make = smtplib.SMTP_SSL if secure else smtplib.SMTP
        with make(at.hostname or "", at.port or (465 if secure else 25), timeout=self._timeout_s) as smtp:
            if not secure and smtp.has_extn("starttls"):
                smtp.starttls()
            if at.username:
                smtp.login(unquote(at.username), unquote(at.password or ""))
            smtp.send_message(message)
