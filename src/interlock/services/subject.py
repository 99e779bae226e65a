"""What is judged: a bundle in one environment, with the environments around it."""

from collections.abc import Iterable
from dataclasses import dataclass

from interlock.core.bundle import Bundle
from interlock.core.checks import Limits
from interlock.core.digest import Digest
from interlock.core.manifest import EnvironmentSpec, Part, Profile
from interlock.services.parts import Loaded, Release


@dataclass(frozen=True)
class Subject:
    """What is judged: a bundle, the app build around it, and where."""

    bundle: Bundle
    app: Digest
    profile: Profile
    limits: Limits
    environment: str
    spec: EnvironmentSpec
    earlier: tuple[str, ...]
    """Less exposed environments, nearest first: where the baseline is sought when nothing is live here."""
    later: tuple[str, ...] = ()
    """More exposed environments."""
    locked: bool = True
    """Whether `interlock.lock` pins exactly these bytes."""
    against: Digest | None = None
    """A bundle that somebody named as the baseline, as a pull request does with the one on main."""


def subject_of(loaded: Loaded, bundle: Bundle, app: Digest, environment: str) -> Subject:
    """A bundle in one environment, under the release terms of what is loaded."""
    return subject_under(loaded.release, bundle, app, environment)


def subject_under(release: Release, bundle: Bundle, app: Digest, environment: str) -> Subject:
    """A bundle in one environment, under these release terms."""
    order = list(release.environments)
    return Subject(
        bundle, app, release.profile, release.limits, environment, release.environments[environment],
        tuple(reversed(order[: order.index(environment)])), tuple(order[order.index(environment) + 1 :]),
    )  # fmt: skip


def subjects_of(bundle: Bundle, parts: Iterable[Part]) -> dict[str, str]:
    """What a signed statement is about: the bundle, and the digest of each part that was read (in-toto subjects)."""
    named = {part: digest for part, digest in bundle.parts(parts).items() if digest != "none"}
    return {"bundle": bundle.digest, **named}
