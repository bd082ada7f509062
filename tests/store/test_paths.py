"""Tests of the paths."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigd.core.errors import ConfigError, LogicError
from rigd.core.values import BotIdentity
from rigd.store.paths import Home

BOT = BotIdentity(entity_code="DEMO", jurisdiction_code="US", broker_code="SIM", bot_id="01")
HOME = Home(Path("home"))


def test_system_paths_are_those_of_the_architecture() -> None:
    """ARCHITECTURE §8 names each folder below env/ and runs/."""
    found = {
        HOME.env: "env",
        HOME.runs: "runs",
        HOME.control: "runs/control",
        HOME.logs: "runs/logs",
        HOME.screeners: "runs/screeners",
        HOME.cache: "runs/cache",
        HOME.backups: "runs/backups",
        HOME.backtest_results: "runs/backtest_results",
        HOME.latest: "runs/latest",
        HOME.sim_broker("DEMO-1"): "runs/simulated_broker/DEMO-1.log",
    }
    assert {path.as_posix(): "home/" + text for path, text in found.items()} == {
        "home/" + text: "home/" + text for text in found.values()
    }


def test_a_bots_paths_carry_its_identity() -> None:
    """Documents 070 and 090 name the bot's folders and the ledger's file."""
    tree = HOME.bot(BOT)
    root = "home/runs/DEMO_US_SIM_01"
    found = {
        tree.root: root,
        tree.logs: f"{root}/logs",
        tree.trades: f"{root}/trades",
        tree.summaries: f"{root}/summaries",
        tree.ledgers: f"{root}/ledgers",
        tree.transfers: f"{root}/transfers",
        tree.sessions: f"{root}/sessions",
        tree.ledger_db: f"{root}/ledgers/DEMO_US_SIM_01_BOT_ledger.db",
        tree.session(date(2013, 10, 7), 2): f"{root}/sessions/2013-10-07_2",
        tree.lock: f"{root}/session.lock",
        tree.epoch: f"{root}/lease_epoch",
        tree.risk_state: f"{root}/risk_state.json",
    }
    assert [path.as_posix() for path in found] == list(found.values())


def test_old_books_are_looked_up_where_document_090_kept_them() -> None:
    """The older path has the entity and the jurisdiction in its folder (CF1)."""
    expected = "home/entities/DEMO_US/ledgers/bot/DEMO_US_SIM_01_BOT_ledger.db"
    assert HOME.old_ledger_db(BOT).as_posix() == expected


def test_sessions_of_a_day_are_counted_from_their_folders(tmp_path: Path) -> None:
    """Only whole numbers of that very day count, in numerical order."""
    tree = Home(tmp_path).bot(BOT)
    assert tree.session_numbers(date(2013, 10, 7)) == []
    for name in ("2013-10-07_10", "2013-10-07_2", "2013-10-08_1", "2013-10-07_x", "2013-10-07_"):
        (tree.sessions / name).mkdir(parents=True)
    assert tree.session_numbers(date(2013, 10, 7)) == [2, 10]


def test_what_a_home_holds_is_found_by_the_resolver(tmp_path: Path) -> None:
    """L37: bots with sessions, books, journals and simulated accounts, each in order."""
    home = Home(tmp_path)
    assert (home.bots_with_sessions(), home.books(), home.sim_accounts()) == ([], [], [])
    files = (
        f"{BOT}/sessions/2024-03-04_2/journal.log",
        f"{BOT}/sessions/2024-03-04_1/journal.log",
        f"{BOT}/ledgers/{BOT}_BOT_ledger.db",
        "simulated_broker/B.log",
        "simulated_broker/A.log",
        "simulated_broker/A.json",
        "logs/main_bot.log",
    )
    for name in files:
        (tmp_path / "runs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "runs" / name).touch()
    (tmp_path / "runs" / "B_SET_UP_01" / "ledgers").mkdir(parents=True)
    (tmp_path / "runs" / "B_SET_UP_01" / "ledgers" / "x.db").touch()
    assert home.bots_with_sessions() == [str(BOT)]
    assert home.bots() == ["B_SET_UP_01", str(BOT)]
    assert home.books()[-1:] == [tmp_path / "runs" / files[2]]
    assert home.sim_accounts() == ["A", "B"]
    assert home.bot(BOT).journals() == [tmp_path / "runs" / name for name in (files[1], files[0])]
    assert home.bot(BOT).config_lock == tmp_path / "runs" / str(BOT) / "config.lock"


def test_a_session_number_below_one_is_a_defect() -> None:
    """Sessions of a day count from 1."""
    with pytest.raises(LogicError, match="from 1"):
        HOME.bot(BOT).session(date(2013, 10, 7), 0)


@pytest.mark.parametrize("account", ["", "../x", "a/b", "a b", "-a", "x" * 65, "a\n"])
def test_an_account_that_is_no_name_is_refused(account: str) -> None:
    """An account cannot lead to another folder."""
    with pytest.raises(LogicError, match="account"):
        HOME.sim_broker(account)


_CODES = st.text("ABCXYZ0189", min_size=2, max_size=12)


@given(_CODES, _CODES, _CODES, st.text("ABCXYZ0189", min_size=1, max_size=8))
def test_any_identity_keeps_its_tree_inside_the_home(a: str, b: str, c: str, d: str) -> None:
    """The tree is one folder below runs/, named by the four parts."""
    bot = BotIdentity(entity_code=a, jurisdiction_code=b, broker_code=c, bot_id=d)
    assert HOME.bot(bot).root == Path("home/runs") / f"{a}_{b}_{c}_{d}"


@given(st.text(max_size=20))
def test_an_identity_of_another_form_is_refused(text: str) -> None:
    """A code with any other character, such as a slash, never reaches a path."""
    if text.isascii() and text.isalnum() and text.upper() == text and 2 <= len(text) <= 12:
        return
    with pytest.raises(ConfigError):
        BotIdentity(entity_code=text, jurisdiction_code="US", broker_code="SIM", bot_id="01")


def test_a_dry_run_writes_below_its_own_folder() -> None:
    """Outputs go to runs/test_mode; settings, secrets and control flags are those of the home."""
    dry = HOME.dry
    assert dry.runs == HOME.runs / "test_mode"
    assert (dry.env, dry.control) == (HOME.env, HOME.control)
    assert dry.bot(BOT).root == HOME.runs / "test_mode" / str(BOT)
    for path in (dry.logs, dry.backups, dry.latest, dry.cache, dry.sim_broker("A")):
        assert path.is_relative_to(dry.runs)
    assert dry.live == HOME == HOME.live
    assert dry.dry == dry
