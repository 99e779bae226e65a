"""The verdict of the run's own harness."""

from collections.abc import Mapping

from interlock.core.score import Absent, Reply, Score, Scored, Trial, Unscored, not_applicable
from interlock.core.suite import Case


class Recorded:
    """`output.passed` of an imported reply, where the case says `recorded: true`.

    It repeats what the harness found that ran the case, with its own database, checker or people; whoever imports a
    run trusts that harness. A reply without such a verdict is an error, which counts against the case; one that says
    `status: not_applicable` was judged by nobody, and counts for nothing.
    """

    name = "recorded"
    substance = True

    def score(self, case: Case, trial: Trial, reply: Reply) -> Score:
        """Scored 1 or 0, Unscored(error) where the reply carries no verdict."""
        if not case.expect.recorded:
            return not_applicable(self.name)
        output = reply.output if isinstance(reply.output, Mapping) else {}
        passed = output.get("passed")
        if passed is None and output.get("status") == Absent.NOT_APPLICABLE.value:
            return Unscored(self.name, Absent.NOT_APPLICABLE, "the run's own harness did not judge it")
        if not isinstance(passed, bool):
            return Unscored(self.name, Absent.ERROR, "the reply carries no verdict in `output.passed`")
        return Scored(self.name, float(passed), passed, "" if passed else "the run's own harness failed it")
