"""The status page: each value as its source file has it (document 090, status_web)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.roles import Action
from rigd.core.values import STRATEGIES
from rigd.reporting.live_chart import Points, growing
from rigd.reporting.periods import SPANS
from rigd.reporting.status import LABEL
from widgets.chart import LiveChart
from widgets.desk import Block, Page, framed, row, stack
from widgets.markup import Html, tag
from widgets.parts import (
    DASH,
    badge,
    checks,
    facts,
    heading,
    instant,
    lasting,
    money,
    number,
    pane,
    percent,
    plain_number,
    table,
)
from widgets.states import latch_of
from widgets.waiting import Waiting, alerts

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets

    from rigd.core.lifecycle import BotState
    from rigd.reporting.periods import Total, Trade

SESSIONS = 6
"""How many sessions the overlay shows: one series for each colour."""


class Reading(NamedTuple):
    """What the page shows."""

    state: BotState | None
    status: Mapping[str, Any]
    totals: Mapping[str, Mapping[str, Total]]
    trades: Sequence[Trade]
    summary: Mapping[str, Any]
    risk: Mapping[str, Any]
    defense: Mapping[str, Any]
    end: Mapping[str, Any]
    beat_s: float | None
    supervisor_s: float | None
    told_s: float | None
    alerts: Sequence[tuple[str, Html]]
    may_acknowledge: bool


class Status(Page):
    """Everything that the bot says of itself."""

    every_s = 1.0

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.alerts = Waiting(
            "Critical alerts",
            "without an answer no entry after 60 s, and a stop after 5 min",
            (("Acknowledge", "warn", ""),),
            self._acknowledge,
        )
        self.top = Block()
        self.by_strategy = LiveChart(height=220, dated=False)
        self.by_session = LiveChart(height=220, dated=False)
        self.rest = Block()
        return stack(
            self.alerts.view,
            self.top,
            row(
                framed(Block(heading("PnL by strategy", "time of day, UTC")), self.by_strategy),
                framed(Block(heading("PnL by session", "the newest sessions")), self.by_session),
                kind="halves",
            ),
            self.rest,
        )

    def read(self) -> Reading:
        """Return what the files say."""
        held = self.desk.facts
        status = held.status()
        return Reading(
            state=held.state(),
            status=status,
            totals=held.totals(),
            trades=held.trades(),
            summary=held.document("daily_summary.json"),
            risk=held.document("risk_state.json"),
            defense=held.document("defense_state.json"),
            end=held.document("termination.json"),
            beat_s=held.beat_age_s(),
            supervisor_s=held.age_s(held.document("supervisor.json").get("at")),
            told_s=held.age_s(status.get("updated_at")),
            alerts=alerts(held),
            may_acknowledge=self.desk.session.may(Action.ACKNOWLEDGE_ALERT),
        )

    def draw(self, found: Reading) -> None:
        """Show it."""
        self.alerts.draw(found.alerts, may=found.may_acknowledge)
        self.top.show(_top(found))
        self.by_strategy.plot(by_strategy(found.trades, str(found.status.get("session") or "")))
        self.by_session.plot(by_session(found.trades))
        self.rest.show(_rest(found))

    def _acknowledge(self, number: str, _: str) -> None:
        self.desk.send(self.alerts.told, Action.ACKNOWLEDGE_ALERT, payload={"alert": number})


def by_strategy(trades: Sequence[Trade], session: str) -> dict[str, Points]:
    """Return the running PnL of each strategy of a session over the time of day."""
    mine = [trade for trade in trades if trade.session == session]
    if not mine:
        return dict.fromkeys(STRATEGIES, Points((), ()))
    return {
        name: growing(
            [(_midnight_ms(trade), float(trade.pnl)) for trade in mine if trade.strategy == name],
            _first(mine),
        )
        for name in STRATEGIES
    }


def by_session(trades: Sequence[Trade]) -> dict[str, Points]:
    """Return the running PnL of each of the newest sessions over the time of day."""
    sessions = sorted({trade.session for trade in trades})[-SESSIONS:]
    return {
        session: growing(
            [(_midnight_ms(t), float(t.pnl)) for t in trades if t.session == session],
            _first(trades),
        )
        for session in sessions
    }


def _midnight_ms(trade: Trade) -> float:
    at = trade.closed_at
    return (at.hour * 3600.0 + at.minute * 60 + at.second) * 1000


def _first(trades: Sequence[Trade]) -> float:
    return min(_midnight_ms(trade) for trade in trades) - 60_000


def _top(found: Reading) -> Html:
    status = found.status
    held = status.get("float") or {}
    kill = latch_of(found.risk, status)
    return tag(
        "div",
        pane(
            heading("Bot", status.get("bot") or "no session yet"),
            facts((
                ("state", found.state.value if found.state else DASH),
                ("reason", status.get("reason")),
                ("session", status.get("session")),
                ("status", status.get("status")),
                ("risk mode", status.get("risk_mode")),
                ("marks", " ".join(str(mark) for mark in status.get("marks") or ())),
                ("profile", status.get("profile")),
                ("broker", status.get("broker")),
                ("data", status.get("data_label")),
                ("exchange time", instant(status.get("market_time"))),
                ("updated", instant(status.get("updated_at"))),
                ("uptime", lasting(_seconds(status.get("uptime_s")))),
                ("exit code", status.get("exit_code")),
            )),
        ),
        pane(
            heading("PnL and float", LABEL),
            facts((
                ("currency", status.get("currency")),
                ("realised", money((status.get("pnl") or {}).get("realised"), sign=True)),
                ("unrealised", money((status.get("pnl") or {}).get("unrealised"), sign=True)),
                ("total", money((status.get("pnl") or {}).get("total"), sign=True)),
                ("float", money(held.get("amount"))),
                ("session cap", money(held.get("session_cap"))),
                ("used", money(held.get("used"))),
                ("used of the cap", percent(held.get("used_fraction"), 1)),
                ("trades", status.get("trades")),
                ("signals", status.get("signals")),
            )),
        ),
        pane(
            heading("Protection"),
            facts((
                (
                    "kill switch",
                    _switch(kill.get("tripped"), "tripped"),
                ),
                ("cause", kill.get("cause")),
                ("loss counter", money(found.risk.get("latest"), sign=True)),
                ("carried", money(found.risk.get("carried"), sign=True)),
                ("defense", _switch(status.get("defense_mode") or found.defense.get("on"), "on")),
                ("trigger", found.defense.get("trigger")),
                ("last trades", found.defense.get("latest")),
            )),
        ),
        kind="cols three",
    )


def _switch(on: object, word: str) -> Html:
    return badge(word if on else "armed" if word == "tripped" else "off", "bad" if on else "ok")


def _seconds(value: object) -> float | None:
    found = number(value)
    return None if found is None else float(found)


def _rest(found: Reading) -> Html:
    limits = found.status.get("limits") or {}
    return tag(
        "div",
        pane(heading("Strategies", LABEL), _strategies(found)),
        tag(
            "div",
            pane(heading("Health"), checks(_health(found))),
            pane(
                heading("Last closing", found.end.get("session") or ""), checks(_steps(found.end))
            ),
            pane(
                heading("Limits in force"),
                facts(
                    (str(key).replace("_", " "), plain_or(value)) for key, value in limits.items()
                ),
                kind="dense",
            ),
            kind="cols three",
        ),
    )


def plain_or(value: object) -> str:
    """Return a number without trailing zeros, anything else as it is."""
    return plain_number(value) if number(value) is not None else str(value)


def _strategies(found: Reading) -> Html:
    told = {str(each.get("name")): each for each in found.status.get("strategies") or ()}
    rates = found.summary.get("win_rate_per_strategy") or {}
    rows = []
    for name in STRATEGIES:
        line = told.get(name) or {}
        spans = [found.totals.get(span, {}).get(name) for span in SPANS]
        rows.append((
            name,
            line.get("window_minutes"),
            line.get("signals"),
            line.get("trades"),
            percent(line.get("win_rate")),
            percent(rates.get(name)),
            money(line.get("pnl"), sign=True),
            *(money(each.pnl if each else None, sign=True) for each in spans[1:]),
            *(each.trades if each else 0 for each in spans[2:]),
        ))
    return table(
        (
            *("Strategy", "Window", "Signals", "Trades", "Win rate", "Win rate (summary)"),
            *("PnL session", "PnL day", "PnL week", "PnL month", "Trades week", "Trades month"),
        ),
        rows,
        numeric=range(2, 12),
    )


def _health(found: Reading) -> list[tuple[str, bool | None, str]]:
    broker = found.status.get("broker")
    running = found.status.get("status") == "RUNNING"
    return [
        ("supervisor", _recent(found.supervisor_s), f"last sign {lasting(found.supervisor_s)} ago"),
        (
            "engine",
            _recent(found.beat_s) if running else None,
            f"last beat {lasting(found.beat_s)} ago",
        ),
        (
            "status.json",
            _recent(found.told_s) if running else None,
            f"written {lasting(found.told_s)} ago",
        ),
        (
            f"broker {broker or ''}",
            _recent(found.beat_s) if running else None,
            "asked at every tick of a session" if running else "asked while a session runs",
        ),
    ]


def _recent(age_s: float | None) -> bool | None:
    return None if age_s is None or age_s > 3600 else age_s < 10


def _steps(end: Mapping[str, Any]) -> list[tuple[str, bool | None, str]]:
    return [
        (str(step.get("name")), bool(step.get("passed")), str(step.get("detail") or ""))
        for step in end.get("steps") or ()
        if isinstance(step, dict)
    ]
