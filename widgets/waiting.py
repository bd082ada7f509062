"""What waits for a person: one line with its buttons for each, gone as soon as it is answered."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from widgets.controls import button
from widgets.desk import Block, framed, row, stack, visible
from widgets.markup import tag
from widgets.parts import heading, instant, plain_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import ipywidgets

    from widgets.facts import Facts
    from widgets.markup import Html


class Waiting:
    """A list of what waits; hidden while nothing does.

    Parameters
    ----------
    title, note
        What stands above it.
    answers
        Label, kind and word of each button of a line.
    act
        Called with the number of the line and the word of the button.
    """

    def __init__(
        self,
        title: str,
        note: str,
        answers: Sequence[tuple[str, str, str]],
        act: Callable[[str, str], None],
    ) -> None:
        self._answers = answers
        self._act = act
        self._may = False
        self._lines: dict[str, tuple[Block, ipywidgets.HBox]] = {}
        self.told = Block()
        self.list = stack()
        self.view = framed(Block(heading(title, note)), self.list, self.told, kind="waiting")
        visible(self.view, on=False)

    def draw(self, lines: Sequence[tuple[str, Html]], *, may: bool) -> None:
        """Show what waits.

        Parameters
        ----------
        lines
            Number and text of each.
        may
            Whether the person may answer; the request asks again.
        """
        self._may = may
        numbers = [number for number, _ in lines]
        if numbers != list(self._lines):
            self._lines = {n: self._lines.get(n) or self._line(n) for n in numbers}
            self.list.children = tuple(box for _, box in self._lines.values())
        for number, text in lines:
            told, box = self._lines[number]
            told.show(text)
            for each in box.children[1:]:
                visible(each, on=may)
        visible(self.view, on=bool(lines) or bool(self.told.value))

    def press(self, number: str, word: str) -> None:
        """Answer a line that stands there; a forged press of one that does not does nothing."""
        if self._may and number in self._lines:
            self._act(number, word)

    def _line(self, number: str) -> tuple[Block, ipywidgets.HBox]:
        told = Block(kind="grow")
        buttons = [
            button(label, kind, partial(self.press, number, word))
            for label, kind, word in self._answers
        ]
        return told, row(told, *buttons, kind="control")


def entries(facts: Facts) -> list[tuple[str, Html]]:
    """Return the entries that wait for a yes, oldest first, with the seconds that are left."""
    answered = facts.document("confirmations_answered.json")
    found = []
    for number, held in facts.document("confirmations.json").items():
        left = _left(facts, held)
        if left is not None and not _answered(answered.get(number), held):
            words = (
                f"{held.get('strategy')}: {held.get('side')} {plain_number(held.get('qty'))}"
                f" {held.get('symbol')} at {plain_number(held.get('price'))}"
            )
            found.append((str(number), tag("span", words, " – ", tag("b", f"{left:.0f} s left"))))
    return found


def alerts(facts: Facts) -> list[tuple[str, Html]]:
    """Return the critical alerts that nobody has acknowledged, oldest first."""
    seen = facts.document("alerts_acknowledged.json")
    pending = facts.document("alerts.json").get("pending")
    found = []
    for each in pending if isinstance(pending, list) else ():
        alert = each.get("alert") if isinstance(each, dict) else None
        if not isinstance(alert, dict) or not alert.get("critical"):
            continue
        if (number := str(alert.get("number"))) not in seen:
            words = f"{alert.get('event')}: {alert.get('cause')}"
            at = instant(alert.get("timestamp"))
            found.append((number, tag("span", tag("b", words), " – ", at, f" ({number})")))
    return found


def _left(facts: Facts, held: Any) -> float | None:  # noqa: ANN401 - read from a file
    """Return how long an entry waits still [s]; None when it does not."""
    age = facts.age_s(held.get("expires")) if isinstance(held, dict) else None
    return -age if age is not None and age < 0 else None


def _answered(answer: Any, held: Mapping[str, Any]) -> bool:  # noqa: ANN401 - read from a file
    at = str(answer.get("at") or "") if isinstance(answer, dict) else ""
    return at >= str(held.get("asked"))
