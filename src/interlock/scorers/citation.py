"""What is cited was retrieved, and says so word for word."""

from collections.abc import Mapping
from typing import Any

from interlock.core.score import Reply, Score, Scored, Trial, not_applicable
from interlock.core.suite import Case
from interlock.scorers.text import spaced


class Citation:
    """Each quote occurs verbatim in a retrieved document of that id, and one of `expect.cites` is cited.

    Verbatim is after Unicode NFKC with white space as one space; the case counts. Judged as soon as the case
    expects a citation or the reply makes one: a made-up source is never fine.
    """

    name = "citation"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored by the share of the citations that hold, 0 when an expected one is missing."""
        wanted = case.expect.cites
        if reply.outcome != "answer" and reply.outcome in case.expect.outcomes:
            wanted = ()
        cites = [cite for claim in reply.claims for cite in claim.get("cites") or ()]
        if not wanted and not cites:
            return not_applicable(self.name)
        if not cites:
            return Scored(self.name, 0.0, False, f"cites nothing; expected `{'` or `'.join(wanted)}`")
        sources: dict[str, list[str]] = {}
        for document in reply.retrieved:
            sources.setdefault(str(document.get("doc_id")), []).append(spaced(str(document.get("text") or "")))
        faults = [fault for cite in cites if (fault := _fault(cite, sources))]
        bare = [claim for claim in reply.claims if not claim.get("cites")] if wanted else []
        if wanted and not any(cite.get("doc_id") in wanted for cite in cites):
            return Scored(self.name, 0.0, False, f"does not cite `{'` or `'.join(wanted)}`")
        if bare:
            faults.append(f"the claim `{str(bare[0].get('text'))[:60]}` cites nothing")
        holds = max(0.0, 1 - len(faults) / (len(cites) + len(bare)))
        return Scored(self.name, holds, not faults, faults[0] if faults else "")


def _fault(cite: Mapping[str, Any], sources: Mapping[str, list[str]]) -> str:
    doc_id, quote = str(cite.get("doc_id")), spaced(str(cite.get("quote") or ""))
    if doc_id not in sources:
        return f"cites `{doc_id}`, which was not retrieved"
    if not quote:
        return f"cites `{doc_id}` without a quote"
    if not any(quote in text for text in sources[doc_id]):
        return f"`{doc_id}` does not say `{quote[:60]}`"
    return ""
