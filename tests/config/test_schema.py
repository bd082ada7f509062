"""Tests of the table of settings."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import pytest
from pydantic import ValidationError

from rigd.config.parse import KNOWN
from rigd.config.schema import Settings, marks
from rigd.core.errors import LogicError
from tests.config.settings import made

# SPEC §6 as it is written there: key and default.
SPEC = """
BUILD_MODE release; DISABLE_ALL_TRADES false; ENABLE_LOGGING true; LOG_FORMAT json
DEBUG_LOG_LEVEL info; TIMEZONE America/New_York; TRADING_DAYS mon,tue,wed,thu,fri
TRADE_CONFIRMATION_REQUIRED false
TOTAL_ALLOCATION 0.02; MAX_TRADES 4; WEIGHTS 0.4,0.2,0.2,0.2; CANDIDATE_MULTIPLIER 5
MAX_RISK_PER_TRADE 0.025; MAX_OPEN_POSITIONS 5; DAILY_LOSS_LIMIT 0.05; FRACTIONAL true
DEFENSE_MODE_ACTIVE false; DEFENSE_MODE_TOTAL_ALLOCATION 0.01; DEFENSE_MODE_TRADE_LIMIT_PCT 0.66
DEFENSE_MODE_MIN_WIN_RATE 0.35; MAX_ORDER_ADV_PCT 0.01
PRICE_COLLAR_PCT 0.05; MAX_SPREAD_PCT 0.005; MAX_SLIPPAGE_PCT 0.01
MIN_PRICE 2; MAX_PRICE 300; MIN_VOLUME_THRESHOLD 500000
MAX_GAP_PCT_OPEN 0.1; MAX_GAP_PCT_MID 0.1; MAX_GAP_PCT_CLOSE 0.1
MIN_MARKET_CAP_OPEN 300000000; MIN_MARKET_CAP_MID 300000000; MIN_MARKET_CAP_CLOSE 300000000
MAX_MARKET_CAP_OPEN 10000000000; MAX_MARKET_CAP_MID 10000000000; MAX_MARKET_CAP_CLOSE 10000000000
ADX_FILTER_ENABLED true; ADX_THRESHOLD 25; ENABLE_BSM_FILTER true; MAX_BSM_DEVIATION 0.15
BSM_VOLATILITY ; MAX_PE_RATIO 50; MAX_DEBT_EQUITY 2.5; MIN_MARKET_CAP_FUNDAMENTAL 2000000000
FUNDAMENTALS_MISSING_POLICY allow; ENHANCEMENT_FAIL_POLICY open; STRAT_CLOSE_VIX_THRESHOLD 15
IMBALANCE_MAX_OPPOSING 0.3; MIN_FLOAT_SHARES ; MAX_FLOAT_SHARES
STRATEGY_SEQUENCE open,mid,close; STRATEGY_OVERRIDE ; STRAT_OPEN_ENABLED true
STRAT_MID_ENABLED true; STRAT_CLOSE_ENABLED true
START_TIME_OPEN open+0m; START_TIME_MID open+150m; START_TIME_CLOSE close-26m
OPEN_ANALYSIS_TIME 20; OPEN_BREAKOUT_TIME 10; OPEN_MONITORING_TIME 30
MID_ANALYSIS_TIME 15; MID_BREAKOUT_TIME 10; MID_MONITORING_TIME 30
CLOSE_ANALYSIS_TIME 5; CLOSE_BREAKOUT_TIME 3; CLOSE_MONITORING_TIME 15
STRAT_OPEN_BUFFER 0.02; STRAT_MID_VWAP_THRESHOLD 0.02; STRAT_CLOSE_THRESHOLD 0.003
STRAT_CLOSE_MODE momentum; SHORT_TYPE_OPEN disabled; SHORT_TYPE_MID disabled
SHORT_TYPE_CLOSE disabled; TRADING_TRAILING_STOP_PCT 0.02
TRAIL_PCT_OPEN ; TRAIL_PCT_MID ; TRAIL_PCT_CLOSE ; STOP_PCT_OPEN ; STOP_PCT_MID ; STOP_PCT_CLOSE
TARGET_PCT_OPEN ; TARGET_PCT_MID ; TARGET_PCT_CLOSE
TRAIL_TIGHTENING_BUFFER_S 150; TRAIL_TIGHTENING_FACTOR 0.5; TRAIL_ATR_MULT ; TRAIL_ATR_PERIOD 14
BROKER_CODE SIM; API_RETRY_LIMIT 3; API_TIMEOUT 30; MARKET_DATA_STALE_S 15
REBALANCE_TRIGGER_PCT 0.1; REBALANCE_THRESHOLD
OPTIMIZER_ALGORITHM grid; OPTIMIZER_BACKTEST_LOOKBACK_DAYS 30; SLIPPAGE_SIMULATION_TYPE none
HEARTBEAT_INTERVAL_S 1; FLAG_INTERVAL_MS 200; STATUS_INTERVAL_MS 500; OPEN_ORDER_CHECK_S 5
POSITION_CHECK_S 30; STALE_QUOTE_S 5; BROKER_OUTAGE_S 15; LEASE_S 10
DEFENSE_MODE_FILTER_FACTOR 0.66; SIM_STARTING_CASH 100000; SIM_COMMISSION_PCT 0
SIM_PARTIAL_FILL_RATE 0; SIM_REJECT_RATE 0; SIM_LOST_REPLY_RATE 0; BACKUP_KEEP 30
ENABLE_FUNDAMENTAL_GUARD true; ENABLE_IMBALANCE_SCANNER true
SIM_NATIVE_TRAILING false
"""

WITHOUT_STATED_DEFAULT = {
    *("VERSION_TAG", "MAX_ORDER_NOTIONAL", "MAX_ORDER_QUANTITY"),
    *("CRITICAL_ALERT_CHANNEL", "ROUTINE_ALERT_CHANNEL"),
    *("NOTIFY_ON_FILL", "NOTIFY_ON_EXIT", "NOTIFY_ON_FAILURE"),
    *("SLIPPAGE_MEAN_PCT", "SLIPPAGE_STDDEV_PCT", "SIMULATED_LATENCY_MS", "SIMULATION_SEED"),
}


def _stated() -> dict[str, str]:
    rows = (row.strip() for line in SPEC.strip().splitlines() for row in line.split(";"))
    return {key: value for key, _, value in (row.partition(" ") for row in rows)}


def test_the_keys_are_those_of_the_specification() -> None:
    """Every key of SPEC §6 exists, and no other."""
    assert set(KNOWN) == set(_stated()) | WITHOUT_STATED_DEFAULT


@pytest.mark.parametrize(("key", "default"), sorted(_stated().items()))
def test_each_default_is_the_specified_one(key: str, default: str) -> None:
    """Every default that SPEC §6 states is the default."""
    assert dict(made().public_items())[key] == default


def test_every_key_says_what_it_means() -> None:
    """Each key has a description of one line, a group and its marks."""
    for name, field in Settings.model_fields.items():
        assert field.description
        assert "\n" not in field.description
        assert len(field.description) <= 90, name
        assert set(marks(name)) == {"group", "boot_only", "test_only"}


def test_settings_cannot_change() -> None:
    """Settings are frozen."""
    found = made()
    with pytest.raises(ValidationError):
        found.max_trades = 3


def test_errors_of_the_model_hide_the_input() -> None:
    """A wrong value does not show in the error's text (a notebook prints it)."""
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"version_tag": "canary-4711", "max_trades": "canary-4711"})
    assert "canary" not in str(caught.value)


def test_money_is_decimal_and_thresholds_are_floats() -> None:
    """Keys used with money are exact, those used with prices of bars are floats."""
    found = made(stop_pct_open="0.01")
    for name in ("total_allocation", "max_order_notional", "min_price", "max_spread_pct"):
        assert isinstance(getattr(found, name), Decimal)
    for name in ("strat_open_buffer", "adx_threshold", "stop_pct_open", "max_gap_pct_mid"):
        assert isinstance(getattr(found, name), float)
    assert all(isinstance(weight, Decimal) for weight in found.weights)
    assert isinstance(found.log_format, StrEnum)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), Decimal("NaN"), Decimal("Infinity")])
@pytest.mark.parametrize("name", ["adx_threshold", "total_allocation", "stop_pct_mid"])
def test_python_values_must_be_finite_too(name: str, value: object) -> None:
    """NaN and infinity are refused when settings are made in Python."""
    values = dict(made()) | {name: value}
    with pytest.raises(ValidationError):
        Settings.model_validate(values)


def test_keys_that_place_the_bot_wait_for_the_next_start() -> None:
    """The broker, the version and the windows cannot change under a running session."""
    for name in ("broker_code", "version_tag", "start_time_open", "lease_s", "simulation_seed"):
        assert marks(name)["boot_only"] is True
    for name in ("max_trades", "weights", "strat_open_buffer", "daily_loss_limit"):
        assert marks(name)["boot_only"] is False


def test_rebalance_threshold_follows_the_trigger() -> None:
    """A blank REBALANCE_THRESHOLD is the trigger; another value is warned about."""
    assert made().effective_rebalance_threshold == Decimal("0.1")
    assert made().warnings() == ()
    other = made(rebalance_threshold="0.2")
    assert other.effective_rebalance_threshold == Decimal("0.2")
    assert other.warnings() == ("REBALANCE_THRESHOLD differs from REBALANCE_TRIGGER_PCT",)


def test_the_view_of_a_strategy_has_its_own_keys() -> None:
    """Each strategy sees its own keys, and the common trail where it has none of its own."""
    found = made(
        trail_pct_mid="0.01", stop_pct_mid="0.03", short_type_mid="ShortSell", max_gap_pct_mid="0.2"
    )
    mid = found.strategy("mid")
    assert (mid.start_text, mid.analysis, mid.breakout, mid.monitoring) == ("open+150m", 15, 10, 30)
    assert (mid.trigger, mid.trail_pct, mid.stop_pct, mid.target_pct) == (0.02, 0.01, 0.03, None)
    assert (mid.short_type, mid.max_gap_pct, mid.mode) == ("ShortSell", 0.2, None)
    close = found.strategy("close")
    assert (close.trigger, close.trail_pct, close.mode) == (0.003, 0.02, "momentum")
    assert found.strategy("open").trigger == 0.02
    with pytest.raises(LogicError, match="noon"):
        found.strategy("noon")


def test_a_copy_with_another_value_has_its_own_views() -> None:
    """A view made before the copy says nothing of the copy."""
    first = made()
    assert first.strategy("open").analysis == 20
    assert first.model_copy(update={"open_analysis_time": 10}).strategy("open").analysis == 10
