"""``rigd.backtest(…)`` as a person calls it in a notebook."""

from __future__ import annotations

import asyncio
import shutil
import socket

import pytest

import rigd
from rigd.config.sources import checkout
from rigd.core.errors import ConfigError
from rigd.hosts.backtest.scanning import Lane
from rigd.hosts.research import pairs_of
from rigd.store.paths import Home
from tests.hosts.homes import demo, listing
from tests.shared import shared_path

REAL = {"start": "2013-10-04", "end": "2013-10-08", "symbols": "SPY,IBM,BAC", "lane": "plain"}


def test_a_backtest_of_real_days(tmp_path) -> None:
    """One call reads the folder, runs the days and answers with trades and figures."""
    found = rigd.backtest("mid", data=shared_path("data"), home=str(tmp_path), **REAL)
    assert len(found.days) == 3
    assert found.figures.trades == len(found.trades) > 2
    assert set(found.trades["strategy_name"]) == {"mid"}
    assert list(tmp_path.iterdir()) == []


def test_settings_by_name_and_as_text_are_one(tmp_path) -> None:
    """``strat_open_buffer=0.4`` and ``changes`` mean the same; lists and switches too."""
    by_name = rigd.backtest(
        "open", home=str(tmp_path), strat_open_buffer=0.4, max_trades=2, weights=[0.5, 0.5]
    )
    changes = "STRAT_OPEN_BUFFER=0.4; MAX_TRADES=2; WEIGHTS=0.5,0.5"
    as_text = rigd.backtest("open", home=str(tmp_path), changes=changes)
    assert by_name.terms.settings == as_text.terms.settings
    assert by_name.days == as_text.days
    with pytest.raises(ConfigError, match="KEY=VALUE"):
        pairs_of("MAX_TRADES")


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ({"strat_open_bufer": 1}, "did you mean strat_open_buffer?"),
        ({"simbols": "SPY"}, "did you mean symbols?"),
        ({"start": "yesterday"}, "start must be YYYY-MM-DD"),
    ],
)
def test_a_typo_is_answered(wrong, meant) -> None:
    """A misspelt parameter or setting names the nearest known one."""
    with pytest.raises(ConfigError) as refused:
        rigd.backtest("open", **wrong)
    assert meant in str(refused.value)


def test_it_runs_where_an_event_loop_runs(tmp_path) -> None:
    """In a notebook's kernel a loop is running; the session engine in memory needs none."""

    async def cell() -> str:
        found = rigd.backtest("open", home=str(tmp_path), sim_reject_rate=0.5)
        assert {str(day.way) for day in found.days} == {"session"}
        return found.why(found.history.symbols[0])

    assert "screener" in asyncio.run(cell())


def test_results_are_saved_on_demand(tmp_path) -> None:
    """With ``save`` the files lie under runs/backtest_results, in a folder named by the stamp."""
    rigd.backtest("close", home=str(tmp_path), save=True, stamp="mine", lane=Lane.PLAIN)
    folder = tmp_path / "runs" / "backtest_results" / "runs" / "mine"
    assert (folder / "daily_summary_backtest.json").exists()
    rigd.backtest("close", home=str(tmp_path), save=True)
    assert len(list(folder.parent.iterdir())) == 2


def test_it_needs_no_network_and_no_books(tmp_path, monkeypatch) -> None:
    """With every socket refused and the ledger read-only it runs on the test settings (B1, B9)."""
    home = demo(tmp_path)
    ledger = home.runs / "RIGD_USA_SIM_01" / "ledgers" / "RIGD_USA_SIM_01_BOT_ledger.db"
    ledger.parent.mkdir(parents=True)
    ledger.write_bytes(b"books")
    ledger.chmod(0o400)

    def refused(*_: object) -> None:
        msg = "no network"
        raise AssertionError(msg)

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "create_connection", refused)
    config = str(checkout() / "env" / ".env_bot.test")
    data = shared_path("data")
    found = rigd.backtest("all", data=data, home=str(home.root), config=config, save=True, **REAL)
    assert len(found.days) == 3
    assert ledger.read_bytes() == b"books"


def test_a_whole_backtest_leaves_the_bots_own_outputs_alone(tmp_path, launched) -> None:
    """B5, B18: beside a session's record and books nothing but backtest_results is new."""
    home = Home(tmp_path / "home")
    shutil.copytree(launched[0].root, home.root, symlinks=True)
    before = listing(home.root)
    rigd.backtest("all", home=str(home.root), save=True, lane="plain")
    after = listing(home.root)
    assert {name: after[name] for name in before} == before
    new = after.keys() - before.keys()
    assert {name for name in new if not name.startswith("runs/backtest_results")} == set()
    assert not [name for name in new if name.endswith((".db", ".ofx", "journal.log"))]


def test_filters_and_sensitivity_are_toggles_of_one_backtest(tmp_path) -> None:
    """B2: what a filter blocks passes when it is off, and a farther trigger gives fewer signals."""
    span = {"start": "2012-11-12", "end": "2012-11-14", "lane": "plain", "home": str(tmp_path)}
    tight = rigd.backtest("mid", adx_threshold=0, **span).funnel[-1]
    free = rigd.backtest("mid", adx_threshold=0, adx_filter_enabled=False, **span).funnel[-1]
    far = rigd.backtest("mid", strat_mid_vwap_threshold=0.009, **span).funnel[-1]
    assert {each.rule for each in tight.blocked} == {"adx"}
    assert tight.orders == 0 < free.orders
    assert "adx" not in {each.rule for each in free.blocked}
    assert far.signals < free.signals
