import hashlib
import json
import math
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from interlock.core.digest import (
    Digest,
    FileEntry,
    bundle_digest,
    canonical,
    component_digest,
    of_bytes,
    of_value,
    parse_digest,
    safe_path,
    scope_digest,
    short,
)
from interlock.core.errors import DocumentError, InterlockError, MalformedDigest, NotCanonical, UnsafePath

TOP = 2**53 - 1
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-TOP, TOP) | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
files = st.lists(
    st.builds(
        FileEntry.of,
        st.text("abcdé/", min_size=1, max_size=6).filter(lambda p: "" not in p.split("/")),
        st.binary(max_size=9),
    ),
    unique_by=lambda entry: entry.path,
    max_size=5,
)


def slow_number(number: float) -> str:
    """ECMAScript's Number::toString, spelled out from digits and exponent."""
    if number == 0:
        return "0"
    if number < 0:
        return "-" + slow_number(-number)
    mantissa, _, exponent = f"{number!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0) - (len(whole + part) - len(digits))
    digits = digits.rstrip("0")
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return "0." + "0" * -point + digits
    power = point - 1
    return digits[0] + ("." + digits[1:] if digits[1:] else "") + "e" + ("+" if power > 0 else "-") + str(abs(power))


def slow_canonical(value: Any) -> str:
    if isinstance(value, dict):
        keys = sorted(value, key=lambda key: list(key.encode("utf-16-be")))
        return "{" + ",".join(f"{slow_canonical(key)}:{slow_canonical(value[key])}" for key in keys) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(slow_canonical, value)) + "]"
    if isinstance(value, float):
        return slow_number(value)
    return json.dumps(value, ensure_ascii=False)


def slow_digest(domain: str, value: Any) -> str:
    return "sha256:" + hashlib.sha256(f"{domain}\0{slow_canonical(value)}".encode()).hexdigest()


@given(values)
def test_canonical_form_is_that_of_a_second_plain_implementation(value: Any) -> None:
    assert canonical(value).decode() == slow_canonical(value)


@given(values)
def test_canonical_form_reads_back_as_the_same_value(value: Any) -> None:
    # Every number is a double to JCS: 1e17 is written without exponent, and read back as a double it is the same.
    assert json.loads(canonical(value), parse_int=float) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_canonical_numbers_lose_nothing(number: float) -> None:
    assert float(canonical(number)) == number


@given(values, st.randoms(use_true_random=False))
def test_digest_does_not_depend_on_the_order_of_keys(value: Any, chance: Any) -> None:
    def shuffled(part: Any) -> Any:
        if isinstance(part, dict):
            keys = list(part)
            chance.shuffle(keys)
            return {key: shuffled(part[key]) for key in keys}
        return [shuffled(child) for child in part] if isinstance(part, list) else part

    assert of_value(value, "d") == of_value(shuffled(value), "d")


@given(st.dictionaries(texts, values, max_size=3), files, st.randoms(use_true_random=False))
def test_component_digest_is_that_of_a_second_plain_implementation(
    spec: dict[str, Any], entries: Any, chance: Any
) -> None:
    listed = [{"path": e.path, "size": e.size, "sha256": e.sha256} for e in sorted(entries, key=lambda e: e.path)]
    expected = slow_digest("interlock.component.v1", {"kind": "prompt", "spec": spec, "files": listed})
    chance.shuffle(entries)
    assert component_digest("prompt", spec, entries) == expected


@given(st.dictionaries(texts, st.binary(max_size=3).map(of_bytes), max_size=5), st.binary(max_size=3).map(of_bytes))
def test_bundle_and_scope_digests_are_those_of_a_second_plain_implementation(
    parts: dict[str, Digest], constraints: Digest
) -> None:
    tree = {"components": dict(parts), "constraints": constraints}
    assert bundle_digest(parts, constraints) == slow_digest("interlock.bundle.v1", tree)
    assert scope_digest(parts) == slow_digest("interlock.scope.v1", dict(parts))


def test_swapping_one_part_changes_the_root_and_no_other_leaf() -> None:
    parts = {kind: of_bytes(kind.encode()) for kind in ("model", "prompt", "evals")}
    swapped = parts | {"prompt": of_bytes(b"other")}
    assert bundle_digest(parts, of_bytes(b"c")) != bundle_digest(swapped, of_bytes(b"c"))
    assert bundle_digest(parts, of_bytes(b"c")) != bundle_digest(parts, of_bytes(b"d"))


def test_one_value_has_another_digest_in_another_domain() -> None:
    assert of_value({}, "interlock.a.v1") != of_value({}, "interlock.b.v1")


def test_the_digest_of_a_bundle_never_changes() -> None:
    part = component_digest("prompt", {"version": "1.10"}, [FileEntry.of("prompts/système.md", b"Be kind.\n")])
    text = '{"files":[{"path":"prompts/système.md","sha256":"%s","size":9}],"kind":"prompt","spec":{"version":"1.10"}}'
    inner = text % ("sha256:" + hashlib.sha256(b"Be kind.\n").hexdigest())
    assert part == "sha256:" + hashlib.sha256(b"interlock.component.v1\0" + inner.encode()).hexdigest()


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ({"a": [1, math.nan]}, "$.a[1]"),
        ([math.inf], "$[0]"),
        ({"n": 2**53}, "$.n"),
        ({"n": -(2**53)}, "$.n"),
        ({"a": {1: "x"}}, "$.a"),
        ({"a": {None: "x"}}, "$.a"),
        ({"a": "\ud800"}, "$.a"),
        ({"\ud800": 1}, "$"),
        ({"a": {1, 2}}, "$.a"),
        (b"bytes", "$"),
        ([10**5000], "$[0]"),
    ],
)
def test_what_json_cannot_hold_has_no_digest_and_the_error_names_it(value: object, where: str) -> None:
    with pytest.raises(NotCanonical) as caught:
        canonical(value)
    assert f"`{where}`" in caught.value.message
    assert isinstance(caught.value, DocumentError)
    assert caught.value.hint


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(NotCanonical, match="nested too deeply"):
        canonical(loop)


@pytest.mark.parametrize(
    "path", ["/etc/x", "C:/x", "a\\b", "../x", "a/../b", "a//b", "", "./a", "a/", "a\nb", "e\u0301.md", "a\ud800"]
)
def test_a_path_that_is_not_the_same_everywhere_is_refused(path: str) -> None:
    with pytest.raises(UnsafePath) as caught:
        FileEntry.of(path, b"")
    assert caught.value.hint


@pytest.mark.parametrize("path", ["a", "a/b.md", "..a/b..", "é.md", ".hidden/x", "a b/ü"])
def test_an_honest_path_is_kept_as_it_is(path: str) -> None:
    assert safe_path(path) == path


@given(st.text(max_size=10))
def test_any_text_is_a_path_or_refused_with_our_error(path: str) -> None:
    try:
        assert safe_path(path) == path
    except InterlockError:
        return
    assert not path.startswith("/")
    assert ".." not in path.split("/")


def test_a_file_listed_twice_is_refused() -> None:
    with pytest.raises(UnsafePath, match="`a` is listed twice in `prompt`"):
        component_digest("prompt", {}, [FileEntry.of("a", b"1"), FileEntry.of("a", b"2")])


@pytest.mark.parametrize(
    "text", ["", "sha256:", "sha256:" + "A" * 64, "a" * 64, "sha256:" + "a" * 64 + "\n", "md5:" + "a" * 64]
)
def test_only_a_whole_lower_case_sha256_is_a_digest(text: str) -> None:
    with pytest.raises(MalformedDigest):
        parse_digest(text)
    with pytest.raises(MalformedDigest):
        bundle_digest({"model": Digest(text)}, of_bytes(b""))


def test_a_scope_holds_text_only() -> None:
    with pytest.raises(NotCanonical, match="`model`"):
        scope_digest({"model": 1})  # type: ignore[dict-item]


def test_short_names_are_the_first_twelve_digits() -> None:
    digest = of_bytes(b"x")
    assert digest == "sha256:" + hashlib.sha256(b"x").hexdigest()
    assert short(digest) == digest[7:19]


@given(values)
@example(
    {"\U0001f600": 1, "\uffee": 2, "\x7f": '\x1f\u2028"\\\b', "": [-0.0, 1e21, 1e-7, 1.0, 5e-324], "t": (True, None)}
)
def test_canonical_bytes_are_those_of_the_reference_implementation(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)
