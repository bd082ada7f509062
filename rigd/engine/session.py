"""One session from recovery to close: the states, the windows, and the way out.

The host drives it: `catch_up`, `begin`, then for each minute `before_minute`, `after_open`,
`after_trading` and `on_slice`, then `end`. Whether minutes come from a file, a simulation or an
exchange, nothing here knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.emergencies import (
    WAYS_OUT,
    Closing,
    Effect,
    Emergency,
    response_to,
)
from rigd.core.errors import BrokerError, ConfigError, DataError, ExitCode, LogicError
from rigd.core.events import (
    Command,
    CommandObeyed,
    DefenseChanged,
    EmergencyMet,
    NoteMade,
    RiskModeChanged,
    RiskTripped,
    SessionClosed,
    SliceDone,
    StateChanged,
    WindowClosed,
)
from rigd.core.lifecycle import (
    BotState,
    RiskMode,
    StateGroup,
    check_step,
    group_of,
    may_follow,
)
from rigd.core.orders import Purpose
from rigd.core.values import ExitReason, MarketSlice
from rigd.engine import candidates, pipeline, protection, recovery, sending, vigil
from rigd.engine.comparison import Comparison
from rigd.engine.error_handler import event_of
from rigd.engine.portfolio import STALE_EXIT, minute_start
from rigd.engine.updating import Updating
from rigd.risk.defense import limits_in_force, limits_table
from rigd.risk.defense_mode import DEFENSE_SET, Trigger
from rigd.risk.kill_switch import Cause, worst

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from rigd.core.emergencies import Response
    from rigd.core.events import Reconciled
    from rigd.engine.commands import CommandReader
    from rigd.engine.desk import Desk, Runner
    from rigd.engine.orders import Order
    from rigd.engine.updating import SettingsSource
    from rigd.risk.kill_switch import Trip

LAST_ATTEMPTS = 5
"""How often the exit of what the bars left open is sent while the broker refuses it."""

LATE_MINUTES = 3
"""A held symbol is late when others have the bar and it has not for this long (SPEC §10)."""


_MET_BY = {
    Command.STOP: Emergency.STOP,
    Command.KILL: Emergency.KILL,
    Command.SHUTDOWN: Emergency.FORCED_END,
}
"""The event of the table of emergencies that a command is."""

_CLOSING_OF = {
    Command.STOP: Closing.STOP,
    Command.KILL: Closing.KILL,
    Command.SHUTDOWN: Closing.SHUTDOWN,
}


class Session:
    """One session of one bot.

    Parameters
    ----------
    desk
        Everything its stages share.
    commands
        Where stop and kill come from.
    opening_cash
        The broker's cash when the session began [currency].
    settings_source
        Where changed settings come from; None where nobody can change them.
    """

    def __init__(
        self,
        desk: Desk,
        commands: CommandReader,
        opening_cash: Decimal,
        settings_source: SettingsSource | None = None,
    ) -> None:
        self.desk = desk
        self._updating = Updating(
            desk,
            settings_source,
            tuple(desk.recorder.facts.settings_changes),
            lambda: self.enter_defense(Trigger.SETTINGS, DEFENSE_SET),
        )
        desk.obey = self.obey
        desk.meet = self.meet
        desk.reconcile = self.reconcile
        self._commands = commands
        self._opening_cash = opening_cash
        self._minute = -1
        self._runners = sorted(desk.runners, key=lambda runner: runner.plan.window.start)
        self._steps = [
            step
            for window in (runner.plan.window for runner in desk.runners)
            for step in (window.start, window.analysis_end, window.breakout_end, window.end)
        ]
        self._comparison = Comparison(desk)
        self._unsent: list[Order] = []
        self._watched = -1
        self._next_step = -1
        self._asked_flat = False
        self._reconciled = False
        self._unwatched = False
        self.closing: Closing | None = None
        self.closed: SessionClosed | None = None

    @property
    def state(self) -> BotState:
        """The bot's state as the journal tells it."""
        return self.desk.recorder.facts.state

    @property
    def next_minute(self) -> int:
        """The first minute that is not known to be complete."""
        return self.desk.recorder.facts.last_minute + 1

    async def begin(self) -> None:
        """Take in what a crash may have left and reconcile, before any signal counts."""
        desk = self.desk
        limits_in_force(desk.settings, defense=desk.defense)
        self.closing = self._interrupted_closing()
        desk.entries_allowed = self.closing is None
        desk.collared = desk.recorder.facts.collared
        self._take_up_defense()
        self._unsent = await recovery.settle_unanswered(desk)
        if not await self._agree("resume" if desk.recorder.facts.resumed else "start"):
            self._refuse_to_start()
        if desk.kill_switch.tripped and desk.recorder.facts.tripped is None:
            self._record_latch()
        if self.closing is not None:
            self._enter_closing(f"{self.closing}: taken up again")
        elif self.state is BotState.UPDATING:
            self._step(desk.recorder.facts.before_update, "update cut off, taken up again")
        elif self.state is BotState.INITIALIZE:
            self._step(BotState.STARTED, "self-checks passed, broker reconciled")
        if self.closing is None and self.state is BotState.STARTED:
            self._step(BotState.IDLE, "waiting for the first window")
        desk.save_latch()
        desk.save_defense()
        desk.recorder.sync()

    def catch_up(self, slice_: MarketSlice) -> None:
        """Show the strategies a minute that was complete before a crash; nothing is decided."""
        self._updating.follow(slice_.minute)
        pipeline.step(self.desk, slice_ if self.desk.feed.sound else _sound(slice_))
        self._minute = slice_.minute

    def update(self, minute: int) -> None:
        """Take in changed settings before a minute begins, as a whole or not at all."""
        self._updating.follow(minute)
        if self.closing is None and may_follow(self.state, BotState.UPDATING):
            self._updating.take(minute, self._in_update)

    async def before_minute(self, minute: int) -> None:
        """Do what is due by time at the start of a minute: commands, states, exits, levels."""
        desk = self.desk
        self.obey()
        if reports := desk.watchdog.look(desk.orders.working()):
            await vigil.keep(desk, reports)
        if self.closing is not None:
            await self._catch_up()
            await self._close_out()
            return
        self._walk_states(minute)
        if self._reconciled:
            await self._comparison.look()
        if desk.gap_seen or desk.recorder.facts.risk_mode is RiskMode.REDUCING:
            await self._agree("gap")
            if not self._reconciled:
                return
        if not desk.orders.idle:
            await self._settle_doubts()
            await self._expire_entries(minute)
        if not desk.portfolio.flat:
            for position in list(desk.portfolio.positions.values()):
                if protection.time_is_up(desk, position, minute):
                    await protection.close_position(desk, position, minute, ExitReason.TIMEOUT)
                elif protection.stop_is_hit(desk, position):
                    await protection.close_position(desk, position, minute, ExitReason.STOP_LOSS)
            await protection.protect_all(desk, minute)

    async def _catch_up(self) -> None:
        """While closing: ask the broker what a gap in its stream, or a restart, kept from us."""
        if self.desk.gap_seen or not self._reconciled:
            await self._agree("gap" if self._reconciled else "resume")

    def _refuse_to_start(self) -> None:
        """Refuse a session that has not begun while the broker is silent (SPEC §9a)."""
        if group_of(self.state) is not StateGroup.SETUP or self.closing is not None:
            return
        cell = self.meet(Emergency.BROKER_DOWN, "the broker does not answer at the start")
        if Effect.REFUSE in cell.effects:
            msg = "self-check failed: the broker must answer before the session begins"
            raise ConfigError(msg, fix="rigd doctor, then start again")

    def is_quiet(self, minute: int) -> bool:
        """Tell whether nothing is due at the start and the open of a minute.

        Parameters
        ----------
        minute
            The minute that begins.

        Returns
        -------
        bool
            True when nothing is held, works, is in doubt or differs, and no window takes a step:
            `before_minute` and `after_open` would do nothing.
        """
        desk = self.desk
        return (
            minute < self._next_step
            and self.closing is None
            and desk.orders.idle
            and not desk.portfolio.positions
            and not desk.gap_seen
            and desk.recorder.facts.risk_mode is not RiskMode.REDUCING
        )

    async def after_open(self, minute: int) -> None:
        """Book what filled at the open and protect it within the same bar."""
        await sending.drain(self.desk)
        if self.closing is None and self._reconciled and not self.desk.portfolio.flat:
            await protection.protect_all(self.desk, minute, opened=True)

    async def after_trading(self) -> None:
        """Book what filled inside the bar."""
        await sending.drain(self.desk)
        if not self.desk.orders.idle:
            await protection.drop_remainders(self.desk)

    async def on_slice(self, slice_: MarketSlice) -> None:
        """Decide on the closed bars of a minute."""
        desk = self.desk
        self._minute = slice_.minute
        sound = slice_ if desk.feed.sound else _sound(slice_)
        if sound is not slice_:
            self._note_unsound(slice_)
            slice_ = sound
        if slice_.bars:
            desk.watchdog.saw_bar(desk.clock.now())
        self.obey()
        if reports := desk.watchdog.look(desk.orders.working()):
            await vigil.keep(desk, reports)
        desk.watchdog.decide()
        if self.closing is None:
            await pipeline.run(desk, slice_)
            if desk.recorder.facts.asked:
                await candidates.answered(desk, slice_.minute)
        else:
            pipeline.step(desk, slice_)
        await self._guard_loss(slice_)
        if self.closing is not None:
            await self._close_out()
        if desk.recorder.wrote or not desk.orders.idle or not desk.portfolio.flat:
            desk.recorder.record(SliceDone(minute=slice_.minute))
            desk.recorder.sync()
            desk.recorder.wrote = False

    async def end_of_bars(self) -> None:
        """Send the exits of what is still open when the bars end, marked as stale."""
        desk = self.desk
        for order in desk.working_entries():
            await sending.cancel(desk, order, "the session's bars ended")
        for position in list(desk.portfolio.positions.values()):
            if position.flag != STALE_EXIT:
                desk.recorder.record(NoteMade(topic=STALE_EXIT, text=position.symbol))
            reason = ExitReason.MANUAL if self.closing else ExitReason.TIMEOUT
            first = self._minute + 1
            for label in range(first, first + LAST_ATTEMPTS):
                await protection.close_position(desk, position, label, reason)

    async def end(self) -> SessionClosed:
        """Close the session: flat, reconciled, counted.

        Returns
        -------
        SessionClosed
            The last record of the session.
        """
        desk = self.desk
        candidates.give_up(desk)
        await sending.drain(desk)
        outcome = None
        for _ in range(LAST_ATTEMPTS):
            outcome = await self._agree("end")
            if outcome is not None:
                break
        agreed = outcome is not None and outcome.agreed
        flat = desk.portfolio.flat and desk.orders.idle and agreed
        if self.closing is None:
            self._walk_states(desk.day.minutes)
        else:
            for runner in self._runners:
                self._close_window(runner, desk.day.minutes)
        final = self._final_step(flat=flat)
        self.closed = SessionClosed(
            state=final,
            status="CLOSED" if flat else "OPEN_RISK",
            exit_reason=str(self.closing or "session_end"),
            exit_code=self._exit_code(flat=flat),
            flat=flat,
            trades=len(desk.portfolio.trades),
            signals=sum(len(found) for found in desk.recorder.facts.signals.values()),
            realised_pnl=desk.portfolio.realised(),
            closing_cash=await self._closing_cash(),
        )
        desk.save_latch()
        desk.save_defense()
        desk.recorder.record(self.closed, durable=True)
        return self.closed

    def is_finished(self) -> bool:
        """Tell whether the session is on its way out and nothing is left to close.

        What we hold is what we were told, and an execution may be told late: the broker must have
        answered since nothing was left.

        Returns
        -------
        bool
            False while anything is open, or the broker has not said that nothing is.
        """
        return self.closing is not None and self._asked_flat and self._nothing_open()

    def obey(self) -> None:
        """Take in the strongest command that has arrived, and what failed outside the session."""
        for error, context, fatal in self._commands.failures():
            if fatal:
                self.fail(error, context)
            else:
                sending.record_error(self.desk, error, "", context)
        record = self._commands.due()
        if record is not None:
            self._take_command(record)
            self._commands.settle()
        for flag in self._commands.refused_tests():
            text = f"{flag} refused and removed: the mode of a session is fixed at its start"
            self.desk.alerts.raise_alert("test_mode", text, critical=False)
            self.desk.recorder.sync()

    def watch_supervisor(self, *, silent: bool, why: str = "") -> None:
        """Take no new risk while the supervisor that started us is silent; exits go on (K09).

        Parameters
        ----------
        silent
            Whether it is, or nobody acknowledges a critical alert (FAULTS X10).
        why
            What is told; blank where it is the supervisor.
        """
        desk = self.desk
        if self.closing is not None or silent is self._unwatched:
            return
        self._unwatched = silent
        desk.entries_allowed = not silent
        if silent:
            text = why or "the supervisor is silent: exits only until it is back"
            sending.suspend(desk, text)
        else:
            desk.gap_seen = True

    def fail(self, error: BaseException, context: str) -> None:
        """Record a fatal error and do what the table says: close what is open, end in error."""
        sending.record_error(self.desk, error, "", context, fatal=True)
        self.meet(event_of(error, ""), f"fatal: {type(error).__name__} in {context}")

    def meet(self, event: Emergency, detail: str) -> Response:
        """Do what the table of emergencies says about an event in the present state.

        Parameters
        ----------
        event
            What happened.
        detail
            What was found; the reason of everything that follows.

        Returns
        -------
        Response
            The table's cell; with the effect ``refuse`` the caller must not do what it was about
            to do.

        Raises
        ------
        LogicError
            If the event cannot happen in this state: a defect.
        """
        desk, state = self.desk, self.state
        cell = response_to(event, state)
        if Effect.RAISE in cell.effects:
            msg = f"{event} must not happen in state {state}: {detail}"
            raise LogicError(msg)
        if Effect.RECORD in cell.effects:
            desk.recorder.record(
                EmergencyMet(event=event, state=state, response=cell.words, detail=detail),
                durable=cell.closing is not None,
            )
        if Effect.ALERT in cell.effects:
            desk.alerts.raise_alert(event, detail, critical=True)
        if Effect.LATCH in cell.effects:
            desk.save_latch()
        if Effect.SUSPEND in cell.effects:
            sending.suspend(desk, detail)
        if Effect.COLLAR in cell.effects:
            desk.collared = True
        if cell.closing is not None:
            self._start_closing(cell.closing, detail)
        return cell

    def enter_defense(self, trigger: Trigger, detail: str) -> None:
        """Switch defense mode on; the limits are compressed where the table says so."""
        desk = self.desk
        if not desk.defense_mode.enter(trigger, detail, desk.clock.now()):
            return
        desk.save_defense()
        cell = self.meet(Emergency.DEFENSE_ON, f"{trigger}: {detail}")
        if Effect.COMPRESS in cell.effects:
            self._record_defense()

    def _in_update(self, reason: str, change: Callable[[], None]) -> None:
        """Make a change in the state `updating` and return to the state before it."""
        before = self.state
        self._step(BotState.UPDATING, reason)
        change()
        self._step(before, "settings in force")

    def _nothing_open(self) -> bool:
        return self.desk.portfolio.flat and self.desk.orders.idle

    async def _agree(self, reason: str) -> Reconciled | None:
        """Reconcile, and only then send what a crash kept from being sent."""
        outcome = await self.reconcile(reason)
        if outcome is not None:
            await self._send_unsent()
        return outcome

    async def _send_unsent(self) -> None:
        """Send what a crash kept from being sent; an entry only while new risk is allowed."""
        unsent, self._unsent = self._unsent, []
        for order in unsent:
            self.obey()
            if not order.working:
                continue
            late = self._too_late(order)
            if late:
                text = f"cut off before it was sent, and {late}"
                update = self.desk.orders.rejection_of(order, text, evidence=sending.NOT_SENT)
                self.desk.recorder.record(update)
            else:
                await sending.transmit(self.desk, order)
        candidates.note_rejections(self.desk)

    def _too_late(self, order: Order) -> str:
        """Return why an order that was cut off must not be sent any more; blank when it may."""
        desk, intent = self.desk, order.intent
        if order.is_entry:
            known = minute_start(desk.day.open, intent.signal_minute + 1)
            if desk.clock.now() - known > protection.MINUTE:
                return "its signal is old"
            return "" if self._may_enter() else "no new risk is allowed now"
        held = desk.portfolio.positions.get(intent.symbol)
        if held is None or held.direction.exit_side is not intent.side or intent.qty > held.qty:
            return "what it would close is not held any more"
        others = [each for each in desk.orders.working(symbol=intent.symbol) if each is not order]
        if intent.purpose is Purpose.EXIT and others:
            return "other orders of the symbol work"
        return ""

    def _may_enter(self) -> bool:
        mode = self.desk.recorder.facts.risk_mode
        return self.desk.entries_allowed and mode is RiskMode.ACTIVE

    def _interrupted_closing(self) -> Closing | None:
        """Return the strongest reason to close that the journal or the latch holds."""
        facts = self.desk.recorder.facts
        if group_of(self.state) is StateGroup.DOWN:
            return Closing.SHUTDOWN
        wanted = [_CLOSING_OF[facts.command]] if facts.command in _CLOSING_OF else []
        if facts.closing is not None:
            wanted.append(facts.closing)
        if facts.tripped is not None or self.desk.kill_switch.tripped:
            killed = self.desk.kill_switch.state.cause == Cause.KILLED
            wanted.append(Closing.KILL if killed else Closing.LOSS)
        if facts.fatal:
            wanted.append(Closing.FATAL)
        return max(wanted, key=list(Closing).index, default=None)

    def _take_command(self, record: CommandObeyed) -> None:
        event = _MET_BY.get(record.command)
        if event is None:
            return
        self.desk.recorder.record(record, durable=True)
        self.meet(event, f"{record.command} by {record.source}")

    def _start_closing(self, wanted: Closing, reason: str) -> None:
        """Begin to close, or close more urgently than so far."""
        if not wanted.is_stronger(self.closing):
            return
        self.closing = wanted
        self._enter_closing(reason)

    def _enter_closing(self, reason: str) -> None:
        """Show in state and risk mode what the closing demands; repeated it changes nothing."""
        assert self.closing is not None  # noqa: S101 - set by every caller
        way = WAYS_OUT[self.closing]
        self.desk.entries_allowed = False
        at_once = group_of(self.state) in way.at_once and self._nothing_open()
        if not at_once and may_follow(self.state, way.state):
            self._step(way.state, reason)
        self._set_mode(way.mode, reason)
        if self.closing in {Closing.LOSS, Closing.KILL}:
            self.desk.defense_mode.note_kill()
            self.desk.save_defense()

    async def _close_out(self) -> None:
        """One attempt to get flat; repeated every minute until the broker says so."""
        desk = self.desk
        label = (desk.clock.now() - desk.day.open) // protection.MINUTE
        await self._settle_doubts()
        for order in desk.working_entries():
            await sending.cancel(desk, order, f"closing: {self.closing}")
        urgent = self.closing is not None and WAYS_OUT[self.closing].mode is RiskMode.HALTED
        for position in list(desk.portfolio.positions.values()):
            if desk.collared:
                await protection.close_collared(desk, position, label, urgent=urgent)
            else:
                await protection.close_position(desk, position, label, ExitReason.MANUAL)
        if desk.portfolio.flat:
            for order in desk.orders.working():
                await sending.cancel(desk, order, f"closing: {self.closing}")
        if self._nothing_open():
            self._asked_flat = await self.reconcile("closing") is not None

    async def _settle_doubts(self) -> None:
        if self.desk.orders.in_doubt():
            await sending.resolve_doubts(self.desk)
            candidates.note_rejections(self.desk)

    async def reconcile(self, reason: str) -> Reconciled | None:
        """Compare with the broker; without its answer no new risk is taken."""
        self.desk.gap_seen = False
        try:
            outcome = await recovery.reconcile(
                self.desk, reason, self._opening_cash, frozenset(map(id, self._unsent))
            )
        except BrokerError as error:
            self.desk.gap_seen = True
            sending.record_error(self.desk, error, "", f"reconcile: {reason}")
            sending.suspend(self.desk, "the broker does not answer")
            return None
        self._reconciled = True
        return outcome

    def _note_unsound(self, slice_: MarketSlice) -> None:
        """Record the bars that must not be traded on; they count as missing (FAULTS M20)."""
        for symbol, bar in slice_.bars.items():
            if not bar.sound:
                error = DataError(f"a bar must be finite, positive, low to high; was {bar}")
                sending.record_error(self.desk, error, "", f"bar of {symbol}")

    async def _closing_cash(self) -> Decimal:
        """Return the broker's cash, or what it must be by our fills when it does not answer."""
        try:
            return (await self.desk.broker.account()).cash
        except BrokerError as error:
            sending.record_error(self.desk, error, "", "closing cash")
            return self._opening_cash + self.desk.portfolio.cash_flow

    async def _expire_entries(self, minute: int) -> None:
        """Cancel entries that outlived the last entry minute of their window (SPEC §3a.3)."""
        for order in self.desk.working_entries():
            if minute >= self.desk.runner(order.intent.strategy).plan.entry_end:
                await sending.cancel(self.desk, order, "expired: no bar in time")

    async def _guard_loss(self, slice_: MarketSlice) -> None:
        """Trip the kill switch on a breach, an unknown PnL or marks that are all stale."""
        desk = self.desk
        trades = len(desk.portfolio.trades)
        if desk.portfolio.flat and trades in {0, self._watched}:
            return
        self._watched = trades if desk.portfolio.flat else -1
        pnl = worst(desk.session_pnl(), await self._brokers_pnl())
        trip = desk.kill_switch.observe(pnl=pnl, stale=self._all_late(slice_), at=desk.clock.now())
        if trip is not None:
            self.trip(trip)
        else:
            self._guard_limits()

    async def _brokers_pnl(self) -> Decimal | None:
        """Return the session's PnL by the broker's count [currency]; None without its answer."""
        try:
            return (await self.desk.broker.account()).equity - self.desk.opening_equity
        except (BrokerError, DataError) as error:
            sending.record_error(self.desk, error, "", "the broker's count of the PnL")
            return None

    def trip(self, trip: Trip) -> None:
        """Save the latch, record the trip and do what the table says about a loss breach."""
        self.desk.save_latch()
        self.desk.recorder.record(
            RiskTripped(
                cause=str(trip.cause), detail=trip.detail, day_pnl=trip.day_pnl, limit=trip.limit
            ),
            durable=True,
        )
        self.meet(Emergency.LOSS_BREACH, f"kill switch: {trip.cause}")

    def _guard_limits(self) -> None:
        """Enter defense mode when one of its triggers is met."""
        desk = self.desk
        met = desk.defense_mode.observe(
            day_pnl=desk.kill_switch.day_pnl,
            limit=desk.kill_switch.limit,
            pnls=[trade.pnl for trade in desk.portfolio.trades],
        )
        if met is not None:
            self.enter_defense(*met)

    def _take_up_defense(self) -> None:
        """Bring journal and defense mode to the same word: on in one is on in both."""
        mode, known = self.desk.defense_mode, self.desk.recorder.facts.defense
        if known is not None and known.on:
            mode.enter(Trigger(known.trigger), known.detail, self.desk.clock.now())
        elif mode.on:
            self._record_defense()

    def _record_defense(self) -> None:
        desk = self.desk
        state = desk.defense_mode.state
        limits = limits_table(desk.settings, desk.float_amount, defense=True)
        self.desk.recorder.record(
            DefenseChanged(on=True, trigger=state.trigger, detail=state.detail, limits=limits),
            durable=True,
        )

    def _record_latch(self) -> None:
        """Record a trip that the journal does not have: the process died right after it."""
        switch = self.desk.kill_switch
        self.desk.recorder.record(
            RiskTripped(
                cause=switch.state.cause,
                detail=switch.state.detail,
                day_pnl=switch.state.pnl,
                limit=switch.limit,
            ),
            durable=True,
        )

    def _all_late(self, slice_: MarketSlice) -> bool:
        held = self.desk.portfolio.positions
        others = slice_.bars.keys() - held.keys()
        return (
            bool(held)
            and bool(others)
            and all(
                slice_.minute - self.desk.bars[symbol][-1].minute > LATE_MINUTES for symbol in held
            )
        )

    def _walk_states(self, minute: int) -> None:
        """Take every step that the windows ask for up to the start of a minute."""
        facts = self.desk.recorder.facts
        closed = facts.closed_windows
        if self.state is BotState.MONITORING and facts.walked == len(closed):
            self._step(BotState.IDLE, "window ended")
        for runner in self._runners:
            if runner.name in closed:
                continue
            window = runner.plan.window
            if minute < window.start:
                break
            if self.state is BotState.IDLE:
                if self.desk.data_down:
                    break
                self._step(BotState.ANALYZING, f"window {runner.name}: analysis")
            if minute >= window.analysis_end and self.state is BotState.ANALYZING:
                self._step(BotState.TRADING, f"window {runner.name}: breakout")
            if minute >= window.breakout_end and self.state is BotState.TRADING:
                self._step(BotState.MONITORING, f"window {runner.name}: monitoring")
            if minute < window.end:
                break
            self._close_window(runner, minute)
            if self.state is BotState.MONITORING:
                self._step(BotState.IDLE, "window ended")
        self._next_step = min(
            (step for step in self._steps if step > minute), default=self.desk.day.minutes
        )

    def _close_window(self, runner: Runner, minute: int) -> None:
        facts = self.desk.recorder.facts
        if runner.name in facts.closed_windows:
            return
        last_signal_minute = runner.plan.window.breakout_end - 1
        candidates.note_no_signal(self.desk, runner, min(last_signal_minute, max(minute, 0)))
        self.desk.recorder.record(
            WindowClosed(
                strategy=runner.name,
                minute=runner.plan.window.end,
                signals=len(facts.signals.get(runner.name, ())),
                entries=len(self.desk.portfolio.entries.get(runner.name, ())),
            )
        )

    def _final_step(self, *, flat: bool) -> BotState:
        if not flat:
            if self.state is not BotState.ERROR:
                self._step(BotState.ERROR, "not verified flat at the end")
            return BotState.ERROR
        if self.closing is None:
            return self.state
        final = WAYS_OUT[self.closing].ends
        if self.state is not final:
            self._step(final, "flat, verified with the broker")
        return final

    def _exit_code(self, *, flat: bool) -> int:
        if not flat or self.desk.recorder.facts.fatal:
            return int(ExitCode.ERROR)
        if self.closing is not None:
            return int(WAYS_OUT[self.closing].exit_code)
        halted = self.desk.recorder.facts.risk_mode is RiskMode.HALTED
        return int(ExitCode.HALTED if halted else ExitCode.OK)

    def _step(self, state: BotState, reason: str) -> None:
        previous = self.state
        check_step(previous, state)
        self.desk.recorder.record(StateChanged(previous=previous, state=state, reason=reason))

    def _set_mode(self, mode: RiskMode, reason: str) -> None:
        if self.desk.recorder.facts.risk_mode is not mode:
            self.desk.recorder.record(RiskModeChanged(mode=mode, reason=reason))


def _sound(slice_: MarketSlice) -> MarketSlice:
    """Return a minute without the bars that must not be traded on; the minute itself if it is."""
    for bar in slice_.bars.values():
        if not bar.sound:
            break
    else:
        return slice_
    bars = {symbol: bar for symbol, bar in slice_.bars.items() if bar.sound}
    return MarketSlice(slice_.minute, slice_.start, bars)
