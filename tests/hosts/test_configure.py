"""Settings are changed whole, sealed, backed up and audited, or not at all."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from rigd.core.errors import AlreadyRunning, ConfigError, StorageError
from rigd.core.events import AlertRaised, SettingsChanged, StateChanged
from rigd.core.lifecycle import BotState
from rigd.hosts import configure, finishing
from rigd.hosts.bot import PLAINTEXT, read_text
from rigd.store.locks import SessionLock
from rigd.vault.secrets import ENV_BOT
from tests.fakes.clock import FakeClock
from tests.hosts.homes import (
    ONE_SYMBOL,
    WatchingClock,
    bot_of,
    demo,
    engine,
    listing,
    short_report,
)

PAIR = {"MAX_TRADES": "1", "WEIGHTS": "1"}


@pytest.fixture
def home(tmp_path):
    """A home with the demo."""
    return demo(tmp_path)


def change(home, values: dict[str, str], reason: str = "a test") -> configure.Configured:
    return configure.change_settings(bot_of(home), values, reason, FakeClock())


def audited(home) -> list[dict]:
    lines = (home.logs / "operator_audit.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_a_change_is_sealed_and_audited(home) -> None:
    """MAX_TRADES and WEIGHTS together; the next generation; who, when, why, old and new."""
    before = bot_of(home).settings
    done = change(home, PAIR)
    assert done.changes == (("MAX_TRADES", "4", "1"), ("WEIGHTS", "0.4,0.2,0.2,0.2", "1"))
    assert (done.generation, done.running) == (2, False)
    after = bot_of(home).settings
    assert (after.max_trades, len(after.weights)) == (1, 1)
    assert after.model_copy(update={"max_trades": 4, "weights": before.weights}) == before
    (row,) = audited(home)
    assert (row["event"], row["reason"], row["generation"]) == ("settings_changed", "a test", 2)
    assert row["changes"] == [["MAX_TRADES", "4", "1"], ["WEIGHTS", "0.4,0.2,0.2,0.2", "1"]]
    assert row["digest_before"] != row["digest_after"]
    assert "# WEIGHTS" not in read_text(home, ENV_BOT)


def test_no_plaintext_and_no_key_is_left_behind(home) -> None:
    """K22: after a save no file of the home but the key holds a line of the settings."""
    change(home, {"MAX_ORDER_NOTIONAL": "4321.5"})
    for name, content in listing(home.root).items():
        assert b"MAX_ORDER_NOTIONAL=4321.5" not in content, name
    names = [path.name for path in home.env.rglob("*")]
    assert not [name for name in names if name.endswith(".tmp")]
    assert PLAINTEXT not in names


def test_the_sealed_file_before_it_is_kept(home) -> None:
    """The envelope of the generation before lies in runs/backups, readable by the owner alone."""
    old = (home.env / ENV_BOT).read_bytes()
    change(home, PAIR)
    (kept,) = home.backups.glob("*_env_bot_*.enc")
    assert kept.read_bytes() == old
    assert kept.name == "RIGD_USA_SIM_01_env_bot_00000001.enc"
    assert kept.stat().st_mode & 0o777 == 0o600


def test_only_so_many_are_kept(home, monkeypatch) -> None:
    """The newest remain."""
    monkeypatch.setattr(configure, "KEPT", 2)
    for count in range(4):
        change(home, {"MAX_OPEN_POSITIONS": str(6 + count)})
    names = sorted(path.name[-12:] for path in home.backups.glob("*.enc"))
    assert names == ["00000003.enc", "00000004.enc"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"MAX_TRADES": "2"}, "one weight for each of MAX_TRADES=2"),
        ({"MAX_TRADE": "2"}, "did you mean MAX_TRADES"),
        ({"MAX_PRICE": "cheap"}, "MAX_PRICE"),
        ({"VERSION_TAG": "9.9.9"}, "VERSION_TAG"),
        ({"BROKER_CODE": "IBKR"}, "BROKER_CODE"),
    ],
)
def test_a_wrong_change_writes_nothing(home, values, told) -> None:
    """Refused as a whole with the reason; the sealed file is untouched and nothing is audited."""
    before = (home.env / ENV_BOT).read_bytes()
    with pytest.raises(ConfigError) as refused:
        change(home, values | {"MAX_OPEN_POSITIONS": "3"})
    assert told in str(refused.value)
    assert (home.env / ENV_BOT).read_bytes() == before
    assert not (home.logs / "operator_audit.log").exists()


def test_the_same_values_again_write_nothing(home) -> None:
    """No new generation, no row."""
    before = (home.env / ENV_BOT).read_bytes()
    assert change(home, {"MAX_OPEN_POSITIONS": "5"}).changes == ()
    assert (home.env / ENV_BOT).read_bytes() == before


def test_one_change_at_a_time(home) -> None:
    """A second writer is refused while the first one holds the lock."""
    tree = home.bot(bot_of(home).identity)
    held = SessionLock(tree.root / "config.lock", what="another", clock=FakeClock())
    with held, pytest.raises(AlreadyRunning, match="another"):
        change(home, PAIR)


def test_a_readable_settings_file_is_not_shadowed(home) -> None:
    """With env/.env_bot in use a sealed change would be without effect, so it is refused."""
    (home.env / PLAINTEXT).write_text(read_text(home, ENV_BOT))
    with pytest.raises(ConfigError, match="readable"):
        change(home, PAIR)


def test_keys_of_the_start_wait_while_a_session_runs(home) -> None:
    """Refused by name with the reason while the bot's lock is held, accepted afterwards."""
    tree = home.bot(bot_of(home).identity)
    values = {"START_TIME_MID": "open+140m"}
    with SessionLock(tree.lock, what="a session", clock=FakeClock()):
        with pytest.raises(ConfigError, match="START_TIME_MID") as refused:
            change(home, values | PAIR)
        assert "takes effect at a start only" in str(refused.value)
        assert change(home, PAIR).running is True
    assert change(home, values).running is False


def test_a_running_session_takes_a_change_in(home, monkeypatch) -> None:
    """H3: saved while the engine runs, in force from the next minute on; the process goes on."""
    monkeypatch.setattr(finishing, "report_html", short_report)
    waits = []
    done = []

    def edit() -> None:
        waits.append(1)
        if len(waits) == 200:
            done.append(configure.change_settings(bot_of(home), PAIR, "", FakeClock()))

    ran = engine(home, replace(ONE_SYMBOL, speed=600.0), WatchingClock(edit))
    asyncio.run(ran.run())
    assert done[0].running is True
    records = [entry.record for entry in ran.entries()]
    (changed,) = [record for record in records if isinstance(record, SettingsChanged)]
    assert changed.changes[0] == ("MAX_TRADES", "4", "1")
    assert changed.minute > 0
    states = [record.state for record in records if isinstance(record, StateChanged)]
    assert states.count(BotState.UPDATING) == 1
    assert not [record for record in records if isinstance(record, AlertRaised)]
    log = (ran.place.folder / "main_bot.log").read_text()
    assert "MAX_TRADES 4 -> 1" in log
    status = json.loads((ran.place.folder / "status.json").read_text())
    assert status["limits"]["max_trades"] == "1"
    assert status["exit_code"] == 0


def test_a_change_that_cannot_be_audited_is_not_made(home, monkeypatch) -> None:
    """No effect without its row: the sealed settings stay as they are."""
    sealed = (home.env / ".env_bot.enc").read_bytes()

    def refuse(*_: object) -> None:
        raise StorageError("could not write operator_audit.log: no space left on device")

    monkeypatch.setattr(configure, "audit", refuse)
    with pytest.raises(StorageError):
        change(home, PAIR)
    assert (home.env / ".env_bot.enc").read_bytes() == sealed
