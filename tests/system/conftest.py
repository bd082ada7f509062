"""Figures of the system tests: measured by a test, printed at the end of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

_TOLD: list[str] = []


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Callable[[str, str], None]:
    """A function that prints a figure of this test at the end of the run."""

    def tell(what: str, value: str) -> None:
        record_property(what, value)
        _TOLD.append(f"{what}: {value}")

    return tell


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures."""
    if _TOLD:
        terminalreporter.section("figures")
        for line in _TOLD:
            terminalreporter.line(line)
        _TOLD.clear()
