"""Which strategies run, in which order, with which numbers."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rigd.config.choices import CloseMode, ShortType
from rigd.config.parse import parse_env
from rigd.core.errors import ConfigError
from rigd.core.values import Window
from rigd.strategy import closing, midday, opening, router
from rigd.strategy.stepper import TIMED_OUT
from tests.strategy.days import days_of, inverse_of
from tests.strategy.views import WINDOWS, FakeSettings, view

REQUIRED = "VERSION_TAG=0.1.0\nMAX_ORDER_NOTIONAL=50000\nMAX_ORDER_QUANTITY=5000\n"


def test_sequence_orders_and_toggles_switch_off() -> None:
    """STRATEGY_SEQUENCE gives the order; a disabled strategy is left out."""
    assert router.sequence(FakeSettings()) == ("open", "mid", "close")
    settings = FakeSettings(view("mid", enabled=False), sequence=("close", "mid", "open"))
    assert router.sequence(settings) == ("close", "open")


def test_override_runs_one_strategy_alone() -> None:
    """STRATEGY_OVERRIDE wins over order and toggle."""
    settings = FakeSettings(view("mid", enabled=False), sequence=("open",), override="mid")
    assert router.sequence(settings) == ("mid",)


def test_build_of_the_defaults() -> None:
    """The windows of SPEC §3a with the last minutes at which an entry may fill."""
    plans = {name: router.build(FakeSettings(), window) for name, window in WINDOWS.items()}
    assert {name: plan.strategy.name for name, plan in plans.items()} == {
        "open": "open",
        "mid": "mid",
        "close": "close",
    }
    assert {name: plan.required_bars for name, plan in plans.items()} == {
        "open": 16,
        "mid": 12,
        "close": 4,
    }
    assert {name: plan.entry_end for name, plan in plans.items()} == {
        "open": 60,
        "mid": 205,
        "close": 372,
    }
    assert [plans[name].rules.vwap_touch for name in ("open", "mid", "close")] == [
        False,
        True,
        False,
    ]
    assert plans["close"].params == (364, 369, 372, 0.003, 1.0)
    assert not any(plan.shorts for plan in plans.values())


def test_build_takes_mode_shorts_and_window() -> None:
    """The view's choices reach the numbers."""
    chosen = view("close", mode=CloseMode.FADE, short_type=ShortType.SHORT_SELL, trail_pct=0.03)
    plan = router.build(FakeSettings(chosen), WINDOWS["close"])
    assert plan.params.mode == -1.0
    assert plan.shorts
    assert plan.rules.trail_fraction == 0.03
    assert plan.window is WINDOWS["close"]


def test_entries_end_before_an_early_time_exit() -> None:
    """Flat by close-2m leaves no room for a fill at or after the exit minute."""
    window = Window(
        strategy="open", start=0, analysis_end=20, breakout_end=30, end=60, exit_minute=40
    )
    assert router.build(FakeSettings(), window).entry_end == 40


def test_step_plan_carries_the_numbers() -> None:
    """What the stepper takes is what was built, with the friction asked for."""
    plan = router.build(FakeSettings(), WINDOWS["close"])
    assert plan.step_plan(latency_fraction=0.1, slippage=0.2) == (372, 387, 4, False, 0.1, 0.2)
    assert plan.step_plan() == (372, 387, 4, False, 0.0, 0.0)


def test_simulate_runs_the_numbers_of_the_settings() -> None:
    """IBM 2013-10-08 with a buffer of 0.001 and short sales, worked out in test_opening."""
    short = view("open", trigger=0.001, short_type=ShortType.SHORT_SELL)
    day = days_of("IBM")["2013-10-08"]
    (trade,) = router.simulate(FakeSettings(short), WINDOWS["open"], [day])
    assert trade[:8] == (-1, 21, 22, 60, 180.81, 180.48, TIMED_OUT, False)
    (trade,) = router.simulate(FakeSettings(short), WINDOWS["open"], [day], slippage=0.001)
    assert trade.entry_price == 180.62919  # 180.81 × 0.999
    assert router.simulate(FakeSettings(), WINDOWS["open"], [day]) == ()


@pytest.mark.parametrize("module", [router, opening, midday, closing])
def test_every_strategy_module_has_self_check_and_simulate(module) -> None:
    """Document 050 asks both of the router and of each strategy."""
    assert callable(module.self_check)
    assert callable(module.simulate)


def test_unknown_strategy_is_refused() -> None:
    """A window of a strategy that does not exist is an error of the configuration."""
    window = Window(
        strategy="night", start=0, analysis_end=20, breakout_end=30, end=60, exit_minute=60
    )
    with pytest.raises(ConfigError, match="one of open, mid, close, was 'night'"):
        router.build(FakeSettings(), window)


@pytest.mark.parametrize(
    ("settings", "passed", "detail"),
    [
        (FakeSettings(), True, "open → mid → close"),
        (FakeSettings(sequence=()), True, "every strategy is switched off"),
        (FakeSettings(override="night"), False, "was night"),
        (FakeSettings(sequence=("open", "open")), False, "once, was open, open"),
    ],
)
def test_self_check(settings, passed, detail) -> None:
    """The router fails on names that it does not know or that occur twice."""
    answer = router.self_check(settings)
    assert (answer.name, answer.passed) == ("strategy.router", passed)
    assert detail in answer.detail


def test_self_checks_ask_every_strategy_that_runs() -> None:
    """One answer of the router and one per strategy; a broken one fails, an idle one is not asked.

    All pass with the defaults.
    """
    names = ["strategy.router", "strategy.open", "strategy.mid", "strategy.close"]
    answers = router.self_checks(FakeSettings())
    assert [answer.name for answer in answers] == names
    assert all(answer.passed for answer in answers)
    broken = view("mid", trigger=0.0)
    answers = router.self_checks(FakeSettings(broken))
    assert [answer.passed for answer in answers] == [True, True, False, True]
    idle = view("mid", trigger=0.0, enabled=False)
    assert all(answer.passed for answer in router.self_checks(FakeSettings(idle)))
    assert len(router.self_checks(FakeSettings(override="night"))) == 1


@pytest.mark.parametrize("short_type", ["disabled", "ShortSell", "InverseETF"])
def test_strategy_selfcheck(short_type) -> None:
    """All self-checks are true with real settings, with and without shorts (document 070)."""
    shorts = "".join(f"SHORT_TYPE_{name}={short_type}\n" for name in ("OPEN", "MID", "CLOSE"))
    settings = parse_env(REQUIRED + shorts, source="test")
    answers = router.self_checks(settings)
    assert [answer.passed for answer in answers] == [True] * 4
    plan = router.build(settings, WINDOWS["mid"])
    assert plan.params == (150, 165, 175, 0.02)
    assert plan.shorts is (short_type != "disabled")
    assert plan.sells_short is plan.step_plan().shorts is (short_type == "ShortSell")


def test_strategies_off_in_real_settings_do_not_run() -> None:
    """The toggles and the override of a real file reach the router."""
    settings = parse_env(REQUIRED + "STRAT_MID_ENABLED=false\n", source="test")
    assert router.sequence(settings) == ("open", "close")
    settings = parse_env(REQUIRED + "STRATEGY_OVERRIDE=close\n", source="test")
    assert router.sequence(settings) == ("close",)


def test_a_strategy_that_does_not_run_is_not_imported() -> None:
    """Document 090, phase 3: the router loads a module only when it runs."""
    code = (
        "import sys; from rigd.strategy import router; "
        "from tests.strategy.views import FakeSettings, view, WINDOWS; "
        "settings = FakeSettings(override='open'); "
        "router.self_checks(settings); router.build(settings, WINDOWS['open']); "
        "loaded = sorted(name for name in router.MODULES.values() if name in sys.modules); "
        "heavy = sorted({'numpy', 'numba', 'pandas'} & set(sys.modules)); "
        "print(loaded, heavy)"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout.strip() == "['rigd.strategy.opening'] []"


def test_pairs_are_simulated_with_the_numbers_of_the_settings() -> None:
    """IBM 2013-10-08 falls: without its fund nothing is traded, with it the fund is bought."""
    inverse = FakeSettings(view("open", trigger=0.001, short_type=ShortType.INVERSE_ETF))
    day = days_of("IBM")["2013-10-08"]
    assert router.simulate(inverse, WINDOWS["open"], [day]) == ()
    fund = inverse_of(day, 1, missing=0.0)
    ((trade, of_fund),) = router.simulate_pairs(inverse, WINDOWS["open"], [(day, fund)])
    assert (trade.direction, trade.signal_minute, trade.entry_minute, of_fund) == (1, 21, 22, True)
    bar = next(bar for bar in fund if bar.minute == 22)
    assert trade.entry_price == bar.open
    ((slipped, _),) = router.simulate_pairs(inverse, WINDOWS["open"], [(day, fund)], slippage=0.001)
    assert slipped.entry_price == pytest.approx(bar.open * 1.001, abs=1e-6)
