"""The functions that document stability names, as its own snippets call them."""

from __future__ import annotations

import asyncio
import json

import pytest

from rigd.config.schema import Settings
from rigd.core.errors import ConfigError, LogicError, NetworkError
from rigd.hosts import scripting
from rigd.hosts.configure import change_settings
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo

RETRY = """
from retry_utils import retry_api_call, retry_ibkr_call, retry_smtp_call

@retry_api_call(max_retries=3, base_delay=1.0)
def api_function():
    pass
"""
CONFIG = """
from config_manager import get_config, get_broker_config

config = get_config()
broker = get_broker_config("IBKR")
"""
MIGRATION = """
from config_manager import get_config; print(get_config())
"""
LOGGING = """
from logging_config import get_trading_logger

logger = get_trading_logger("my_module")
logger.log_trade_signal("AAPL", "BUY", "equity", 0.8)
"""
HEALTH = """
from health_check import run_health_check

results = run_health_check(config_dict, detailed=True)
"""
OLD_MODULES = ("retry_utils", "config_manager", "logging_config", "health_check")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The demo's home, as RIGD_HOME."""
    made = demo(tmp_path)
    monkeypatch.setenv("RIGD_HOME", str(made.root))
    return made


@pytest.fixture
def clock(monkeypatch) -> FakeClock:
    """A clock on which nothing really waits."""
    made = FakeClock()
    monkeypatch.setattr(scripting, "CLOCK", made)
    return made


def run(snippet: str, **names: object) -> dict[str, object]:
    """Execute a snippet of the document with its import lines alone changed."""
    lines = [
        line.replace(f"from {old} import", "from rigd.hosts.scripting import")
        for line in snippet.splitlines()
        for old in [next((o for o in OLD_MODULES if line.startswith(f"from {o} ")), "-")]
    ]
    scope: dict[str, object] = dict(names)
    exec("\n".join(lines), scope)  # noqa: S102 - the document's own text
    return scope


def test_a_decorated_function_of_the_document_is_called(clock) -> None:
    """MM14: the snippet as it stands; its function answers, and nothing was waited for."""
    assert run(RETRY)["api_function"]() is None
    assert clock.slept == []


@pytest.mark.parametrize("error", [ConnectionError, TimeoutError])
def test_what_the_network_fails_is_asked_again(clock, error) -> None:
    """MM14: three repetitions with waits of at most 1, 2 and 4 s, then an error that says why."""
    calls = []

    @scripting.retry_api_call(max_retries=3, base_delay=1.0)
    def quote() -> None:
        calls.append(1)
        raise error("no route")

    with pytest.raises(NetworkError, match=f"quote must reach its service, {error.__name__}"):
        quote()
    assert len(calls) == 4
    assert len(clock.slept) == 3
    assert all(0 < wait <= most for wait, most in zip(clock.slept, (1, 2, 4), strict=True))


def test_a_coroutine_is_asked_again_as_well(clock) -> None:
    """MM14: the answer of the second attempt is the answer."""
    answers = iter([ConnectionError("reset"), 7])

    @scripting.retry_ibkr_call()
    async def position() -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert asyncio.run(position()) == 7
    assert len(clock.slept) == 1


@pytest.mark.usefixtures("clock")
def test_a_mistake_is_not_asked_again() -> None:
    """MM14: only the network is; and what sends an order is refused by its name (FAULTS O01)."""
    calls = []

    @scripting.retry_smtp_call()
    def mail() -> None:
        calls.append(1)
        raise ValueError("no address")

    with pytest.raises(ValueError, match="no address"):
        mail()
    assert len(calls) == 1

    def submit() -> None: ...

    with pytest.raises(LogicError, match="sent once"):
        scripting.retry_api_call()(submit)


def test_settings_and_a_broker_of_the_document(home) -> None:
    """MM14: typed settings of the bot in force, and a broker without its credentials."""
    change_settings(bot_of(home), {"API_TIMEOUT": "12", "API_RETRY_LIMIT": "5"}, "", FakeClock())
    found = run(CONFIG)
    assert isinstance(found["config"], Settings)
    assert found["config"].api_timeout == 12
    broker = found["broker"]
    assert (broker.name, broker.enabled) == ("IBKR", False)
    assert (broker.timeout_s, broker.max_retries) == (12, 5)
    assert scripting.get_broker_config("sim").enabled
    with pytest.raises(ConfigError, match="the nearest is IBKR"):
        scripting.get_broker_config("IBRK")


def test_settings_are_printed_without_a_secret(home, capsys) -> None:
    """MM14, N15: as the migration guide prints them, with a bot and in a home without one."""
    run(MIGRATION)
    told = capsys.readouterr().out
    assert "max_trades=4" in told
    assert (home.env / "keys" / "env.key").read_text().strip() not in told


def test_without_a_bot_the_demos_settings_are_given(tmp_path, monkeypatch) -> None:
    """A research kernel may ask before the first session; nothing is written."""
    monkeypatch.setenv("RIGD_HOME", str(tmp_path))
    assert scripting.get_config().broker_code == "SIM"
    assert list(tmp_path.iterdir()) == []


def test_a_signal_of_the_document_is_one_line(home) -> None:
    """MM14, Q1: under runs/logs, as JSON, found by grep for what it is."""
    run(LOGGING)
    (line,) = (home.logs / "trading_bot.log").read_text().splitlines()
    row = json.loads(line)
    assert (row["event"], row["logger"], row["level"]) == ("trade_signal", "my_module", "INFO")
    assert row["details"] == {
        "symbol": "AAPL",
        "action": "BUY",
        "asset_class": "equity",
        "strength": 0.8,
    }


@pytest.mark.usefixtures("home")
def test_health_of_the_document() -> None:
    """MM14: every service with its status; settings that are no longer in force are named."""
    config = dict(scripting.get_config().public_items())
    found = run(HEALTH, config_dict=config)["results"]
    assert found["status"] == "unhealthy"
    assert found["services"]["supervisor"]["detail"] == "none runs; next: rigd up"
    assert found["services"]["config"] == {"status": "healthy", "detail": "in force"}
    stale = run(HEALTH, config_dict=config | {"MAX_TRADES": "99"})["results"]
    assert stale["services"]["config"]["detail"] == "not in force: MAX_TRADES"
    assert "config" not in scripting.run_health_check({}, detailed=True)["services"]
    assert set(scripting.run_health_check({})) == {"status", "state"}
