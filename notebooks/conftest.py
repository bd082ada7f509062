"""Notebooks under nbval: each runs in a home of this run, and only beside its flag (070)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.flags import missing_flag

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = pytest.StashKey[Path]()


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Iterator[None]:
    """Give the kernels of this run their own RIGD_HOME, with a flag for each notebook."""
    home = session.config._tmp_path_factory.mktemp("home")  # noqa: SLF001 - there is no public way
    control = home / "runs" / "control"
    control.mkdir(parents=True)
    flags = {control / flag_of(item) for item in session.items}
    for flag in flags:
        flag.touch()
    session.config.stash[HOME] = home
    before = os.environ.get("RIGD_HOME")
    os.environ["RIGD_HOME"] = str(home)
    try:
        return (yield)
    finally:
        if before is None:
            del os.environ["RIGD_HOME"]
        else:
            os.environ["RIGD_HOME"] = before
        for flag in flags:
            flag.unlink(missing_ok=True)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a notebook whose flag does not lie in the control folder of this run."""
    refusal = missing_flag(item.config.stash[HOME] / "runs" / "control", flag_of(item))
    if refusal:
        pytest.skip(refusal)


def flag_of(item: pytest.Item) -> str:
    """Return the name of the flag of a notebook's cell."""
    return f"test_mode_{item.path.stem}.flag"
