"""The main page: state, control, PnL, positions, orders, the funnel (document 070, main_web)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from rigd.access.roles import Action
from rigd.core.clock import from_iso
from rigd.core.errors import RigdError
from rigd.core.lifecycle import BotState
from rigd.core.orders import TERMINAL
from rigd.core.values import STRATEGIES
from rigd.reporting.live_chart import TOTAL, Points, growing
from rigd.reporting.periods import SPANS
from rigd.reporting.status import LABEL
from widgets.chart import LiveChart
from widgets.controls import Confirmed, TypedKill
from widgets.desk import Block, Page, framed, row, stack, visible
from widgets.markup import Html, tag
from widgets.parts import (
    DASH,
    badge,
    banner,
    card,
    cards,
    columns,
    heading,
    instant,
    lasting,
    meter,
    money,
    number,
    pane,
    percent,
    plain_number,
    shown_of,
    table,
)
from widgets.states import latch_of, view_of
from widgets.waiting import Waiting, entries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import ipywidgets

    from rigd.reporting.funnel import Funnel
    from rigd.reporting.order_view import OrderLine
    from rigd.reporting.periods import Total, Trade

STALE_S = 5.0
"""After so long without a beat the engine's loop is shown as silent [s]."""
ORDERS = 16
_LIVE_STATES = frozenset({"analyzing", "trading", "monitoring", "updating"})


class Reading(NamedTuple):
    """What the dashboard shows, read at one moment."""

    state: BotState | None
    told: str
    status: Mapping[str, Any]
    totals: Mapping[str, Mapping[str, Total]]
    trades: Sequence[Trade]
    orders: Sequence[OrderLine]
    funnels: Sequence[Funnel]
    defense: Mapping[str, Any]
    risk: Mapping[str, Any]
    beat_s: float | None
    testing: str
    mode: str
    may: frozenset[Action]
    waiting: Sequence[tuple[str, Html]]


CONTROLS = (
    Action.START,
    Action.START_LIVE,
    Action.STOP,
    Action.KILL,
    Action.DEFENSE,
    Action.RESET_KILL,
    Action.CONFIRM_TRADE,
)


class Dashboard(Page):
    """What an operator looks at all day."""

    every_s = 0.5

    def build(self) -> ipywidgets.Widget:
        """Return the page."""
        self.banner = Block()
        self.figures = Block()
        self.told = Block()
        clock = self.desk.clock
        self.start = Confirmed("Start bot", "Confirm start", "go", clock, self._start)
        self.stop = Confirmed("Stop (graceful)", "Confirm stop", "warn", clock, self._stop)
        self.kill = TypedKill(self.told, self._kill)
        self.defense = Confirmed(
            "Defense mode", "Confirm defense mode", "ghost", clock, self._defense
        )
        self.reset = Confirmed(
            "Release kill switch", "Confirm release", "ghost", clock, self._reset
        )
        self.waiting = Waiting(
            "Entries that wait",
            "sent with a yes alone",
            (("Yes", "go", "yes"), ("No", "warn", "no")),
            self._answer,
        )
        self.chart = LiveChart(height=250)
        self.live = Block()
        self.strategies = Block()
        self.tables = Block()
        self._line: list[tuple[float, float]] = []
        self._line_of = ""
        self._defense_on = False
        self._start_action = Action.START
        control = framed(
            row(
                Block(heading("Control"), kind="grow"),
                self.start.view,
                self.stop.view,
                self.defense.view,
                self.reset.view,
                self.kill.view,
                kind="control",
            ),
            self.told,
        )
        curve = framed(self.live, self.chart, kind="chart-pane")
        return stack(
            self.banner,
            self.figures,
            self.waiting.view,
            control,
            row(curve, framed(self.strategies, kind="side"), kind="wide"),
            self.tables,
        )

    def read(self) -> Reading:
        """Return the state of everything."""
        facts = self.desk.facts
        stands = facts.standing()
        return Reading(
            state=stands.state,
            told=stands.told,
            status=facts.status(),
            totals=facts.totals(),
            trades=facts.trades(),
            orders=facts.orders(),
            funnels=facts.funnels(),
            defense=facts.document("defense_state.json"),
            risk=facts.document("risk_state.json"),
            beat_s=facts.beat_age_s(),
            testing=facts.testing(),
            mode=facts.mode(),
            may=frozenset(action for action in CONTROLS if self.desk.session.may(action)),
            waiting=entries(facts),
        )

    def draw(self, found: Reading) -> None:
        """Show it."""
        self._draw_controls(found)
        self.figures.show(_figures(found))
        self.waiting.draw(found.waiting, may=Action.CONFIRM_TRADE in found.may)
        self.live.show(heading("PnL of the session", LABEL))
        self.chart.plot(self._series(found))
        self.strategies.show(_strategies(found))
        self.tables.show(_tables(found))

    def _draw_controls(self, found: Reading) -> None:
        view = view_of(found.state, testing=bool(found.testing))
        told = found.told[:1].upper() + found.told[1:]
        words = ". ".join(filter(None, (view.banner, told)))
        if found.testing:
            words = f"Tests: {found.testing}. Trading actions are disabled meanwhile"
        tone = "info" if found.testing else "warn" if found.told else view.tone
        self.banner.show(banner(words, tone) if words else Html())
        self._start_action = Action.START_LIVE if found.mode == "LIVE" else Action.START
        pairs = (
            (self._start_action, self.start, (view.start or _waits(found)) and not found.testing),
            (Action.STOP, self.stop, view.stop),
            (Action.KILL, self.kill, view.kill),
            (Action.DEFENSE, self.defense, view.stop and not found.testing),
        )
        for action, control, works in pairs:
            control.enable(on=works)
            visible(control.view, on=action in found.may)
        tripped = latch_of(found.risk, found.status).get("tripped")
        visible(self.reset.view, on=bool(tripped) and Action.RESET_KILL in found.may)
        self._defense_on = _defended(found)
        self.defense.first.description = f"Defense {'off' if self._defense_on else 'on'}"
        for each in (self.start, self.stop, self.defense, self.reset):
            each.tick()

    def _series(self, found: Reading) -> dict[str, Points]:
        """Return the curve of each strategy, and the line of the whole as status.json tells it."""
        session = str(found.status.get("session") or "")
        trades = sorted(
            (trade for trade in found.trades if trade.session == session),
            key=lambda trade: trade.closed_at,
        )
        at, pnl = _told_pnl(found.status)
        if session != self._line_of:
            self._line_of = session
            self._line = [(_ms(trade), float(trade.pnl)) for trade in trades if _ms(trade) <= at]
            sums = growing(self._line, 0.0)
            self._line = list(zip(sums.x[1:], sums.y[1:], strict=True))
        if pnl is not None and (not self._line or at > self._line[-1][0]):
            self._line.append((at, pnl))
        instants = [_ms(trade) for trade in trades] + [x for x, _ in self._line]
        if not instants:
            return dict.fromkeys((TOTAL, *STRATEGIES), Points((), ()))
        begin = min(instants) - 60_000
        curves = {
            TOTAL: Points((begin, *(x for x, _ in self._line)), (0.0, *(y for _, y in self._line)))
        }
        for name in STRATEGIES:
            amounts = [(_ms(t), float(t.pnl)) for t in trades if t.strategy == name]
            curves[name] = growing(amounts, begin)
        return curves

    def _start(self) -> None:
        self.desk.send(self.told, self._start_action, why="pressed Start on the dashboard")

    def _stop(self) -> None:
        self.desk.send(self.told, Action.STOP, why="pressed Stop on the dashboard")

    def _kill(self) -> None:
        self.desk.send(self.told, Action.KILL, why="typed KILL on the dashboard")

    def _defense(self) -> None:
        on = "false" if self._defense_on else "true"
        self.desk.send(self.told, Action.DEFENSE, payload={"on": on})

    def _answer(self, number: str, word: str) -> None:
        payload = {"candidate": number, "answer": word}
        self.desk.send(self.waiting.told, Action.CONFIRM_TRADE, payload=payload)

    def _reset(self) -> None:
        self.desk.send(self.told, Action.RESET_KILL, why="released on the dashboard")


def _ms(trade: Trade) -> float:
    return trade.closed_at.timestamp() * 1000


def _told_pnl(status: Mapping[str, Any]) -> tuple[float, float | None]:
    """Return instant [ms] and PnL of status.json; None while a mark is missing."""
    amount = number((status.get("pnl") or {}).get("total"))
    try:
        at = from_iso(str(status.get("market_time"))).timestamp() * 1000
    except (ValueError, RigdError):
        return 0.0, None
    return at, None if amount is None else float(amount)


def _waits(found: Reading) -> bool:
    """Tell whether a bot of the TEST profile rests: there Start runs a session of the sample."""
    return found.mode == "TEST" and found.state is BotState.IDLE and _silent(found)


def _silent(found: Reading) -> bool:
    return found.beat_s is None or found.beat_s > STALE_S


def _defended(found: Reading) -> bool:
    """Tell whether defense mode is on: a session that ended tells nothing of it any more."""
    told = not (_silent(found) and found.defense) and found.status.get("defense_mode")
    return bool(found.defense.get("on") or told)


def _figures(found: Reading) -> Html:
    status, totals = found.status, found.totals
    held = status.get("float") or {}
    latch = latch_of(found.risk, found.status)
    state = found.state.value if found.state else DASH
    view = view_of(found.state, testing=bool(found.testing))
    silent = _silent(found)
    beat = "silent" if silent else f"{found.beat_s:.1f} s"
    running = state in _LIVE_STATES
    tripped, defense = bool(latch.get("tripped")), _defended(found)
    day = totals.get("session", {}).get("total")
    used = number(held.get("used_fraction"))
    return cards(
        card(
            "Bot state",
            state.replace("_positions", "").replace("_", " "),
            status.get("reason") or "",
            view.tone,
        ),
        card(
            "Heartbeat",
            beat,
            f"pid {status.get('pid', DASH)}",
            ("bad" if running else "muted") if silent else "ok",
        ),
        card(
            "Session PnL",
            money((status.get("pnl") or {}).get("total"), sign=True),
            f"{status.get('currency', '')} unrealised "
            f"{plain_number((status.get('pnl') or {}).get('unrealised'))}",
        ),
        card(
            "Trades",
            status.get("trades"),
            f"win rate {percent(day.win_rate if day else None)}",
        ),
        card(
            "Open positions",
            f"{len(status.get('positions') or ())}"
            f" / {(status.get('limits') or {}).get('max_open_positions', DASH)}",
            f"{sum(order.status not in TERMINAL for order in found.orders)} working orders",
        ),
        card(
            "Float used",
            percent(used, 1),
            meter(
                used, f"{plain_number(held.get('used'))} of {plain_number(held.get('session_cap'))}"
            ),
        ),
        card(
            "Risk",
            "KILLED" if tripped else "DEFENSE" if defense else status.get("risk_mode") or DASH,
            (latch.get("cause") or "kill switch latched")
            if tripped
            else f"kill switch armed, defense {'on' if defense else 'off'}",
            "bad" if tripped else "warn" if defense else "ok",
        ),
    )


def _strategies(found: Reading) -> Html:
    told = {str(each.get("name")): each for each in found.status.get("strategies") or ()}
    rows: list[list[object]] = []
    for name in (*STRATEGIES, TOTAL):
        spans = [found.totals.get(span, {}).get(name) for span in SPANS]
        first = spans[0]
        rows.append([
            name,
            (told.get(name) or {}).get("window_minutes", ""),
            first.trades if first else 0,
            percent(first.win_rate if first else None),
            *(money(each.pnl if each else None, sign=True) for each in spans),
        ])
    return tag(
        "div",
        heading("PnL by strategy", LABEL),
        table(
            ("Strategy", "Window", "Trades", "Win", "Session", "Day", "Week", "Month"),
            rows,
            numeric=range(2, 8),
            kind="totalled",
        ),
        heading("Health", f"up {lasting(number_s(found.status.get('uptime_s')))}"),
        _health(found),
    )


def number_s(value: object) -> float | None:
    """Return seconds as a number; None when it is none."""
    found = number(value)
    return None if found is None else float(found)


def _health(found: Reading) -> Html:
    status = found.status
    return table(
        ("Part", "", "Detail"),
        [
            ("Engine", _light(found.beat_s, STALE_S), f"last beat {lasting(found.beat_s)} ago"),
            ("Broker", badge(str(status.get("broker") or DASH)), _asked(status)),
            ("Data", badge(str(status.get("status") or DASH)), status.get("data_label") or DASH),
            ("Clock", badge("UTC"), f"exchange {instant(status.get('market_time')) or DASH}"),
        ],
    )


def _asked(status: Mapping[str, Any]) -> str:
    running = status.get("status") == "RUNNING"
    return "asked at every tick" if running else "asked while a session runs"


def _light(age_s: float | None, limit_s: float) -> Html:
    if age_s is None:
        return badge("none", "muted")
    return badge("alive", "ok") if age_s <= limit_s else badge("silent", "warn")


def _tables(found: Reading) -> Html:
    return columns(
        tag(
            "div",
            pane(heading("Positions"), _positions(found.status)),
            pane(heading("Trades of the session"), _trades(found)),
            pane(heading("Funnel", "from candidates to trades"), _funnel(found.funnels)),
            kind="piled",
        ),
        pane(heading("Orders", shown_of(found.orders, ORDERS)), _orders(found.orders)),
        kind="two orders",
    )


def _positions(status: Mapping[str, Any]) -> Html:
    return table(
        ("Symbol", "Strategy", "Side", "Quantity", "Entry", "Mark", "Unrealised"),
        [
            (
                line.get("symbol"),
                line.get("strategy"),
                "short" if str(line.get("qty")).startswith("-") else "long",
                plain_number(line.get("qty")),
                plain_number(line.get("entry_price")),
                plain_number(line.get("mark")),
                money(line.get("unrealised"), sign=True),
            )
            for line in status.get("positions") or ()
        ],
        numeric=range(3, 7),
        empty="no open position",
    )


def _orders(orders: Sequence[OrderLine]) -> Html:
    return table(
        ("Time", "Symbol", "Side", "Order", "Status", "Quantity", "Filled", "Price"),
        [
            (
                f"{order.at:%H:%M:%S}",
                order.symbol,
                order.side.replace("_", " "),
                order.purpose if order.purpose == order.kind else f"{order.purpose} {order.kind}",
                _status(order),
                plain_number(order.qty),
                plain_number(order.filled),
                plain_number(order.limit_price or order.stop_price),
            )
            for order in orders[:ORDERS]
        ],
        numeric=(5, 6, 7),
        kind="tight",
        empty="no order yet",
    )


_TONES = {"FILLED": "ok", "REJECTED": "bad", "CANCELED": "muted", "EXPIRED": "muted"}


def _status(order: OrderLine) -> Html:
    words = order.status.replace("_", " ").lower()
    if order.in_doubt:
        return badge(f"{words}, in doubt", "bad")
    return badge(words, _TONES.get(order.status, "info"))


def _funnel(funnels: Sequence[Funnel]) -> Html:
    names = ("candidates", "with_signal", "signals", "orders", "filled", "trades")
    return table(
        (
            "Strategy",
            "Candidates",
            "With signal",
            "Signals",
            "Blocked",
            "Orders",
            "Filled",
            "Trades",
        ),
        [
            (
                each.strategy,
                *(getattr(each, name, DASH) for name in names[:3]),
                each.blocked_count,
                *(getattr(each, name, DASH) for name in names[3:]),
            )
            for each in funnels
        ],
        numeric=range(1, 8),
        kind="totalled",
        empty="no session yet",
    )


def _trades(found: Reading) -> Html:
    session = found.status.get("session")
    return table(
        ("Closed", "Strategy", "Symbol", "Side", "Exit", "PnL"),
        [
            (
                f"{trade.closed_at:%H:%M:%S}",
                trade.strategy,
                trade.symbol,
                trade.side,
                trade.reason,
                money(trade.pnl, sign=True),
            )
            for trade in reversed(found.trades)
            if trade.session == session
        ],
        numeric=(5,),
        empty="no trade yet",
    )
