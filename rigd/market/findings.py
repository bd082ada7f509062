"""Collect what is wrong with files of market data, so that all of it is shown at once."""

from __future__ import annotations

from rigd.core.errors import DataError, Problem

LIMIT = 20
"""Problems kept; reading stops there."""


class Findings:
    """The problems found so far, at most LIMIT of them."""

    __slots__ = ("_problems",)

    def __init__(self) -> None:
        self._problems: list[Problem] = []

    @property
    def full(self) -> bool:
        """Tell whether as many were found as are shown."""
        return len(self._problems) >= LIMIT

    @property
    def count(self) -> int:
        """The number of problems kept."""
        return len(self._problems)

    def add(self, where: str, message: str, key: str = "") -> None:
        """Keep one problem, if there is room.

        Parameters
        ----------
        where
            File, with ``:line`` where a line is known.
        message
            What was expected and what was found.
        key
            The column concerned, blank when none is.
        """
        if not self.full:
            self._problems.append(Problem(where, message, key))

    def raise_any(self, what: str) -> None:
        """Raise one error with every problem, if there is any.

        Parameters
        ----------
        what
            The subject of the message, such as ``bars``.

        Raises
        ------
        DataError
            If a problem was found.
        """
        if not self._problems:
            return
        more = "or more " if self.full else ""
        noun = "problem" if self.count == 1 else "problems"
        raise DataError(
            f"{what} must not be used: {self.count} {more}{noun} found",
            problems=self._problems,
            fix="Correct or remove the files named; no malformed row is skipped.",
        )
