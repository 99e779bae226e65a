"""A structured answer is read strictly, mended at most twice, and never after an effect."""

from typing import Any

import pytest
from tests.guarded_shop import Shop

from interlock import Denied
from interlock.core.errors import ToolSchemaError, UsageError
from interlock.sdk.structured import StructuredReader, Wrong

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "amount_minor": {"type": "integer", "minimum": 0}},
    "required": ["text"],
}
GOOD = '{"text": "done", "amount_minor": 5}'
BAD = '{"text": "secret", "amount_minor": -1, "extra": 1}'


def test_an_answer_that_fits_is_taken_as_it_was_judged() -> None:
    found = StructuredReader(SCHEMA, Shop().session()).read(GOOD, lambda wrong: pytest.fail("was asked"))
    assert (found.value, found.content, found.repairs) == (
        {"text": "done", "amount_minor": 5}, b'{"amount_minor":5,"text":"done"}', 0,
    )  # fmt: skip


@pytest.mark.parametrize("bad", [BAD, "no json", '{"text": "a", "text": "b"}', '{"text": NaN}', "[]", '{"text": 5}'])
def test_what_does_not_fit_is_mended_twice_at_most_and_judged_from_zero(bad: str) -> None:
    session, told = Shop().session(), []

    def again(wrong: Wrong) -> str:
        told.append(wrong.message)
        return GOOD if len(told) == 2 else bad

    assert StructuredReader(SCHEMA, session).read(bad, again).repairs == 2
    assert session.calls == 2
    assert "secret" not in " ".join(told)
    with pytest.raises(Denied) as caught:
        StructuredReader(SCHEMA, session).read(bad, lambda wrong: bad)
    assert (caught.value.codes, session.calls) == (("answer.unusable",), 4)


def test_the_model_is_told_where_and_not_what() -> None:
    wrong: list[Wrong] = []
    StructuredReader(SCHEMA, Shop().session()).read(BAD, lambda each: wrong.append(each) or GOOD)  # type: ignore[func-returns-value]
    assert sorted(wrong[0].faults) == ["/: additionalProperties", "/amount_minor: minimum"]


def test_nothing_is_mended_after_an_effect() -> None:
    shop = Shop()
    session = shop.session()

    def again(wrong: Wrong) -> str:
        session.call("issue_refund", {"order_id": "W123", "amount_minor": 10}, run=shop.issue_refund)
        return BAD

    with pytest.raises(Denied) as caught:
        StructuredReader(SCHEMA, session).read(BAD, again)
    assert caught.value.codes == ("answer.after-effect",)


async def test_repairs_are_metered_and_stop_with_the_session() -> None:
    session = Shop().session()

    async def again(wrong: Wrong) -> tuple[str, int]:
        return BAD, 600_000

    with pytest.raises(Denied) as caught:
        await StructuredReader(SCHEMA, session).aread((BAD, 5), again)
    assert (caught.value.codes, session.tokens) == (("session_tokens",), 600_005)


def test_a_schema_that_could_hang_or_fetch_is_refused() -> None:
    for schema in ({"type": "object", "$ref": "https://example.com/a.json"}, {"pattern": "(?=a)b"}):
        with pytest.raises(ToolSchemaError):
            StructuredReader(schema, Shop().session())
    with pytest.raises(UsageError):
        StructuredReader(SCHEMA, Shop().session()).read(5, lambda wrong: GOOD)  # type: ignore[arg-type]
