from __future__ import annotations

import os
from decimal import Decimal

import pytest

from rigd.broker.simulated.model import SimModel, SlippageKind
from rigd.core.errors import ConfigError
from rigd.core.values import BotIdentity, Profile
from rigd.hosts.kill_access import MOST_BYTES, NAME, KillAccess, find_access, leave_access
from rigd.store.paths import Home

BOT = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="07")
ACCESS = KillAccess(
    identity=BOT,
    profile=Profile.TEST,
    seed=42,
    model=SimModel(
        latency_ms=250,
        slippage=SlippageKind.RULE_BASED,
        slippage_mean=0.001,
        commission_fraction=Decimal("0.0005"),
        lost_reply_rate=0.25,
        native_trailing=True,
    ),
)


def home(tmp_path) -> Home:
    """A home with the file."""
    (tmp_path / "env").mkdir()
    found = Home(tmp_path)
    leave_access(found, ACCESS)
    return found


def test_what_the_engine_leaves_the_kill_finds(tmp_path) -> None:
    """Bot, profile and the broker's behaviour come back equal, without settings or secrets."""
    assert find_access(home(tmp_path)) == ACCESS


def test_a_dry_run_leaves_the_live_file_alone(tmp_path) -> None:
    """What TEST_MODE leaves lies among its own outputs, marked; the bot's account stays known."""
    live = home(tmp_path)
    other = KillAccess(identity=BOT, profile=Profile.TEST, seed=43)
    live.dry.runs.mkdir(parents=True)
    leave_access(live.dry, other)
    assert find_access(live) == ACCESS
    assert find_access(live.dry) == other
    assert b'"test_mode": true' in (live.dry.runs / NAME).read_bytes()


def test_the_file_is_read_only_and_its_owners_alone(tmp_path) -> None:
    """Mode 0400; written again only when it says something else."""
    place = home(tmp_path)
    path = place.env / NAME
    assert path.stat().st_mode & 0o777 == 0o400
    before = path.stat().st_ino
    leave_access(place, ACCESS)
    assert path.stat().st_ino == before
    leave_access(place, KillAccess(identity=BOT, profile=Profile.TEST))
    assert path.stat().st_ino != before


DAMAGED = (
    b"",
    b"{",
    b"[]",
    b'{"bot": "x"}',
    b"\xff\xfe",
    b"[" * 60_000,
    b" " * (MOST_BYTES + 1),
    *(
        ACCESS.text().replace(f'"{BOT}"'.encode(), bot)
        for bot in (b"7", b"null", b"[]", b'{"a": 1}')
    ),
)


@pytest.mark.parametrize("content", DAMAGED)
def test_a_broken_file_leaves_the_folders_to_tell(tmp_path, content) -> None:
    """The truth file of the one account names the bot."""
    place = home(tmp_path)
    path = place.env / NAME
    path.unlink()
    path.write_bytes(content)
    (place.runs / "simulated_broker").mkdir(parents=True)
    (place.runs / "simulated_broker" / f"{BOT}.log").touch()
    assert find_access(place).identity == BOT


def test_a_pipe_in_the_files_place_keeps_no_kill_waiting(tmp_path) -> None:
    """Nobody writes to it: it is not read, and the next start replaces it."""
    place = home(tmp_path)
    path = place.env / NAME
    path.unlink()
    os.mkfifo(path)
    (place.runs / "simulated_broker").mkdir(parents=True)
    (place.runs / "simulated_broker" / f"{BOT}.log").touch()
    assert find_access(place).identity == BOT
    leave_access(place, ACCESS)
    assert find_access(place) == ACCESS


def test_a_named_bot_must_be_the_homes(tmp_path) -> None:
    """A home belongs to one bot: another name is refused and the right one told."""
    place = home(tmp_path)
    assert find_access(place, str(BOT)) == ACCESS
    with pytest.raises(ConfigError, match="found RIGD_USA_SIM_07"):
        find_access(place, "RIGD_USA_SIM_08")


def test_a_home_without_a_bot_says_how_to_get_one(tmp_path) -> None:
    """There is nothing to kill."""
    with pytest.raises(ConfigError, match="must hold a bot, found none") as caught:
        find_access(Home(tmp_path))
    assert "rigd session" in caught.value.fix


def test_of_several_bots_one_must_be_named(tmp_path) -> None:
    """Where only folders tell and they tell of two, a person decides."""
    place = Home(tmp_path)
    for name in ("RIGD_USA_SIM_01", "RIGD_USA_SIM_02"):
        (place.runs / name / "sessions").mkdir(parents=True)
    with pytest.raises(ConfigError, match="found RIGD_USA_SIM_01, RIGD_USA_SIM_02"):
        find_access(place)
    assert str(find_access(place, "RIGD_USA_SIM_02").identity) == "RIGD_USA_SIM_02"
    with pytest.raises(ConfigError, match="ENTITY_JURISDICTION_BROKER_ID"):
        find_access(place, "nonsense")


@pytest.mark.parametrize("code", ["SIM", "ALPACA", "IBKR", "TRADIER", "OTHER"])
def test_every_broker_has_a_contact(code) -> None:
    """What rigd cannot reach a person must be able to."""
    bot = BotIdentity(entity_code="RIGD", jurisdiction_code="USA", broker_code=code, bot_id="1")
    contact = KillAccess(identity=bot, profile=Profile.TEST).contact
    assert contact
    assert ("https://" in contact) is (code in {"ALPACA", "IBKR", "TRADIER"})
