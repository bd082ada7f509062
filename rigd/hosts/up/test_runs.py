"""Runs the tests whose flags lie there, beside everything else; one run at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.config.sources import checkout
from rigd.hosts.supervisor import Child, kept_of, tests_command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.hosts.up.panel import Kept
    from rigd.store.paths import Home


class TestRuns:
    """The supervisor's run of tests.

    Parameters
    ----------
    home, inherited
        Whose flags, and the environment of which a run gets what any run gets.
    start
        Starts a run; a process of its own without it.
    """

    __test__ = False

    def __init__(
        self,
        home: Home,
        inherited: Mapping[str, str],
        start: Callable[[dict[str, str]], Kept] | None = None,
    ) -> None:
        self._variables = kept_of(inherited) | {"RIGD_HOME": str(home.root)}
        self._start = start or (lambda given: Child(tests_command(), given, checkout()))
        self._child: Kept | None = None

    def begin(self) -> bool:
        """Begin a run; False while one goes on."""
        if self._child is not None and self._child.code is None:
            return False
        self._child = self._start(self._variables)
        return True

    def end(self) -> None:
        """End the run with the supervisor."""
        if self._child is not None:
            self._child.end()
            self._child = None
