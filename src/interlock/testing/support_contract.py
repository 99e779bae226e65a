"""What every scorer of evidence must keep, as a test class to inherit from."""

from interlock.core.support import Passage, Sources, score_answer
from interlock.ports import SupportScorer

FEES = Passage("fees", "Express delivery costs 9.90 euros and takes 2 working days. Returns are free within 30 days.")
HOURS = Passage("hours", "The shop opens at nine and closes at six.")
SAID = "Express delivery takes 2 working days."
WRONG = "Express delivery takes 3 working days."
DENIED = "Returns are not free within 30 days."
TWO = "Express delivery takes 2 working days. Parrots sing opera at midnight."


class SupportScorerContract:
    """Asks for the fixture `scorer`: one that knows that `SAID` stands in `FEES`, and parrots do not."""

    def test_it_has_a_name_and_says_what_stands_and_what_does_not(self, scorer: SupportScorer) -> None:
        """The name is what thresholds are bound to."""
        assert scorer.name
        good, made_up = scorer.support(SAID, [FEES, HOURS]), scorer.support(TWO, [FEES, HOURS])
        assert good.score >= 0.5 > made_up.claims[1].score
        assert made_up.claims[0].score >= 0.5

    def test_every_claim_has_its_place_and_a_score(self, scorer: SupportScorer) -> None:
        """Places are those of the answer as it was written; scores lie in [0, 1]."""
        found = scorer.support(TWO, [FEES, HOURS])
        assert [TWO[claim.start : claim.end] for claim in found.claims] == TWO.replace(". ", ".\n").split("\n")
        assert all(0.0 <= claim.score <= 1.0 for claim in found.claims)
        assert 0.0 <= found.score <= 1.0

    def test_an_exact_finding_is_never_lifted(self, scorer: SupportScorer) -> None:
        """A changed figure and a denial that no source has score no better than by the exact checks."""
        for said in (WRONG, DENIED):
            exact, found = score_answer(said, Sources([FEES])), scorer.support(said, [FEES])
            assert exact.doubts
            assert {doubt.kind for doubt in exact.doubts} <= {doubt.kind for doubt in found.doubts}
            assert found.score <= exact.score

    def test_the_same_texts_have_the_same_score(self, scorer: SupportScorer) -> None:
        """Else a threshold means nothing."""
        assert scorer.support(TWO, [FEES, HOURS], question="How long?") == scorer.support(
            TWO, [FEES, HOURS], question="How long?"
        )

    def test_without_a_source_nothing_is_borne_and_without_a_claim_nothing_is_missing(
        self, scorer: SupportScorer
    ) -> None:
        """No evidence is no support; an answer that says nothing needs none."""
        assert scorer.support(SAID, []).score == 0.0
        assert scorer.support("", [FEES]).score == 1.0
