"""One session from recovery to close: the states, the windows, and the way out.

The host drives it: `catch_up`, `begin`, then for each minute `before_minute`, `after_open`,
`after_trading` and `on_slice`, then `end`. Whether minutes come from a file, a simulation or an
exchange, nothing here knows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.core.errors import BrokerError, DataError, ExitCode
from rigd.core.events import (
    AlertRaised,
    Command,
    CommandObeyed,
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
from rigd.engine import candidates, pipeline, protection, recovery, sending
from rigd.engine.portfolio import STALE_EXIT, minute_start
from rigd.engine.updating import Updating
from rigd.risk.defense import limits_in_force

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

    from rigd.core.events import Reconciled
    from rigd.engine.commands import CommandReader
    from rigd.engine.desk import Desk, Runner
    from rigd.engine.orders import Order
    from rigd.engine.updating import SettingsSource

LAST_ATTEMPTS = 5
"""How often the exit of what the bars left open is sent while the broker refuses it."""

LATE_MINUTES = 3
"""A held symbol is late when others have the bar and it has not for this long (SPEC §10)."""


class Closing(StrEnum):
    """Why the session is on its way out."""

    STOP = "stop"
    KILL = "kill"
    LOSS = "loss"
    SHUTDOWN = "shutdown"
    FATAL = "fatal"


_CLOSING_STATE = {
    Closing.STOP: BotState.GRACEFUL_CLOSING,
    Closing.KILL: BotState.EMERGENCY_CLOSING,
    Closing.LOSS: BotState.EMERGENCY_CLOSING,
    Closing.FATAL: BotState.EMERGENCY_CLOSING,
    Closing.SHUTDOWN: BotState.SHUTDOWN_TRIGGERED,
}
_FINAL_STATE = {
    Closing.STOP: BotState.STOPPED,
    Closing.KILL: BotState.STOPPED,
    Closing.LOSS: BotState.STOPPED,
    Closing.FATAL: BotState.ERROR,
    Closing.SHUTDOWN: BotState.SHUTDOWN,
}
_EXIT_CODE = {
    Closing.STOP: ExitCode.OK,
    Closing.KILL: ExitCode.KILLED,
    Closing.LOSS: ExitCode.HALTED,
    Closing.FATAL: ExitCode.ERROR,
    Closing.SHUTDOWN: ExitCode.OK,
}
_RANK = (Closing.STOP, Closing.SHUTDOWN, Closing.LOSS, Closing.KILL, Closing.FATAL)
_OF_COMMAND = {
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
            desk, settings_source, tuple(desk.recorder.facts.settings_changes)
        )
        desk.obey = self.obey
        self._commands = commands
        self._opening_cash = opening_cash
        self._minute = -1
        self._runners = sorted(desk.runners, key=lambda runner: runner.plan.window.start)
        self._steps = [
            step
            for window in (runner.plan.window for runner in desk.runners)
            for step in (window.start, window.analysis_end, window.breakout_end, window.end)
        ]
        self._unsent: list[Order] = []
        self._watched = -1
        self._next_step = -1
        self._reconciled = False
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
        self._unsent = await recovery.settle_unanswered(desk)
        if await self._reconcile("resume" if desk.recorder.facts.resumed else "start"):
            await self._send_unsent()
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
        desk.recorder.sync()

    def catch_up(self, slice_: MarketSlice) -> None:
        """Show the strategies a minute that was complete before a crash; nothing is decided."""
        self._updating.follow(slice_.minute)
        pipeline.step(self.desk, _sound(slice_))
        self._minute = slice_.minute

    def update(self, minute: int) -> None:
        """Take in changed settings before a minute begins, as a whole or not at all."""
        self._updating.follow(minute)
        if self.closing is None and may_follow(self.state, BotState.UPDATING):
            self._updating.take(minute, self._in_update)

    async def before_minute(self, minute: int) -> None:
        """Do what is due by time at the start of a minute: commands, states, exits, levels."""
        self.obey()
        if self.closing is not None:
            if not self._reconciled and await self._reconcile("resume"):
                await self._send_unsent()
            await self._close_out()
            return
        self._walk_states(minute)
        desk = self.desk
        if desk.gap_seen or desk.recorder.facts.risk_mode is RiskMode.REDUCING:
            if await self._reconcile("gap"):
                await self._send_unsent()
            if not self._reconciled:
                return
        if not desk.orders.idle:
            await self._settle_doubts()
            await self._expire_entries(minute)
        if not desk.portfolio.flat:
            for position in list(desk.portfolio.positions.values()):
                if protection.time_is_up(desk, position, minute):
                    await protection.close_position(desk, position, minute, ExitReason.TIMEOUT)
            await protection.protect_all(desk, minute)

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
        sound = _sound(slice_)
        if sound is not slice_:
            self._note_unsound(slice_)
            slice_ = sound
        self.obey()
        if self.closing is None:
            await pipeline.run(desk, slice_)
        else:
            pipeline.step(desk, slice_)
        self._guard_loss(slice_)
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
        await sending.drain(desk)
        outcome = None
        for _ in range(LAST_ATTEMPTS):
            outcome = await self._reconcile("end")
            if outcome is not None:
                await self._send_unsent()
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
        desk.recorder.record(self.closed, durable=True)
        return self.closed

    def is_finished(self) -> bool:
        """Tell whether the session is on its way out and nothing is left to close."""
        return self.closing is not None and self._nothing_open()

    def obey(self) -> None:
        """Take in the strongest command that has arrived."""
        record = self._commands.due()
        if record is not None:
            self._take_command(record)
        for flag in self._commands.refused_tests():
            text = f"{flag} refused and removed: the mode of a session is fixed at its start"
            self.desk.recorder.record(AlertRaised(topic="test_mode", text=text), durable=True)

    def fail(self, error: BaseException, context: str) -> None:
        """Record a fatal error and start the emergency close."""
        sending.record_error(self.desk, error, "", context, fatal=True)
        self._start_closing(Closing.FATAL, f"fatal: {type(error).__name__}")

    def _in_update(self, reason: str, change: Callable[[], None]) -> None:
        """Make a change in the state `updating` and return to the state before it."""
        before = self.state
        self._step(BotState.UPDATING, reason)
        change()
        self._step(before, "settings in force")

    def _nothing_open(self) -> bool:
        return self.desk.portfolio.flat and self.desk.orders.idle

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
        wanted = [_OF_COMMAND[facts.command]] if facts.command in _OF_COMMAND else []
        if facts.tripped is not None or self.desk.kill_switch.tripped:
            wanted.append(Closing.LOSS)
        if facts.fatal:
            wanted.append(Closing.FATAL)
        if group_of(self.state) is StateGroup.DOWN:
            # A shutdown is only ever finished, whatever was asked for while it was under way.
            wanted = [Closing.SHUTDOWN, *(each for each in wanted if each is Closing.FATAL)]
        return max(wanted, key=_RANK.index, default=None)

    def _take_command(self, record: CommandObeyed) -> None:
        wanted = _OF_COMMAND.get(record.command)
        if wanted is None:
            return
        self.desk.recorder.record(record, durable=True)
        self._start_closing(wanted, f"{record.command} by {record.source}")

    def _start_closing(self, wanted: Closing, reason: str) -> None:
        """Begin to close, or close more urgently than so far; a shutdown is only ever finished."""
        if self.closing is not None and _RANK.index(wanted) <= _RANK.index(self.closing):
            return
        if group_of(self.state) is StateGroup.DOWN and wanted is not Closing.FATAL:
            return
        self.closing = wanted
        self._enter_closing(reason)

    def _enter_closing(self, reason: str) -> None:
        """Show in state and risk mode what the closing demands; repeated it changes nothing."""
        assert self.closing is not None  # noqa: S101 - set by every caller
        self.desk.entries_allowed = False
        state = _CLOSING_STATE[self.closing]
        if not self._closes_at_once() and may_follow(self.state, state):
            self._step(state, reason)
        urgent = self.closing in {Closing.KILL, Closing.LOSS, Closing.FATAL}
        self._set_mode(RiskMode.HALTED if urgent else RiskMode.REDUCING, reason)

    def _closes_at_once(self) -> bool:
        """Tell whether nothing is left to close, so that no closing state is entered (SPEC §9a)."""
        group = group_of(self.state)
        if self.closing is Closing.SHUTDOWN or not self._nothing_open():
            return False
        if self.closing is Closing.KILL:
            return group is StateGroup.SETUP
        return group in {StateGroup.SETUP, StateGroup.READY}

    async def _close_out(self) -> None:
        """One attempt to get flat; repeated every minute until the broker says so."""
        desk = self.desk
        label = (desk.clock.now() - desk.day.open) // protection.MINUTE
        await self._settle_doubts()
        for order in desk.working_entries():
            await sending.cancel(desk, order, f"closing: {self.closing}")
        for position in list(desk.portfolio.positions.values()):
            await protection.close_position(desk, position, label, ExitReason.MANUAL)
        if desk.portfolio.flat:
            for order in desk.orders.working():
                await sending.cancel(desk, order, f"closing: {self.closing}")

    async def _settle_doubts(self) -> None:
        if self.desk.orders.in_doubt():
            await sending.resolve_doubts(self.desk)
            candidates.note_rejections(self.desk)

    async def _reconcile(self, reason: str) -> Reconciled | None:
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

    def _guard_loss(self, slice_: MarketSlice) -> None:
        """Trip the kill switch on a breach, an unknown PnL or marks that are all stale."""
        desk = self.desk
        trades = len(desk.portfolio.trades)
        if desk.portfolio.flat and trades in {0, self._watched}:
            return
        self._watched = trades if desk.portfolio.flat else -1
        trip = desk.kill_switch.observe(
            pnl=desk.session_pnl(), stale=self._all_late(slice_), at=desk.clock.now()
        )
        if trip is None:
            return
        desk.save_latch()
        desk.recorder.record(
            RiskTripped(
                cause=str(trip.cause), detail=trip.detail, day_pnl=trip.day_pnl, limit=trip.limit
            ),
            durable=True,
        )
        self._start_closing(Closing.LOSS, f"kill switch: {trip.cause}")

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
        final = _FINAL_STATE[self.closing]
        if self.state is not final:
            self._step(final, "flat, verified with the broker")
        return final

    def _exit_code(self, *, flat: bool) -> int:
        if not flat:
            return int(ExitCode.ERROR)
        if self.closing is not None:
            return int(_EXIT_CODE[self.closing])
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
