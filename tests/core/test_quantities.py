"""Numbers, amounts, dates and times: the same quantity is the same, however a country writes it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interlock.core.quantities import Quantity, dates_agree, quantities, rounds_to, unit_mentions
from interlock.core.units import period


def one(text: str) -> Quantity:
    (found,) = quantities(text)
    return found


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("1.000,50 €", "EUR 1,000.50"), ("1 000 000 km", "1,000,000 kilometers"), ("12,5 %", "12.5 percent"), ("2 weeks", "14 days"),
        ("24 hours", "1 day"), ("twenty-five users", "25 users"), ("$5m", "5 million dollars"), ("US$ 20", "20 dollars"),
        ("5 Tage", "5 jours"), ("six months", "6 Monate"), ("12 months", "1 year"), ("1'000 CHF", "1000 Franken"), ("5 per cent", "5 %"),
        ("10:30 AM", "10:30"), ("7 p.m.", "19:00"), ("19 Uhr", "7 pm"), ("three hundred thousand", "300,000"), ("１０ GB", "10 gigabytes"),
    ],
)  # fmt: skip
def test_one_quantity_is_the_same_in_every_way_of_writing_it(a: str, b: str) -> None:
    import unicodedata

    one_, other = one(unicodedata.normalize("NFKC", a)), one(b)
    assert one_.unit == other.unit
    assert one_.values & other.values


@pytest.mark.parametrize(
    ("a", "b"),
    [("10 days", "10 months"), ("9.90 €", "9.09 €"), ("5 %", "5 days"), ("$20", "€20"), ("10:30 AM", "10:30 PM"), ("25", "26"),
     ("1.5 million", "1.5 billion"), ("3 weeks", "3 days")],
)  # fmt: skip
def test_two_quantities_are_not_taken_for_one(a: str, b: str) -> None:
    one_, other = one(a), one(b)
    assert one_.unit != other.unit or not one_.values & other.values


@pytest.mark.parametrize(
    ("said", "known", "agree"),
    [
        ("31 August 2022", "2022-08-31", True), ("31.08.2022", "August 31st, 2022", True), ("August 2022", "31 August 2022", True),
        ("31/08/2022", "31. August 2022", True), ("2 de mayo de 2024", "2 May 2024", True), ("2 mai 2024", "2024-05-02", True),
        ("30 August 2022", "31 August 2022", False), ("31 August 2023", "31 August 2022", False), ("31 August 2022", "31 August", False),
        ("03/04/2024", "3 April 2024", True), ("03/04/2024", "4 March 2024", True), ("2024年3月5日", "5 March 2024", True),
    ],
)  # fmt: skip
def test_a_date_agrees_where_every_part_that_it_names_does(said: str, known: str, agree: bool) -> None:
    assert dates_agree(one(said), one(known)) is agree


@pytest.mark.parametrize(
    "text", ["You may pay 2 of them", "KB-A101x", "version 1.2.3", "24/7", "zero tolerance", "three days ago, may be"]
)
def test_what_is_no_quantity_is_not_read_as_one(text: str) -> None:
    assert all(q.values <= {Decimal(2), Decimal(259200)} for q in quantities(text))
    assert not any(q.when for q in quantities(text))


def test_marks_of_a_list_are_no_figures() -> None:
    assert [q.values for q in quantities("1. First\n2. Second 7\n(3) Third")] == [frozenset({Decimal(7)})]


@pytest.mark.parametrize(
    ("text", "bound"),
    [("up to 20 users", "<="), ("at least 20 users", ">="), ("over 20 users", ">="), ("no more than 20", "<="), ("about 20", "~"),
     ("mindestens 20", ">="), ("jusqu'à 20", "<="), ("al menos 20", ">="), ("20 users", "")],
)  # fmt: skip
def test_a_bound_before_a_figure_is_kept(text: str, bound: str) -> None:
    assert one(text).bound == bound


@pytest.mark.parametrize(
    ("said", "known", "same"),
    [("2.3 million", "2,345,678", True), ("3.14", "3.14159", True), ("about 50 %", "48.7 %", True), ("50 %", "48.7 %", False),
     ("over 1,000", "1,050", True), ("over 1,000", "900", False), ("2.4 million", "2,345,678", False), ("20 %", "30 %", False)],
)  # fmt: skip
def test_a_rounded_figure_is_the_figure_and_a_changed_one_is_not(said: str, known: str, same: bool) -> None:
    assert rounds_to(one(said), one(known)) is same


def test_a_unit_that_is_named_once_counts_as_one_of_it() -> None:
    assert unit_mentions("€5 per month, a day, /user") == {("month", Decimal(1)), ("s", Decimal(86400))}
    assert period("monthly") == period("monat") == "month"


@given(st.integers(0, 10**12))
def test_an_integer_is_read_back_from_both_ways_of_grouping(number: int) -> None:
    for mark in (",", "."):
        assert Decimal(number) in one(f"{number:,}".replace(",", mark)).values


@given(st.text(max_size=200))
def test_any_text_can_be_searched_and_places_lie_in_it(text: str) -> None:
    for found in quantities(text):
        assert 0 <= found.start < found.end <= len(text)
