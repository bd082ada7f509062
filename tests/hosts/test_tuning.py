"""The tuning tables of a bot."""

from __future__ import annotations

import shutil

from rigd.hosts import tuning
from rigd.store.paths import Home
from tests.hosts.homes import bot_of


def test_a_session_leaves_a_table_per_strategy(launched) -> None:
    """INVENTORY E28: a launched session stands in the table of each of its strategies."""
    home, _ = launched
    found = tuning.tables(bot_of(home))
    assert [*found] == ["open", "mid", "close"]
    for name, document in found.items():
        path = home.backtest_results / "strategy_tuning" / f"RIGD_USA_SIM_01_{name}.json"
        assert path.is_file()
        assert [run["session"] for run in document["runs"]] == ["2012-11-14_1"]


def test_a_lost_table_is_made_again_from_the_sealed_sessions(launched, tmp_path) -> None:
    """The tables are derived from journals: made again they are the same bytes."""
    shutil.copytree(launched[0].root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    folder = home.backtest_results / "strategy_tuning"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    for path in folder.iterdir():
        path.write_bytes(b"{")
    assert tuning.rebuild(bot_of(home)) == 1
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_bot_without_sessions_has_no_table(tmp_path, launched) -> None:
    """Nothing ran, nothing is told."""
    shutil.copytree(launched[0].env, tmp_path / "env")
    bot = bot_of(Home(tmp_path))
    assert tuning.tables(bot) == {}
    assert tuning.rebuild(bot) == 0
    assert tuning.open_tables(str(tmp_path)) == {}


def test_a_notebook_opens_the_tables_of_a_home(launched) -> None:
    """INVENTORY O9: the tables of the home that it is given."""
    assert [*tuning.open_tables(str(launched[0].root))] == ["open", "mid", "close"]
