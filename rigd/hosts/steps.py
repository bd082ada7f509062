"""The steps of a session's end: each is recorded, and one that fails does not stop the next.

Documents 070 and 090, phases 5 and 6; ARCHITECTURE §3: positions flat, books checked, exports,
report, status, journal sealed; then the launcher's record, manifest, link and backup. What must
stop the others, such as a journal that cannot be sealed, is not taken through here: it raises.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the end.

    Parameters
    ----------
    name
        What was done.
    passed
        Whether it was done.
    detail
        Why not, or a fact worth keeping.
    """

    name: str
    passed: bool
    detail: str = ""


class Steps:
    """Takes steps one after the other and remembers how each went.

    Parameters
    ----------
    taken
        The steps that another process took before.
    """

    def __init__(self, taken: Iterable[Step] = ()) -> None:
        self.taken = list(taken)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What failed, one sentence each."""
        return tuple(f"{step.name}: {step.detail}" for step in self.taken if not step.passed)

    def take(self, name: str, work: Callable[[], _Answer], instead: _Answer) -> _Answer:
        """Take one step; whatever it raises is recorded, and the next step can be taken.

        Parameters
        ----------
        name
            What it is.
        work
            Does it.
        instead
            What stands for its answer when it fails.

        Returns
        -------
        object
            The answer of `work`, or `instead`.

        Raises
        ------
        MemoryError
            If there is no memory left: nothing more can be relied on.
        """
        try:
            answer = work()
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a step's fault must stay its own
            self.note(name, passed=False, detail=f"{type(error).__name__}: {error}")
            return instead
        self.note(name, passed=True)
        return answer

    def note(self, name: str, *, passed: bool, detail: str = "") -> None:
        """Record a step that was taken elsewhere."""
        self.taken.append(Step(name=name, passed=passed, detail=detail))

    def as_fields(self) -> list[dict[str, str | bool]]:
        """Return the steps as values that JSON can hold."""
        return [asdict(step) for step in self.taken]


def from_fields(fields: object) -> list[Step]:
    """Return the steps that `as_fields` took apart; none when they are not such."""
    if not isinstance(fields, list):
        return []
    return [
        Step(name=str(row["name"]), passed=row["passed"] is True, detail=str(row["detail"]))
        for row in fields
        if isinstance(row, dict) and row.keys() == {"name", "passed", "detail"}
    ]
