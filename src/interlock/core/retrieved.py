"""The documents that were retrieved for one interaction: whose they are, for whom, and until when they hold."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

from interlock.core.citations import Cite, CiteFinding, Library
from interlock.core.sources import Passage


@dataclass(frozen=True, slots=True)
class Source:
    """A document as it was retrieved for one interaction.

    Args:
        doc_id: its id.
        text: what it says.
        tenant: whose document it is; None for one that belongs to nobody in particular.
        readers: the roles that may read it; None for everybody.
        updated: the day of its last change, where it is known.
        valid_until: the last day on which it holds, where it is known.
    """

    doc_id: str
    text: str
    tenant: str | None = None
    readers: frozenset[str] | None = None
    updated: date | None = None
    valid_until: date | None = None


@dataclass(frozen=True)
class Shelf:
    """What may be cited: the documents that one tenant's interaction retrieved.

    Documents of another tenant are not on the shelf, whoever put them into the list; `foreign` are their ids.
    """

    sources: tuple[Source, ...]
    foreign: frozenset[str] = field(default=frozenset())

    @classmethod
    def of(cls, sources: Iterable[Source], tenant: str | None) -> "Shelf":
        """The documents that are the tenant's own, or nobody's.

        >>> shelf = Shelf.of([Source("a", "Refunds take 5 days.", "acme"), Source("b", "VAT is 20 %.", "other")], "acme")
        >>> shelf.fault(Cite("a", "take 5 days")), shelf.fault(Cite("b", "VAT is 20 %")).fault.value, shelf.foreign
        (None, 'unresolved', frozenset({'b'}))
        """
        every = tuple(sources)
        own = tuple(source for source in every if source.tenant is None or source.tenant == tenant)
        kept = {source.doc_id for source in own}
        return cls(own, frozenset(source.doc_id for source in every) - kept)

    @cached_property
    def _library(self) -> Library:
        return Library([Passage(source.doc_id, source.text) for source in self.sources])

    def fault(self, cite: Cite) -> CiteFinding | None:
        """What is wrong with a citation; None when it holds."""
        return self._library.check(cite)
