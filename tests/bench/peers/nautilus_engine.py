"""What every run in nautilus_trader needs: an engine without logs, instruments, and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nautilus_trader.backtest.config import BacktestEngineConfig
from nautilus_trader.backtest.engine import BacktestEngine
from nautilus_trader.config import LoggingConfig
from nautilus_trader.model.currencies import USD
from nautilus_trader.model.data import Bar, BarType
from nautilus_trader.model.enums import AccountType, OmsType
from nautilus_trader.model.identifiers import InstrumentId, Symbol, Venue
from nautilus_trader.model.instruments import Equity
from nautilus_trader.model.objects import Money, Price, Quantity

if TYPE_CHECKING:
    from decimal import Decimal

    from tests.bench.peers.work import Bars, Fill

VENUE = "XNAS"
MINUTE_NS = 60_000_000_000


def engine() -> BacktestEngine:
    """Return an engine with one venue and a margin account; logs and checks of risk are off."""
    config = BacktestEngineConfig(logging=LoggingConfig(bypass_logging=True), run_analysis=False)
    made = BacktestEngine(config=config)
    made.add_venue(
        venue=Venue(VENUE),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        base_currency=USD,
        starting_balances=[Money(10_000_000, USD)],
    )
    return made


def run_of(instruments, data, strategies):
    """Return the run of a new engine over bars in time order, which gives the strategies' fills."""
    made = engine()
    for instrument in instruments:
        made.add_instrument(instrument)
    made.add_data(data, validate=False)
    for strategy in strategies:
        made.add_strategy(strategy)

    def run() -> list[Fill]:
        made.run()
        found = [fill for strategy in strategies for fill in strategy.fills]
        made.dispose()
        return found

    return run


def equity(name: str, commission: Decimal) -> Equity:
    """Return a share that trades in cents."""
    return Equity(
        instrument_id=InstrumentId(Symbol(name), Venue(VENUE)),
        raw_symbol=Symbol(name),
        currency=USD,
        price_precision=2,
        price_increment=Price.from_str("0.01"),
        lot_size=Quantity.from_int(1),
        maker_fee=commission,
        taker_fee=commission,
        ts_event=0,
        ts_init=0,
    )


def bar_type_of(instrument: Equity) -> BarType:
    """Return the type of its 1-minute bars."""
    return BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")


def bars_of(bars: Bars, bar_type: BarType) -> list[Bar]:
    """Return its bars, each known at its end."""
    ends = (bars.stamps().astype("int64") + MINUTE_NS).tolist()
    prices = [
        [Price(price, 2) for price in column.tolist()]
        for column in (bars.open, bars.high, bars.low, bars.close)
    ]
    volumes = [Quantity(volume, 0) for volume in bars.volume.tolist()]
    return [Bar(bar_type, *row, end, end) for *row, end in zip(*prices, volumes, ends, strict=True)]
