"""Buttons that cannot be pressed by accident."""

from __future__ import annotations

import pytest

from tests.fakes.clock import FakeClock
from tests.widgets.world import is_shown, press, words
from widgets.controls import Confirmed, TypedKill, choice, field, given
from widgets.desk import Block


def confirmed(done: list[str], clock: FakeClock) -> Confirmed:
    """A button that notes its presses."""
    return Confirmed("Stop", "Confirm stop", "warn", clock, lambda: done.append("stop"))


def test_the_second_press_acts() -> None:
    """The first press asks, the second one acts, once."""
    done, clock = [], FakeClock()
    made = confirmed(done, clock)
    press(made.first)
    assert done == []
    assert is_shown(made.second)
    press(made.second)
    press(made.second)
    assert done == ["stop"]


def test_a_forged_press_of_the_hidden_button_does_nothing() -> None:
    """A click on the question that was never asked has no effect."""
    done: list[str] = []
    made = confirmed(done, FakeClock())
    press(made.second)
    assert done == []


def test_a_question_is_taken_back_after_ten_seconds() -> None:
    """Who comes back later is asked again."""
    done, clock = [], FakeClock()
    made = confirmed(done, clock)
    press(made.first)
    clock.advance(10.5)
    made.tick()
    assert is_shown(made.first)
    press(made.first)
    clock.advance(11)
    press(made.second)
    assert done == []


def test_cancel_takes_the_question_back() -> None:
    """Nothing is done, and the first button is back."""
    done: list[str] = []
    made = confirmed(done, FakeClock())
    press(made.first)
    press(made.cancel)
    press(made.second)
    assert done == []
    assert is_shown(made.first)


@pytest.mark.parametrize(("typed", "kills"), [("", 0), ("KIL", 0), ("KILL", 1), (" kill ", 1)])
def test_kill_needs_the_word(typed: str, kills: int) -> None:
    """Without the word the button only says what is missing; with it one press is enough."""
    done, told = [], Block()
    made = TypedKill(told, lambda: done.append("kill"))
    made.word.value = typed
    press(made.press)
    assert len(done) == kills
    assert ("type KILL" in words(told)) == (not kills)
    assert made.word.value == ("" if kills else typed)


def test_controls_can_be_switched_off() -> None:
    """A disabled control shows that it does not work now, and a forged press does nothing."""
    done: list[str] = []
    made = confirmed(done, FakeClock())
    made.enable(on=False)
    assert made.first.disabled
    press(made.first)
    press(made.second)
    assert done == []
    killer = TypedKill(Block(), lambda: None)
    killer.enable(on=False)
    assert killer.press.disabled


def test_a_secret_is_shown_as_dots() -> None:
    """The browser gets a password field; a plain line and a list are what they are."""
    assert field("x", secret=True)._model_name == "PasswordModel"
    assert field("x")._model_name == "TextModel"
    assert choice("x", ["a", "b"]).value == "a"


class Line:
    """The line of a widget to its page, in a kernel that runs."""

    comm_id = "a page's"
    kernel = "runs"

    def on_msg(self, _: object) -> None:
        """Take nobody's messages."""

    def close(self, *_: object, **__: object) -> None:
        """End with the widget."""


@pytest.mark.parametrize(("make", "secret"), [(field, True), (given, False), (given, True)])
def test_what_is_given_comes_back_in_no_message(make, secret) -> None:
    """K20: no echo and no state has it, whatever the page asks for; only its clearing is sent."""
    made = make("", secret=secret)
    made.comm = Line()
    sent: list[object] = []
    made._send = lambda message, buffers=None: sent.append((message, buffers))
    made.set_state({"value": "hunter2-hunter2"})
    assert made.value == "hunter2-hunter2"
    made.send_state()
    assert "hunter2" not in f"{sent}{made.get_state()}{made.get_state('value')}"
    made.value = ""
    assert sent[-1] == ({"method": "update", "state": {"value": ""}, "buffer_paths": []}, [])
