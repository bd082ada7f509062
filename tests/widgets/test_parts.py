"""The vocabulary of the pages, on values worked by hand."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.reporting.shown_logs import Line
from tests.widgets.world import elements, words
from widgets import parts
from widgets.markup import tag


@pytest.mark.parametrize(
    ("value", "shown"),
    [("12.345", "+12.34"), ("-0.001", "+0.00"), ("-1234.5", "-1,234.50"), (None, "–"), ("x", "–")],
)
def test_an_amount_has_a_sign_and_two_decimals(value: str | None, shown: str) -> None:
    """Gains and losses carry their sign; what is no number is a dash."""
    assert words(parts.money(value, sign=True)) == shown


def test_gains_are_green_and_losses_red() -> None:
    """The class of an amount is that of its sign."""
    kinds = [elements(parts.money(v, sign=True))[0][1]["class"] for v in ("1", "-1", "0")]
    assert kinds == ["gain", "loss", "flat"]


@pytest.mark.parametrize(("mode", "kind"), [("TEST", "test"), ("PAPER", "paper"), ("LIVE", "live")])
def test_each_mode_has_its_colour(mode: str, kind: str) -> None:
    """The badge says the mode and carries its class."""
    made = parts.mode_badge(mode)
    assert words(made) == mode
    assert elements(made)[0][1]["class"] == f"mode {kind}"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "–"),
        (3.9, "3 s"),
        (61, "1 min 01 s"),
        (3725, "1 h 02 min"),
        (90061, "1 d 1 h 01 min"),
    ],
)
def test_a_length_of_time_is_read_at_a_glance(seconds: float | None, shown: str) -> None:
    """Seconds, minutes, hours and days."""
    assert parts.lasting(seconds) == shown


def test_a_table_has_headings_cells_and_dashes() -> None:
    """Blank cells are dashes, markup stays, numbers stand to the right."""
    made = parts.table(("Name", "PnL"), [("<a>", None), (tag("b", "x"), 3)], numeric=(1,))
    assert words(made) == "Name PnL <a> – x 3"
    assert [held.get("class") for name, held in elements(made) if name == "td"] == [None, "n"] * 2
    assert words(parts.table(("Name",), [], empty="nobody")) == "nobody"


def test_cards_facts_and_checks_show_names_and_values() -> None:
    """A figure has label, value and note; facts are pairs; a check says how it went."""
    assert words(parts.card("State", "idle", "since noon", "ok")) == "State idle since noon"
    assert words(parts.cards(parts.card("A", "", ""))) == "A –"
    assert words(parts.facts([("float", None), ("cap", 2)])) == "float – cap 2"
    made = parts.checks([("books", True, "flat"), ("report", False, ""), ("x", None, "y")])
    assert words(made) == "Check Detail books OK flat report FAILED – x ? y"


def test_a_meter_is_filled_by_its_fraction() -> None:
    """A quarter fills a quarter; more than all fills all."""
    assert 'style="width:25%"' in parts.meter(Decimal("0.25"), "x")
    assert 'style="width:100%"' in parts.meter(Decimal(3), "x")
    assert 'style="width:0%"' in parts.meter(None, "x")


def test_a_log_row_stands_in_its_parts() -> None:
    """Instant, level, event and text; without rows it says so."""
    made = parts.log_rows([Line("t", "ERROR", "ev", "words", "raw")])
    assert words(made) == "t ERROR ev words"
    assert words(parts.log_rows([])) == "no rows"


@pytest.mark.parametrize(("count", "shown"), [(None, "absent"), (999, "999 B"), (3533, "3 kB")])
def test_a_size_has_a_unit(count: int | None, shown: str) -> None:
    """Bytes, or that there is no file."""
    assert parts.size(count) == shown


def test_numbers_instants_and_percents_are_short() -> None:
    """Four decimals at most, no fraction of a second, whole percents."""
    assert parts.plain_number("1.23450") == "1.2345"
    assert parts.plain_number("1200.00") == "1,200"
    assert parts.plain_number(True) == "–"
    assert parts.instant("2024-03-04T14:00:01.123456Z") == "2024-03-04 14:00:01Z"
    assert parts.percent("0.666667") == "67 %"
    assert parts.percent(None) == "–"


def test_titles_banners_and_messages_hold_their_words() -> None:
    """Each shows what it was given."""
    assert words(parts.heading("Books", "11")) == "Books 11"
    assert words(parts.banner("closing", "warn")) == "closing"
    assert words(parts.message("sent")) == "sent"
    assert words(parts.columns(parts.pane("a"), parts.pane("b"), kind="two")) == "a b"
