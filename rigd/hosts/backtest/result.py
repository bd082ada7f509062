"""The result of a backtest: figures, funnel, trades, plots, and why anything did or did not happen.

Tables come as pandas frames and plots from Bokeh, both imported when they are first asked for.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from rigd.config.strategies import TRIGGER_KEYS
from rigd.core.clock import iso
from rigd.core.errors import ConfigError
from rigd.core.events import SessionStarted, TradeClosed
from rigd.core.money import ZERO, plain
from rigd.core.values import Profile
from rigd.hosts import wiring
from rigd.hosts.backtest.history import History
from rigd.hosts.backtest.host import Day, Host, Way
from rigd.hosts.backtest.played import Terms
from rigd.hosts.backtest.request import BacktestRequest
from rigd.hosts.backtest.scanning import Lane
from rigd.reporting import backtest as records
from rigd.reporting import backtest_view as view
from rigd.reporting.funnel import Funnel, added_up, funnels, why
from rigd.reporting.session_summary import text_table
from rigd.strategy.router import sequence

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rigd.core.values import Bar

PRICE_CHARTS = 4
"""How many price charts are shown: those of the trades that closed last."""


@dataclass(frozen=True, kw_only=True)
class BacktestResult:
    """What a backtest found.

    Parameters
    ----------
    request
        What was asked.
    terms, history
        What it ran on.
    days
        One per session, in time order.
    compiled
        Whether the strategies' functions were compiled.
    host
        What ran them; it plays single days again for `why`.
    """

    request: BacktestRequest
    terms: Terms
    history: History
    days: tuple[Day, ...]
    compiled: bool
    host: Host = field(repr=False)

    @cached_property
    def of_days(self) -> tuple[records.DayOf, ...]:
        """The days as the reports take them."""
        return tuple(day_of(day, self.history) for day in self.days)

    @cached_property
    def figures(self) -> records.Figures:
        """Win rate, drawdown, duration, PnL and Sharpe ratio (document 050)."""
        return records.figures(self.of_days)

    @property
    def metrics(self) -> dict[str, float | None]:
        """The figures by name; what is undefined without trades is None."""
        found = self.figures
        return {
            "trades": float(found.trades),
            "win_rate": found.win_rate,
            "pnl": found.pnl,
            "average_pnl": found.average_pnl,
            "average_duration_s": found.average_duration_s,
            "max_drawdown": found.max_drawdown.money,
            "max_drawdown_fraction": found.max_drawdown.fraction,
            "sharpe": found.sharpe,
        }

    @cached_property
    def funnel(self) -> tuple[Funnel, ...]:
        """The way from candidates to trades: one per strategy over all days, the total last."""
        parts: dict[str, list[Funnel]] = {name: [] for name in sequence(self.terms.settings)}
        for day in self.days:
            for way in _ways(day):
                parts[way.strategy].append(way)
        summed = [added_up(found, name) for name, found in parts.items()]
        return (*summed, added_up(summed))

    @property
    def trades(self) -> Any:  # noqa: ANN401 - pandas has its own types
        """The round trips as a pandas frame, one row each, with the columns of trade_history."""
        import pandas as pd  # noqa: PLC0415 - heavy, wanted for tables only

        rows = records.backtest_rows(self.of_days)
        names = [each.name for each in records.BACKTEST_FIELDS]
        frame = pd.DataFrame(rows, columns=names)
        for name in ("size", "entry_price", "exit_price", "PnL", "commission"):
            frame[name] = frame[name].astype(float)
        return frame

    @property
    def daily(self) -> Any:  # noqa: ANN401 - pandas has its own types
        """One row per session as a pandas frame: cash at the open, PnL, trades, how it was run."""
        import pandas as pd  # noqa: PLC0415 - heavy, wanted for tables only

        rows = [
            {
                "day": pd.Timestamp(day.day),
                "opening_cash": float(day.opening_cash),
                "pnl": float(day.closing_cash - day.opening_cash),
                "trades": len(day.trades),
                "way": str(day.way),
            }
            for day in self.days
        ]
        return pd.DataFrame(rows).set_index("day")

    @property
    def equity(self) -> Any:  # noqa: ANN401 - pandas has its own types
        """The equity after each trade as a pandas series over UTC."""
        import pandas as pd  # noqa: PLC0415 - heavy, wanted for tables only

        points = records.equity(self.of_days)
        return pd.Series(
            [float(value) for _, value in points],
            index=pd.DatetimeIndex([at for at, _ in points], name="UTC"),
            name="equity",
        )

    def plot(self) -> Any:  # noqa: ANN401 - bokeh's own type
        """Show equity, drawdown and trades with Bokeh in the notebook; return the layout."""
        from rigd.reporting import backtest_charts  # noqa: PLC0415 - for plots only

        return backtest_charts.show(self.of_days)

    def plots_html(self) -> bytes:
        """Return the plots as one page that needs nothing but itself."""
        from rigd.reporting import backtest_charts  # noqa: PLC0415 - for plots only

        return backtest_charts.plots_html(self.title, self.of_days)

    def why(self, symbol: str, at: str | date | datetime | None = None) -> Why:
        """Tell the whole chain of decisions about a symbol on one day.

        The day is played again by the session engine, from the cash that it began with.

        Parameters
        ----------
        symbol
            The exchange symbol.
        at
            The exchange day, or an instant in it; the first on which the symbol traded, else the
            first that has it, when left out.

        Returns
        -------
        Why
            Ranks, verdicts, orders, fills and trade, one line per step.

        Raises
        ------
        ConfigError
            If the day or the symbol is not in the backtest.
        """
        name = symbol.upper()
        if name not in self.history.symbols:
            there = ", ".join(self.history.symbols[:12])
            msg = f"{name} is not in this backtest; there are {there}"
            raise ConfigError(msg)
        day = self._day_for(name, at)
        entries = self.host.play(day.number, day.opening_cash)
        return Why(why(entries, name))

    def reasons(self) -> list[str]:
        """Return why nothing traded, one line each, the most frequent first; blank when it did."""
        if self.figures.trades:
            return []
        lines = []
        for way in self.funnel[:-1]:
            lines += self._reasons_of(way)
        return lines or ["no strategy is switched on"]

    @property
    def title(self) -> str:
        """What was run, in one line."""
        first, last = self.days[0].day, self.days[-1].day
        return f"Backtest of {self.request.strategy}, {first} to {last}"

    @property
    def badges(self) -> tuple[str, ...]:
        """The marks of its titles: TEST for that profile, and BACKTEST."""
        test = ("TEST",) if self.terms.profile is Profile.TEST else ()
        return (*test, "BACKTEST")

    def facts(self) -> list[tuple[str, str]]:
        """Return what it ran on, as names and values."""
        ways = Counter(day.way for day in self.days)
        how = ", ".join(f"{ways[way]} {_SHOWN[way]}" for way in Way if ways[way])
        currency = wiring.CURRENCY
        pairs = [
            ("Bot", str(self.terms.identity)),
            ("Data", self.history.label),
            ("Symbols", ", ".join(self.history.symbols)),
            ("Sessions", f"{len(self.days)} ({how})"),
            ("Bars", f"{self.history.count:,}, {'compiled' if self.compiled else 'interpreted'}"),
            ("Opening cash", view.money_text(self.days[0].opening_cash, currency)),
            ("Closing cash", view.money_text(self.days[-1].closing_cash, currency)),
            ("Seed", str(self.terms.settings.simulation_seed)),
        ]
        if self.history.without_bars:
            missing = self.history.without_bars
            pairs.append(("Sessions without bars", f"{len(missing)}, first {missing[0]}"))
        for name, days in (
            ("Kill switch tripped", [day.day for day in self.days if day.tripped]),
            ("Defense mode came on", [day.day for day in self.days if day.defended]),
        ):
            if days:
                pairs.append((name, f"on {len(days)} days, first {days[0]}; released overnight"))
        skipped = Counter((name, why_) for day in self.days for name, why_ in day.skipped)
        pairs += [
            (f"Window {name} skipped", f"{count} days: {why_}")
            for (name, why_), count in sorted(skipped.items())
        ]
        return pairs

    def digests(self) -> list[tuple[str, str]]:
        """Return what the result is bound to: configuration, settings in force, data and code."""
        return [
            ("Configuration of the bot", self.terms.config_digest[:16]),
            ("Settings in force", self._digest[:16]),
            ("Data", self.history.digest[:16]),
            ("Code", self.terms.code_digest[:16]),
        ]

    def provenance(self) -> str:
        """Return the digests as HTML."""
        return view.digests_block(self.digests())

    def marks(self) -> dict[str, object]:
        """Return what every file of the backtest says of it."""
        ways = Counter(str(day.way) for day in self.days)
        return {
            "bot": str(self.terms.identity),
            "profile": self.terms.profile.value,
            "test_mode": False,
            "broker": "SIM",
            "strategy": self.request.strategy,
            "start": self.request.start,
            "end": self.request.end,
            "symbols": list(self.history.symbols),
            "data_label": self.history.label,
            "data_digest": self.history.digest,
            "config_digest": self.terms.config_digest,
            "settings_digest": self._digest,
            "code_digest": self.terms.code_digest,
            "seed": self.terms.settings.simulation_seed,
            "overrides": dict(self.request.overrides),
            "opening_cash": plain(self.days[0].opening_cash),
            "closing_cash": plain(self.days[-1].closing_cash),
            "sessions": len(self.days),
            "ways": dict(sorted(ways.items())),
        }

    def summary(self) -> dict[str, object]:
        """Return daily_summary_backtest.json as plain values."""
        return records.backtest_summary(self.of_days, self.funnel, self.marks(), self.reasons())

    def text(self) -> str:
        """Return the result for a terminal."""
        lines = [
            self.title,
            *(f"  {name}: {value}" for name, value in (*self.facts(), *self.digests())),
            "",
        ]
        lines += ["Funnel", *text_table(view.funnel_table(self.funnel)), ""]
        found = self.figures
        lines += [
            f"Trades {found.trades}, PnL {found.pnl:+,.2f} {wiring.CURRENCY}"
            + (f", win rate {found.win_rate:.1%}" if found.win_rate is not None else ""),
            f"Maximum drawdown {found.max_drawdown.money:,.2f}"
            + (f", Sharpe {found.sharpe:.3f}" if found.sharpe is not None else ""),
        ]
        if reasons := self.reasons():
            lines += ["", "Why nothing traded", *(f"  {reason}" for reason in reasons)]
        return "\n".join(lines) + "\n"

    def heading(self) -> str:
        """Return the title and what it ran on, as HTML."""
        return view.heading(self.title, self.facts(), self.badges)

    def figures_html(self) -> str:
        """Return the figures as HTML."""
        return view.figures_block(self.of_days)

    def funnel_html(self) -> str:
        """Return the funnel and what blocked, and why nothing traded, as HTML."""
        return view.funnel_block(self.funnel, self.reasons())

    def equity_html(self) -> str:
        """Return equity and drawdown as inline SVG."""
        return view.equity_block(self.of_days)

    def trades_html(self) -> str:
        """Return the newest trades as HTML."""
        return view.trades_block(self.of_days)

    def prices(self) -> str:
        """Return the trades on the price of their day, as inline SVG; the newest days."""
        traded = [day for day in self.days if day.trades][-PRICE_CHARTS:]
        shown = [(day.entries, self._bars(day)) for day in traded]
        return view.prices_block(shown, PRICE_CHARTS)

    def blocks(self) -> list[str]:
        """Return everything that a notebook shows, as HTML fragments in order."""
        return [
            self.heading(),
            self.figures_html(),
            self.funnel_html(),
            self.equity_html(),
            self.trades_html(),
            self.prices(),
            self.provenance(),
        ]

    def _repr_html_(self) -> str:
        return "".join(self.blocks())

    def __repr__(self) -> str:
        """Return the result in one line."""
        found = self.figures
        return f"<{self.title}: {found.trades} trades, PnL {found.pnl:+,.2f} {wiring.CURRENCY}>"

    @cached_property
    def _digest(self) -> str:
        from rigd.config.digest import digest  # noqa: PLC0415 - of a finished result alone

        return digest(self.terms.settings)

    def _bars(self, day: Day) -> Mapping[str, Sequence[Bar]]:
        return self.history.feeds[day.number].bars

    def _day_for(self, symbol: str, at: str | date | datetime | None) -> Day:
        if at is None:
            traded = [d for d in self.days if any(t.symbol == symbol for t in d.trades)]
            there = [d for d in self.days if symbol in self._bars(d)]
            return (traded or there)[0]
        wanted = _date_of(at)
        for day in self.days:
            if day.day == wanted:
                return day
        msg = f"{wanted} is no day of this backtest: {self.days[0].day} to {self.days[-1].day}"
        raise ConfigError(msg)

    def _reasons_of(self, way: Funnel) -> list[str]:
        """Return why one strategy traded nothing."""
        name = way.strategy
        if not way.candidates:
            skipped = f", {way.skipped} symbols were skipped" if way.skipped else ""
            return [f"{name}: no candidate in {len(self.days)} sessions{skipped}"]
        lines = [
            f"{name}: {item.times} signals stopped by {item.stage} {item.rule}: {item.reason}"
            for item in way.blocked
        ]
        if not way.signals:
            lines.append(
                f"{name}: {way.candidates} candidates, none signalled{self._nearest(name)}"
            )
        return lines

    def _nearest(self, strategy: str) -> str:
        """Tell how near the nearest candidate came."""
        reached = [
            (each.reach[0], each.reach[1], day.day)
            for day in self.days
            for each in day.screened
            if each.strategy == strategy and each.reach is not None
        ]
        if not reached:
            return ""
        move, symbol, day = max(reached)
        trigger = self.terms.settings.strategy(strategy).trigger
        needed = "needed" if strategy == "close" else "needed more than"
        key = TRIGGER_KEYS[strategy]
        return f"; the largest move was {move:.6f} ({symbol}, {day}), {needed} {trigger:g} ({key})"


class Why(str):
    """A chain of decisions, shown as it is in a notebook too."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text itself."""
        return str(self)


_SHOWN = {
    Way.QUIET: "without a signal",
    Way.CANDIDATES: "over their candidates",
    Way.SESSION: "by the session engine",
}


def day_of(day: Day, history: History) -> records.DayOf:
    """Return a day as the reports take it."""
    session = history.feeds[day.number].session
    head = day.entries[0].record if day.entries else None
    return records.DayOf(
        day=day.day,
        opened=session.open,
        closed=session.close,
        currency=wiring.CURRENCY,
        started=head if isinstance(head, SessionStarted) else None,
        opening_cash=day.opening_cash,
        pnl=sum((trade.pnl for trade in day.trades), ZERO),
        trades=tuple((e.at, e.record) for e in day.entries if isinstance(e.record, TradeClosed)),
    )


def run(
    request: BacktestRequest,
    terms: Terms,
    history: History,
    *,
    lane: Lane = Lane.AUTO,
    on_day: Callable[[int, int], None] = lambda _done, _of: None,
) -> BacktestResult:
    """Run a backtest.

    Parameters
    ----------
    request, terms, history
        What is asked, and what it runs on.
    lane
        How the strategies' functions are run.
    on_day
        Called after each day with how many are done, and of how many.

    Returns
    -------
    BacktestResult
        In memory; nothing was written.
    """
    host = Host(terms, history, lane)
    cash = Decimal(request.cash) if request.cash else terms.settings.sim_starting_cash
    days = host.run(cash, on_day)
    return BacktestResult(
        request=request,
        terms=terms,
        history=history,
        days=days,
        compiled=host.compiled,
        host=host,
    )


def _ways(day: Day) -> tuple[Funnel, ...]:
    """Return the funnels of one day, one per strategy."""
    if day.entries:
        return funnels(day.entries)[:-1]
    return tuple(
        Funnel(
            strategy=each.strategy,
            candidates=each.candidates,
            skipped=each.skipped,
            with_signal=0,
            signals=0,
            blocked=(),
            orders=0,
            filled=0,
            fills=0,
            trades=0,
        )
        for each in day.screened
    )


def _date_of(at: str | date | datetime) -> date:
    if isinstance(at, datetime):
        return at.date()
    if isinstance(at, date):
        return at
    try:
        return date.fromisoformat(at[:10])
    except ValueError:
        msg = f"a day must be YYYY-MM-DD, was {at!r}"
        raise ConfigError(msg) from None


def stamp_text(at: datetime) -> str:
    """Return the instant of a run as its folder's name carries it."""
    return iso(at).replace(":", "").replace("-", "").replace(".", "")
