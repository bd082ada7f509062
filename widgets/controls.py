"""Buttons that cannot be pressed by accident, and fields whose values are checked at the press."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ipywidgets
from traitlets import Unicode

from widgets.desk import Block, row, visible
from widgets.parts import message

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import ControlClock

ARMED_S = 10
"""How long a question waits for its answer [s]."""
KILL_WORD = "KILL"
"""What is typed to kill."""


class GivenField(ipywidgets.Text):  # type: ignore[misc] # ipywidgets has no types
    """A line that is only ever given: what is typed comes back in no echo and no state (K20)."""

    value = Unicode("", help="what was typed").tag(sync=True, echo_update=False)

    def get_state(self, key: object = None, drop_defaults: bool = False) -> dict[str, object]:  # noqa: FBT001, FBT002 - of the base
        """Return the state as a browser may have it: a blank value, which clears the field."""
        state: dict[str, object] = super().get_state(key, drop_defaults)
        return state | {"value": ""} if "value" in state else state


class HiddenField(GivenField):
    """The same as dots."""

    _view_name = Unicode("PasswordView").tag(sync=True)
    _model_name = Unicode("PasswordModel").tag(sync=True)


def button(
    label: str, kind: str = "", press: Callable[[], None] | None = None
) -> ipywidgets.Button:
    """Return a plain button; `kind` is ``go``, ``warn``, ``danger``, ``ghost`` or blank."""
    made = ipywidgets.Button(description=label, tooltip=label)
    made.add_class("rigd-button")
    if kind:
        made.add_class(kind)
    if press is not None:
        made.on_click(lambda _: press())
    return made


def field(
    label: str, value: str = "", *, placeholder: str = "", secret: bool = False
) -> ipywidgets.Text:
    """Return a line to type into; a secret one shows dots and is never sent back."""
    kind = HiddenField if secret else ipywidgets.Text
    made = kind(description=label, value=value, placeholder=placeholder, continuous_update=True)
    made.add_class("rigd-field")
    return made


def given(label: str, *, placeholder: str = "", secret: bool = False) -> ipywidgets.Text:
    """Return a line for what is given to the kernel alone; a secret one shows dots as well."""
    made = (HiddenField if secret else GivenField)(
        description=label, placeholder=placeholder, continuous_update=True
    )
    made.add_class("rigd-field")
    return made


def choice(label: str, options: list[tuple[str, str]] | list[str]) -> ipywidgets.Dropdown:
    """Return a list to choose from."""
    made = ipywidgets.Dropdown(description=label, options=options)
    made.add_class("rigd-field")
    return made


class Confirmed:
    """A button that asks once more before it acts.

    Parameters
    ----------
    label, question
        What stands on the button, and on the second one.
    kind
        The colour of both.
    clock
        Ends the question after `ARMED_S` seconds.
    act
        What is done at the second press.
    """

    def __init__(
        self, label: str, question: str, kind: str, clock: ControlClock, act: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._act = act
        self._asked: float | None = None
        self._works = True
        self.first = button(label, kind, self._ask)
        self.second = button(question, kind, self._confirm)
        self.second.add_class("armed")
        self.cancel = button("Cancel", "ghost", self.settle)
        self.view = row(self.first, self.second, self.cancel, kind="confirmed")
        self.settle()

    @property
    def asking(self) -> bool:
        """Whether the question stands and was not left alone for too long."""
        return self._asked is not None and self._clock.monotonic() - self._asked <= ARMED_S

    def settle(self) -> None:
        """Go back to the first button."""
        self._asked = None
        self._show()

    def tick(self) -> None:
        """Take back a question that nobody answered."""
        if self._asked is not None and not self.asking:
            self.settle()

    def enable(self, *, on: bool) -> None:
        """Let it be pressed, or not; a forged press of one that is off does nothing either."""
        self._works = on
        for each in (self.first, self.second):
            each.disabled = not on

    def _ask(self) -> None:
        self._asked = self._clock.monotonic()
        self._show()

    def _confirm(self) -> None:
        answered = (
            self.asking and self._works
        )  # a forged click on the hidden button asks nothing and does nothing
        self.settle()
        if answered:
            self._act()

    def _show(self) -> None:
        visible(self.first, on=self._asked is None)
        visible(self.second, on=self._asked is not None)
        visible(self.cancel, on=self._asked is not None)


class TypedKill:
    """Kill: the word is typed, then the button pressed; a second or two, never by accident.

    Parameters
    ----------
    told
        Where it says that the word is missing.
    act
        What is done.
    """

    def __init__(self, told: Block, act: Callable[[], None]) -> None:
        self._told = told
        self._act = act
        self.word = field("", placeholder=f"type {KILL_WORD}")
        self.word.add_class("kill-word")
        self.press = button("Kill now", "danger", self._press)
        self.view = row(self.word, self.press, kind="kill")

    def enable(self, *, on: bool) -> None:
        """Let it be pressed, or not."""
        self.word.disabled = self.press.disabled = not on

    def _press(self) -> None:
        if self.word.value.strip().upper() != KILL_WORD:
            self._told.show(message(f"type {KILL_WORD} to close everything at once", "warn"))
            return
        self.word.value = ""
        self._act()
