"""What waits for a person: entries that ask for a yes, critical alerts that ask to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.access.roles import Action, Role
from tests.widgets.world import ATTACK, World, elements, is_shown, markup, press, words, world
from widgets.dashboard import Dashboard
from widgets.status import Status
from widgets.waiting import alerts, entries

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = {
    "number": "q-1",
    "strategy": "open",
    "symbol": "IBM",
    "side": "buy",
    "qty": "10",
    "price": "100.5",
    "asked": "2024-03-04T13:59:45Z",
    "expires": "2024-03-04T14:00:45Z",
}
ALERT = {
    "number": "2024-03-04_1-7",
    "timestamp": "2024-03-04T13:59:00Z",
    "critical": True,
    "event": "broker down",
    "cause": "silent for 15 s",
}


@pytest.fixture
def made(tmp_path: Path) -> World:
    found = world(tmp_path)
    found.write("confirmations.json", {"q-1": ENTRY})
    found.write("alerts.json", {"pending": [{"alert": ALERT, "way": ["email"], "tried": 1}]})
    return found


@pytest.mark.parametrize(("button", "answer"), [(1, "yes"), (2, "no")])
def test_an_entry_is_answered_with_one_request(made: World, button: int, answer: str) -> None:
    """TRADE_CONFIRMATION_REQUIRED: which entry, and the seconds that are left."""
    page = made.page(Dashboard)
    assert "open: buy 10 IBM at 100.5 – 45 s left" in words(page.waiting.view)
    (line,) = page.waiting.list.children
    press(line.children[button])
    assert made.requests.sent == [
        (Action.CONFIRM_TRADE, "", {"candidate": "q-1", "answer": answer})
    ]
    assert "it was done" in words(page.waiting.told)


def test_a_critical_alert_is_acknowledged_with_one_request(made: World) -> None:
    """A11: which one, what it is about, since when."""
    page = made.page(Status)
    assert "broker down: silent for 15 s" in words(page.alerts.view)
    (line,) = page.alerts.list.children
    press(line.children[1])
    assert made.requests.sent == [(Action.ACKNOWLEDGE_ALERT, "", {"alert": "2024-03-04_1-7"})]


def test_what_was_answered_or_is_over_waits_no_more(made: World) -> None:
    """The line goes; a press that is forged later asks for nothing."""
    page, status = made.page(Dashboard), made.page(Status)
    (line,), (alert,) = page.waiting.list.children, status.alerts.list.children
    made.write("confirmations_answered.json", {"q-1": {"yes": True, "at": "2024-03-04T14:00:00Z"}})
    made.write("alerts_acknowledged.json", {"2024-03-04_1-7": {"by": "ada"}})
    for each in (page, status):
        each.draw(each.read())
    assert not is_shown(page.waiting.view)
    assert not is_shown(status.alerts.view)
    press(line.children[1])
    press(alert.children[1])
    assert made.requests.sent == []


def test_an_entry_that_expired_waits_no_more(made: World) -> None:
    """60 s after the question; an answer to an earlier question does not hide this one."""
    facts = made.desk.facts
    made.write("confirmations_answered.json", {"q-1": {"yes": True, "at": "2024-03-04T13:00:00Z"}})
    assert len(entries(facts)) == 1
    made.clock.advance(45)
    assert entries(facts) == []


def test_a_viewer_sees_and_cannot_answer(made: World) -> None:
    """The buttons are hidden, and a forged press sends nothing."""
    made.session.role = Role.VIEWER
    for kind, part in ((Dashboard, "waiting"), (Status, "alerts")):
        found = getattr(made.page(kind), part)
        assert is_shown(found.view)
        (line,) = found.list.children
        assert not any(is_shown(each) for each in line.children[1:])
        press(line.children[1])
    assert made.requests.sent == []


def test_nothing_of_a_file_becomes_markup(made: World) -> None:
    """S11: a symbol or an alert's text is text."""
    made.write("confirmations.json", {"q-1": ENTRY | {"symbol": ATTACK}})
    made.write("alerts.json", {"pending": [{"alert": ALERT | {"cause": ATTACK}}]})
    shown = markup(made.page(Dashboard).waiting.view) + markup(made.page(Status).alerts.view)
    assert {name for name, _ in elements(shown)} <= {"div", "h2", "span", "b", "time"}


@pytest.mark.parametrize("content", [{}, {"pending": 3}, {"pending": [1, {"alert": 2}]}])
def test_files_of_another_form_are_no_lines(made: World, content: dict[str, object]) -> None:
    """Nothing waits by them, nor does a routine alert."""
    made.write("alerts.json", content)
    made.write("confirmations.json", {"q-1": 3, "q-2": {"expires": "x"}})
    assert alerts(made.desk.facts) == entries(made.desk.facts) == []
    made.write("alerts.json", {"pending": [{"alert": ALERT | {"critical": False}}]})
    assert alerts(made.desk.facts) == []
