"""Every key of ``.env_bot``: type, default, limits and meaning (SPEC §6)."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from rigd.config import rules
from rigd.config.choices import (
    BrokerCode,
    BuildMode,
    CloseMode,
    FailPolicy,
    LogFormat,
    LogLevel,
    MissingPolicy,
    OptimizerAlgorithm,
    ShortType,
    SlippageType,
)
from rigd.config.fields import (
    Exact,
    Flag,
    OptionalChannel,
    OptionalExact,
    OptionalReal,
    OptionalStrategy,
    Real,
    StartTime,
    Strategies,
    TimeZone,
    Version,
    Weekdays,
    Weights,
    Whole,
    as_text,
    key,
)
from rigd.config.strategies import TRIGGER_KEYS, StrategySettings
from rigd.core.errors import LogicError
from rigd.core.values import STRATEGIES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

GENERAL = "General"
RISK = "Risk"
FILTERS = "Filters"
STRATEGY = "Strategies"
BROKER = "Broker and network"
REBALANCE = "Float and rebalance"
ALERTS = "Alerts"
OPTIMIZER = "Optimiser"
TIMING = "Intervals and records"
SIMULATION = "Simulation (.env_bot.test; only with BROKER_CODE=SIM)"


class Settings(BaseModel):
    """The validated, frozen settings of a bot: one attribute per key, in lower case.

    Fractions are fractions (0.02 is 2 %), also where a name ends in ``_PCT``; times are whole
    minutes unless the name says otherwise; a blank optional key is None.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, allow_inf_nan=False
    )

    version_tag: Version = key(
        ...,
        "Version that these settings were written for; equals VERSION.md",
        group=GENERAL,
        boot_only=True,
    )
    build_mode: BuildMode = key(
        BuildMode.RELEASE,
        "Code that differs from the sealed build: release refuses it, debug tells it and goes on",
        group=GENERAL,
        boot_only=True,
    )
    disable_all_trades: Flag = key(False, "Find and record signals, send no order", group=GENERAL)
    enable_logging: Flag = key(
        True, "Write every log; no session runs without", group=GENERAL, boot_only=True
    )
    log_format: LogFormat = key(
        LogFormat.JSON, "Format of log and trade files", group=GENERAL, boot_only=True
    )
    debug_log_level: LogLevel = key(
        LogLevel.INFO, "Least severe record that is written", group=GENERAL
    )
    timezone: TimeZone = key(
        "America/New_York",
        "Zone that people see times in; records stay in UTC",
        group=GENERAL,
        boot_only=True,
    )
    trading_days: Weekdays = key(
        ("mon", "tue", "wed", "thu", "fri"),
        "Weekdays on which the bot runs; exchange holidays are known without it",
        group=GENERAL,
        boot_only=True,
    )
    trade_confirmation_required: Flag = key(
        False, "An entry waits 60 s for an operator, then expires", group=GENERAL
    )

    total_allocation: Exact = key(
        Decimal("0.02"),
        "Part of the float that one strategy session may hold",
        group=RISK,
        ge=0,
        le=1,
    )
    max_trades: Whole = key(
        4, "Entries per strategy session; 0 trades nothing", group=RISK, ge=0, le=100
    )
    weights: Weights = key(
        (Decimal("0.4"), Decimal("0.2"), Decimal("0.2"), Decimal("0.2")),
        "Part of the session cap for each entry in turn: MAX_TRADES of them, sum at most 1",
        group=RISK,
    )
    candidate_multiplier: Whole = key(
        5,
        "Ranked candidates per entry: the pool is MAX_TRADES times this",
        group=RISK,
        ge=1,
        le=100,
    )
    max_risk_per_trade: Exact = key(
        Decimal("0.025"), "Largest part of the float in one entry", group=RISK, ge=0, le=1
    )
    max_open_positions: Whole = key(
        5, "Open positions over all strategies", group=RISK, ge=0, le=1000
    )
    daily_loss_limit: Exact = key(
        Decimal("0.05"),
        "Loss of the day, part of the equity at its start, that trips the kill switch",
        group=RISK,
        gt=0,
        le=1,
    )
    fractional: Flag = key(True, "Allow parts of a share where the broker does", group=RISK)
    defense_mode_active: Flag = key(
        False, "Start in defense mode; left only by an operator", group=RISK
    )
    defense_mode_total_allocation: Exact = key(
        Decimal("0.01"),
        "TOTAL_ALLOCATION in defense mode; at most TOTAL_ALLOCATION",
        group=RISK,
        ge=0,
        le=1,
    )
    defense_mode_trade_limit_pct: Exact = key(
        Decimal("0.66"),
        "Factor on MAX_TRADES and MAX_OPEN_POSITIONS in defense mode, rounded down",
        group=RISK,
        ge=0,
        le=1,
    )
    defense_mode_min_win_rate: Exact = key(
        Decimal("0.35"),
        "Win rate of the last 20 closed trades below which defense mode begins",
        group=RISK,
        ge=0,
        le=1,
    )
    defense_mode_filter_factor: Exact = key(
        Decimal("0.66"),
        "Factor on filter thresholds towards blocking in defense mode",
        group=RISK,
        gt=0,
        le=1,
    )
    max_order_notional: Exact = key(
        ...,
        "Largest value of one order [USD]; last door before the broker",
        group=RISK,
        gt=0,
        le=1_000_000_000,
    )
    max_order_quantity: Exact = key(
        ...,
        "Largest quantity of one order [shares]; last door before the broker",
        group=RISK,
        gt=0,
        le=1_000_000_000,
    )
    max_order_adv_pct: Exact = key(
        Decimal("0.01"),
        "Largest part of a symbol's daily volume in one order, where the volume is known",
        group=RISK,
        gt=0,
        le=1,
    )
    price_collar_pct: Exact = key(
        Decimal("0.05"),
        "Largest distance of an order's price from the quote's mid, else the last close",
        group=RISK,
        gt=0,
        le=1,
    )
    max_spread_pct: Exact = key(
        Decimal("0.005"), "Largest spread of a candidate, part of the mid", group=RISK, ge=0, le=1
    )
    max_slippage_pct: Exact = key(
        Decimal("0.01"), "Largest expected slippage of a candidate", group=RISK, ge=0, le=1
    )

    min_price: Exact = key(
        Decimal(2), "Lowest price of a candidate [USD]", group=FILTERS, ge=0, le=10_000_000
    )
    max_price: Exact = key(
        Decimal(300), "Highest price of a candidate [USD]", group=FILTERS, gt=0, le=10_000_000
    )
    min_volume_threshold: Real = key(
        500_000.0, "Least volume of the previous session [shares]", group=FILTERS, ge=0, le=1e15
    )
    min_float_shares: OptionalReal = key(
        None,
        "Least number of freely traded shares, for the universe; blank = off",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    max_float_shares: OptionalReal = key(
        None,
        "Largest number of freely traded shares, for the universe; blank = off",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    max_gap_pct_open: Real = key(
        0.1,
        "Largest gap between previous close and open, open strategy",
        group=FILTERS,
        ge=0,
        le=10,
    )
    max_gap_pct_mid: Real = key(
        0.1, "Largest gap between previous close and open, mid strategy", group=FILTERS, ge=0, le=10
    )
    max_gap_pct_close: Real = key(
        0.1,
        "Largest gap between previous close and open, close strategy",
        group=FILTERS,
        ge=0,
        le=10,
    )
    min_market_cap_open: Real = key(
        300e6,
        "Least market value of a candidate of the open strategy [USD]",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    max_market_cap_open: Real = key(
        10e9,
        "Largest market value of a candidate of the open strategy [USD]",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    min_market_cap_mid: Real = key(
        300e6,
        "Least market value of a candidate of the mid strategy [USD]",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    max_market_cap_mid: Real = key(
        10e9,
        "Largest market value of a candidate of the mid strategy [USD]",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    min_market_cap_close: Real = key(
        300e6,
        "Least market value of a candidate of the close strategy [USD]",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    max_market_cap_close: Real = key(
        10e9,
        "Largest market value of a candidate of the close strategy [USD]",
        group=FILTERS,
        ge=0,
        le=1e15,
    )
    adx_filter_enabled: Flag = key(True, "Block mid entries in a trend", group=FILTERS)
    adx_threshold: Real = key(25.0, "ADX above which mid is blocked", group=FILTERS, ge=0, le=100)
    enable_bsm_filter: Flag = key(True, "Check option prices against Black-Scholes", group=FILTERS)
    max_bsm_deviation: Real = key(
        0.15, "Largest distance of an option's price from Black-Scholes", group=FILTERS, ge=0, le=10
    )
    bsm_volatility: OptionalReal = key(
        None,
        "Yearly volatility for Black-Scholes; blank = realised over 20 days",
        group=FILTERS,
        gt=0,
        le=10,
    )
    enable_fundamental_guard: Flag = key(True, "Check companies' fundamentals", group=FILTERS)
    max_pe_ratio: Real = key(50.0, "Largest price/earnings ratio", group=FILTERS, gt=0, le=1e6)
    max_debt_equity: Real = key(2.5, "Largest debt/equity ratio", group=FILTERS, ge=0, le=1e6)
    min_market_cap_fundamental: Real = key(
        2e9, "Least market value for the fundamentals filter [USD]", group=FILTERS, ge=0, le=1e15
    )
    fundamentals_missing_policy: MissingPolicy = key(
        MissingPolicy.ALLOW, "What missing fundamentals mean to a candidate", group=FILTERS
    )
    enhancement_fail_policy: FailPolicy = key(
        FailPolicy.OPEN,
        "What a failing filter means: open lets the candidate pass, closed blocks it",
        group=FILTERS,
    )
    strat_close_vix_threshold: Real = key(
        15.0, "VIX below which close is blocked", group=FILTERS, ge=0, le=200
    )
    enable_imbalance_scanner: Flag = key(
        True, "Block close against the closing auction's imbalance; IBKR only", group=FILTERS
    )
    imbalance_max_opposing: Real = key(
        0.3, "Largest opposing imbalance, part of the paired volume", group=FILTERS, ge=0, le=100
    )

    strategy_sequence: Strategies = key(
        ("open", "mid", "close"),
        "Order of the strategies in a session",
        group=STRATEGY,
        boot_only=True,
    )
    strategy_override: OptionalStrategy = key(
        None, "Run this strategy alone; blank = STRATEGY_SEQUENCE", group=STRATEGY, boot_only=True
    )
    strat_open_enabled: Flag = key(True, "Run the open strategy", group=STRATEGY)
    strat_mid_enabled: Flag = key(True, "Run the mid strategy", group=STRATEGY)
    strat_close_enabled: Flag = key(True, "Run the close strategy", group=STRATEGY)
    start_time_open: StartTime = key(
        "open+0m",
        "Start of the open window: open+20m, close-26m, 12:00 ET or 16:00Z",
        group=STRATEGY,
        boot_only=True,
    )
    open_analysis_time: Whole = key(
        20,
        "Analysis part of the open window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=1,
        le=390,
    )
    open_breakout_time: Whole = key(
        10,
        "Breakout part (entries) of the open window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=1,
        le=390,
    )
    open_monitoring_time: Whole = key(
        30,
        "Monitoring part (exits only) of the open window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=0,
        le=390,
    )
    start_time_mid: StartTime = key(
        "open+150m",
        "Start of the mid window: open+20m, close-26m, 12:00 ET or 16:00Z",
        group=STRATEGY,
        boot_only=True,
    )
    mid_analysis_time: Whole = key(
        15,
        "Analysis part of the mid window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=1,
        le=390,
    )
    mid_breakout_time: Whole = key(
        10,
        "Breakout part (entries) of the mid window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=1,
        le=390,
    )
    mid_monitoring_time: Whole = key(
        30,
        "Monitoring part (exits only) of the mid window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=0,
        le=390,
    )
    start_time_close: StartTime = key(
        "close-26m",
        "Start of the close window: open+20m, close-26m, 12:00 ET or 16:00Z",
        group=STRATEGY,
        boot_only=True,
    )
    close_analysis_time: Whole = key(
        5,
        "Analysis part of the close window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=1,
        le=390,
    )
    close_breakout_time: Whole = key(
        3,
        "Breakout part (entries) of the close window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=1,
        le=390,
    )
    close_monitoring_time: Whole = key(
        15,
        "Monitoring part (exits only) of the close window [minutes]",
        group=STRATEGY,
        boot_only=True,
        ge=0,
        le=390,
    )
    strat_open_buffer: Real = key(
        0.02, "Distance beyond the opening range that is a breakout", group=STRATEGY, gt=0, lt=1
    )
    strat_mid_vwap_threshold: Real = key(
        0.02, "Distance from VWAP that is an entry", group=STRATEGY, gt=0, lt=1
    )
    strat_close_threshold: Real = key(
        0.003, "Move over the analysis part that is an entry", group=STRATEGY, gt=0, lt=1
    )
    strat_close_mode: CloseMode = key(
        CloseMode.MOMENTUM, "Whether close follows the move or fades it", group=STRATEGY
    )
    short_type_open: ShortType = key(
        ShortType.DISABLED,
        "Short side of the open strategy; LongPut only at IBKR",
        group=STRATEGY,
        boot_only=True,
    )
    short_type_mid: ShortType = key(
        ShortType.DISABLED,
        "Short side of the mid strategy; LongPut only at IBKR",
        group=STRATEGY,
        boot_only=True,
    )
    short_type_close: ShortType = key(
        ShortType.DISABLED,
        "Short side of the close strategy; LongPut only at IBKR",
        group=STRATEGY,
        boot_only=True,
    )
    trading_trailing_stop_pct: Real = key(
        0.02,
        "Trailing stop, part of the peak, unless TRAIL_PCT_* says otherwise",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    trail_pct_open: OptionalReal = key(
        None,
        "Trailing stop of the open strategy; blank = TRADING_TRAILING_STOP_PCT",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    trail_pct_mid: OptionalReal = key(
        None,
        "Trailing stop of the mid strategy; blank = TRADING_TRAILING_STOP_PCT",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    trail_pct_close: OptionalReal = key(
        None,
        "Trailing stop of the close strategy; blank = TRADING_TRAILING_STOP_PCT",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    stop_pct_open: OptionalReal = key(
        None,
        "Hard stop of the open strategy, part of the entry; blank = off",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    stop_pct_mid: OptionalReal = key(
        None,
        "Hard stop of the mid strategy, part of the entry; blank = off",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    stop_pct_close: OptionalReal = key(
        None,
        "Hard stop of the close strategy, part of the entry; blank = off",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    target_pct_open: OptionalReal = key(
        None,
        "Target of the open strategy, part of the entry; blank = off",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    target_pct_mid: OptionalReal = key(
        None,
        "Target of the mid strategy, part of the entry; blank = off",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    target_pct_close: OptionalReal = key(
        None,
        "Target of the close strategy, part of the entry; blank = off",
        group=STRATEGY,
        gt=0,
        lt=1,
    )
    trail_tightening_buffer_s: Whole = key(
        150,
        "From how long before the time exit the trailing stop tightens [s]",
        group=STRATEGY,
        ge=0,
        le=23_400,
    )
    trail_tightening_factor: Real = key(
        0.5,
        "Factor on the trailing stop when it tightens (floor 0.0005)",
        group=STRATEGY,
        gt=0,
        le=1,
    )
    trail_atr_mult: OptionalReal = key(
        None, "Trailing stop in multiples of the ATR; blank = off", group=STRATEGY, gt=0, le=100
    )
    trail_atr_period: Whole = key(
        14, "Bars of the ATR of the trailing stop", group=STRATEGY, ge=1, le=390
    )

    broker_code: BrokerCode = key(
        BrokerCode.SIM,
        "The one broker of this bot; SIM is the simulated one",
        group=BROKER,
        boot_only=True,
    )
    api_retry_limit: Whole = key(
        3,
        "Repeats of a request that is safe to repeat; an order never is",
        group=BROKER,
        ge=0,
        le=20,
    )
    api_timeout: Real = key(30.0, "Longest wait for an answer [s]", group=BROKER, gt=0, le=600)
    market_data_stale_s: Real = key(
        15.0, "Silence of quotes that is an outage [s]", group=BROKER, gt=0, le=3600
    )

    rebalance_trigger_pct: Exact = key(
        Decimal("0.1"),
        "Distance from the float target that triggers a rebalance",
        group=REBALANCE,
        ge=0,
        le=1,
    )
    rebalance_threshold: OptionalExact = key(
        None, "The same after a session; blank = REBALANCE_TRIGGER_PCT", group=REBALANCE, ge=0, le=1
    )

    critical_alert_channel: OptionalChannel = key(
        None, "Where critical alerts go; blank = logs only", group=ALERTS
    )
    routine_alert_channel: OptionalChannel = key(
        None, "Where routine messages go; blank = logs only", group=ALERTS
    )
    notify_on_fill: Flag = key(False, "Send a message for each entry", group=ALERTS)
    notify_on_exit: Flag = key(False, "Send a message for each exit", group=ALERTS)
    notify_on_failure: Flag = key(True, "Send a message for each failure", group=ALERTS)

    optimizer_algorithm: OptimizerAlgorithm = key(
        OptimizerAlgorithm.GRID, "How the optimiser searches", group=OPTIMIZER
    )
    optimizer_backtest_lookback_days: Whole = key(
        30, "Days of data that the optimiser reads", group=OPTIMIZER, gt=0, le=3650
    )

    heartbeat_interval_s: Real = key(
        1.0, "Between two heartbeats [s]", group=TIMING, boot_only=True, gt=0, le=60
    )
    flag_interval_ms: Whole = key(
        200,
        "Between two looks at the control flags [ms]",
        group=TIMING,
        boot_only=True,
        ge=10,
        le=1000,
    )
    status_interval_ms: Whole = key(
        500,
        "Between two writes of status.json [ms]",
        group=TIMING,
        boot_only=True,
        ge=50,
        le=60_000,
    )
    open_order_check_s: Real = key(
        5.0,
        "Between two comparisons of working orders with the broker [s]",
        group=TIMING,
        gt=0,
        le=3600,
    )
    position_check_s: Real = key(
        30.0,
        "Between two comparisons of positions with the broker [s]",
        group=TIMING,
        gt=0,
        le=3600,
    )
    stale_quote_s: Real = key(
        5.0, "Largest age of the quote that decides an order [s]", group=TIMING, gt=0, le=600
    )
    broker_outage_s: Real = key(
        15.0, "Silence of the broker that suspends entries [s]", group=TIMING, gt=0, le=3600
    )
    lease_s: Real = key(
        10.0,
        "Life of the lease on the bot without a heartbeat [s]",
        group=TIMING,
        boot_only=True,
        gt=0,
        le=600,
    )
    backup_keep: Whole = key(
        30,
        "Newest backups that are kept, besides the last of each month",
        group=TIMING,
        ge=1,
        le=10_000,
    )

    slippage_simulation_type: SlippageType = key(
        SlippageType.NONE,
        "How simulated market fills move against us",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
    )
    slippage_mean_pct: Real = key(
        0.0,
        "Mean slippage, part of the price",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        lt=1,
    )
    slippage_stddev_pct: Real = key(
        0.0,
        "Standard deviation of randomized slippage, part of the price",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        lt=1,
    )
    simulated_latency_ms: Whole = key(
        0,
        "Delay between an order and its fill [ms]",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        lt=60_000,
    )
    simulation_seed: Whole = key(
        1,
        "Seed of every simulated draw",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        lt=2**63,
    )
    sim_starting_cash: Exact = key(
        Decimal(100000),
        "Cash of a new simulated account [USD]",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        gt=0,
        le=1_000_000_000_000,
    )
    sim_commission_pct: Exact = key(
        Decimal(0),
        "Commission of a simulated fill, part of its value",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        lt=1,
    )
    sim_partial_fill_rate: Real = key(
        0.0,
        "Part of simulated market orders that fill in two pieces",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        le=1,
    )
    sim_reject_rate: Real = key(
        0.0,
        "Part of simulated orders that are rejected",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        le=1,
    )
    sim_lost_reply_rate: Real = key(
        0.0,
        "Part of simulated orders whose answer is lost",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
        ge=0,
        le=1,
    )
    sim_native_trailing: bool = key(
        False,
        "Whether the simulated broker has trailing stops of its own",
        group=SIMULATION,
        boot_only=True,
        test_only=True,
    )

    @model_validator(mode="after")
    def _check_rules(self, info: ValidationInfo) -> Self:
        unread: frozenset[str] = (info.context or {}).get("unread", frozenset())
        values = dict(self)
        found = [*rules.broken(values, unread), *_foreign_to(values, unread)]
        if found:
            text = "; ".join(f"{keys[0].upper()} {message}" for keys, message in found)
            raise PydanticCustomError("rules", "{text}", {"text": text, "broken": found})
        return self

    @property
    def effective_rebalance_threshold(self) -> Decimal:
        """REBALANCE_THRESHOLD, or REBALANCE_TRIGGER_PCT where it is blank."""
        own: Decimal | None = self.rebalance_threshold
        return self.rebalance_trigger_pct if own is None else own

    def public_items(self) -> tuple[tuple[str, str], ...]:
        """Return every key and its value as text, in the order of the template."""
        # No key of .env_bot is a secret: secrets lie in env/secrets.
        return tuple((name.upper(), as_text(value)) for name, value in self)

    def warnings(self) -> tuple[str, ...]:
        """Return what is allowed but surprising, one sentence each."""
        if self.effective_rebalance_threshold == self.rebalance_trigger_pct:
            return ()
        return ("REBALANCE_THRESHOLD differs from REBALANCE_TRIGGER_PCT",)

    _views: dict[str, StrategySettings] = PrivateAttr(default_factory=dict)
    """The views made so far: a frozen value has the same ones for ever."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Return a copy with some values replaced; it makes its own views."""
        copied = super().model_copy(update=update, deep=deep)
        copied._views = {}  # noqa: SLF001 - of the same class
        return copied

    def strategy(self, name: str) -> StrategySettings:
        """Return every key that concerns one strategy.

        Parameters
        ----------
        name
            ``open``, ``mid`` or ``close``.

        Returns
        -------
        StrategySettings
            The view of that strategy.

        Raises
        ------
        LogicError
            If there is no such strategy.
        """
        if name not in STRATEGIES:
            msg = f"strategy must be one of {', '.join(STRATEGIES)}, was {name!r}"
            raise LogicError(msg)
        view = self._views.get(name)
        if view is None:
            view = self._views[name] = self._view_of(name)
        return view

    def _view_of(self, name: str) -> StrategySettings:
        values: dict[str, Any] = dict(self)
        own_trail = values[f"trail_pct_{name}"]
        return StrategySettings(
            name=name,
            enabled=values[f"strat_{name}_enabled"],
            start_text=values[f"start_time_{name}"],
            analysis=values[f"{name}_analysis_time"],
            breakout=values[f"{name}_breakout_time"],
            monitoring=values[f"{name}_monitoring_time"],
            trigger=values[TRIGGER_KEYS[name].lower()],
            mode=self.strat_close_mode if name == "close" else None,
            short_type=values[f"short_type_{name}"],
            stop_pct=values[f"stop_pct_{name}"],
            target_pct=values[f"target_pct_{name}"],
            trail_pct=self.trading_trailing_stop_pct if own_trail is None else own_trail,
            trail_tightening_buffer_s=self.trail_tightening_buffer_s,
            trail_tightening_factor=self.trail_tightening_factor,
            trail_atr_mult=self.trail_atr_mult,
            trail_atr_period=self.trail_atr_period,
            max_gap_pct=values[f"max_gap_pct_{name}"],
            min_market_cap=values[f"min_market_cap_{name}"],
            max_market_cap=values[f"max_market_cap_{name}"],
        )


def marks(name: str) -> dict[str, Any]:
    """Return the marks of an attribute: ``group``, ``boot_only``, ``test_only``."""
    extra = Settings.model_fields[name].json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def _foreign_to(
    values: dict[str, Any], unread: frozenset[str]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the simulation keys that are set beside a real broker."""
    broker = values["broker_code"]
    if broker is BrokerCode.SIM or "broker_code" in unread:
        return
    for name, field in Settings.model_fields.items():
        if marks(name)["test_only"] and name not in unread and values[name] != field.default:
            message = f"belongs to BROKER_CODE=SIM alone, found BROKER_CODE={broker.value}"
            yield (name, "broker_code"), message
