"""In a kernel of JupyterLab: research is free, and no engine with a real account begins."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rigd.hosts.launch_ticket import VARIABLE
from rigd.store.locks import read_owner
from tests.hosts.homes import at_alpaca, bot_of, demo, listing, production
from tests.system.lab import SECRET, Kernel, Lab, kernel_of, lab_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]

MADE_BY_HAND = """
import os
from pathlib import Path
from rigd.core.ids import SystemIds
from rigd.hosts import launch_ticket, session
from rigd.hosts.bot import open_bot
from rigd.config.sources import checkout
from rigd.store.paths import Home
bot = open_bot(Home(Path({home!r})), checkout() / "VERSION.md")
Path({home!r}, "runs", str(bot.identity)).mkdir(parents=True, exist_ok=True)
os.environ.update(launch_ticket.issue(bot, "2012-11-14_1", SystemIds()))
session.start({home!r}, launched=True)
"""
LAUNCHED_BY_HAND = """
import os, subprocess, sys
done = subprocess.run(
    [sys.executable, "-m", "rigd", "session"],
    env=os.environ | {{"RIGD_HOME": {home!r}}}, capture_output=True, text=True,
)
print(done.returncode, done.stderr)
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One JupyterLab for the tests of this file."""
    with lab_of(tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture(scope="module")
def kernel(lab: Lab) -> Iterator[Kernel]:
    """One of its kernels."""
    with kernel_of(lab) as opened:
        yield opened


def test_it_holds_no_secret(lab: Lab, kernel: Kernel) -> None:
    """J1: neither a secret of who started JupyterLab, nor its token, nor a ticket."""
    told, _ = kernel.run("import json, os\nprint(json.dumps(dict(os.environ)))")
    for variables in (json.loads(told), kernel.process.environ()):
        assert SECRET not in variables.values()
        assert lab.token not in variables.values()
        assert not {VARIABLE, "RIGD_VAULT_FILE", "ALPACA_API_KEY"} & variables.keys()


@pytest.mark.parametrize("made", [at_alpaca, production])
def test_no_engine_with_a_real_account_begins(kernel: Kernel, tmp_path: Path, made) -> None:
    """A paper or live account, and a bot of PRODUCTION: refused, and nothing is written."""
    home = made(tmp_path)
    before = listing(home.root)
    _, error = kernel.run(f"from rigd.hosts import session\nsession.start({str(home.root)!r})")
    assert error.startswith("AccessError: an engine ")
    assert "must have a launch ticket, found none" in error
    told, _ = kernel.run(LAUNCHED_BY_HAND.format(home=str(home.root)))
    assert "must be launched outside JupyterLab" in told
    assert not told.startswith("0")
    assert listing(home.root) == before


def test_no_kernel_issues_its_own_ticket(kernel: Kernel, tmp_path: Path) -> None:
    """One made by hand is refused: only who owns the bot's launch issues tickets."""
    home = production(tmp_path)
    _, error = kernel.run(MADE_BY_HAND.format(home=str(home.root)))
    assert "found one whose launcher no longer owns the bot" in error
    assert read_owner(home.bot(bot_of(home).identity).launch_lock) is None
    assert not list(home.runs.glob("*/sessions"))


def test_research_is_free(kernel: Kernel, tmp_path: Path) -> None:
    """A session of the demo by hand closes with the books balanced; a backtest runs beside it."""
    home = demo(tmp_path)
    request = '{"data": "", "day": "", "symbols": ["FB"], "bar_stamp": "start", '
    request += '"overrides": [], "speed": 0.0}'
    told, error = kernel.run(
        "import rigd\nfrom rigd.hosts import session\n"
        f"bot = session.start({str(home.root)!r}, {request!r}).wait()\n"
        "print(bot.entries[-1].record.status, bot.bot.profile)\n"
        "print(len(rigd.backtest('open').trades) > 0)"
    )
    assert error == ""
    assert told.split() == ["CLOSED", "TEST", "True"]
