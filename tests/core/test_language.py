"""Promises of languages: a tag without its region, and nothing said where nothing is sure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.language import SURE, Heard, Tongue, primary, stands


@pytest.mark.parametrize(
    ("tag", "lang"), [("de", "de"), ("de-AT", "de"), ("pt_BR", "pt"), ("zh-Hant-TW", "zh"), (" EN ", "en")]
)
def test_a_tag_is_read_without_region_and_script(tag: str, lang: str) -> None:
    assert primary(tag) == lang


@given(st.sampled_from(["en", "de", "nl"]), st.sampled_from(["en", "de", "nl"]), st.floats(0, 1))
def test_only_what_is_sure_confirms_or_contradicts(said: str, heard: str, sure: float) -> None:
    found = stands(said, Heard(heard, sure))
    if sure < SURE:
        assert found is Tongue.UNSURE
    else:
        assert found is (Tongue.CONFIRMED if said == heard else Tongue.OTHER)


@pytest.mark.parametrize(("said", "heard"), [("nb", "no"), ("no", "nn"), ("iw", "he"), ("cmn-Hans", "zh")])
def test_codes_of_one_language_are_the_same(said: str, heard: str) -> None:
    assert stands(said, Heard(heard, 1.0)) is Tongue.CONFIRMED


@pytest.mark.parametrize("sure", [-0.1, 1.1, float("nan")])
def test_a_probability_is_one(sure: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        Heard("en", sure)
