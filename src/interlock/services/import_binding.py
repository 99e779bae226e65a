"""Imported runs are evidence for the bundle that made them, and for no other."""

from collections.abc import Mapping
from typing import Any

from interlock.core.bundle import Bundle
from interlock.core.digest import of_value
from interlock.core.errors import TargetError
from interlock.core.manifest import RUNTIME_PARTS, Part

DOMAIN = "interlock.runtime.v1"


def runtime_of(bundle: Bundle) -> dict[str, str]:
    """What binds runs to a bundle: the digest of all parts that shape a reply, and the id of its model.

    The evals part is not among them: an imported suite is in it, and did not exist when the runs were made.
    """
    model = bundle.components[Part.MODEL].spec.get("id")
    found = {"runtime": str(of_value(dict(bundle.parts(RUNTIME_PARTS)), DOMAIN))}
    return found | ({"model_id": model} if isinstance(model, str) else {})


def refuse_unbound(source: Mapping[str, Any] | None, bundle: Bundle) -> None:
    """Refuse imported runs as evidence for a bundle that they are not bound to.

    They are bound by the digest of the runtime parts, where `interlock import --bind` recorded one; else by the model:
    the bundle's model id must be the release that was imported, or the model that the source says it ran on.

    Args:
        source: the first line of a recording; None for one that was not imported, which says what it is by its bytes.
    Raises: TargetError.
    """
    if source is None:
        return
    here, release = runtime_of(bundle), str(source.get("release"))
    bound = source.get("bound")
    if isinstance(bound, Mapping):
        if bound.get("runtime") != here["runtime"]:
            raise TargetError(
                f"the imported runs of `{release}` were made with another bundle than this one",
                hint="check the bundle that made them, or import runs of this one with `--bind`",
            )
        return
    ran_on = source.get("ran_on")
    model = ran_on.get("model") if isinstance(ran_on, Mapping) else None
    known = {release, source.get("stem"), model, model.rpartition("/")[2] if isinstance(model, str) else None}
    if here.get("model_id") not in known:
        raise TargetError(
            f"the imported runs of `{release}` are not bound to this bundle, whose model is `{here.get('model_id')}`",
            hint="import them with `--bind` into the bundle that made them, or give its model the id of the release",
        )
