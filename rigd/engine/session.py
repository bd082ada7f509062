"""One session from recovery to close: the states, the windows, and the way out.

The host drives it: `begin`, then for each minute `before_minute`, `after_open`, `after_trading` and
`on_slice`, then `end`. Whoever drives decides whether minutes come from a file, a simulation or an
exchange; nothing here knows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from rigd.core.errors import ExitCode
from rigd.core.events import (
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
from rigd.core.lifecycle import BotState, RiskMode, StateGroup, check_step, group_of
from rigd.core.values import ExitReason
from rigd.engine import candidates, pipeline, protection, recovery, sending
from rigd.engine.portfolio import STALE_EXIT

if TYPE_CHECKING:
    from decimal import Decimal

    from rigd.core.values import MarketSlice
    from rigd.engine.commands import CommandReader
    from rigd.engine.desk import Desk, Runner

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
    """

    def __init__(self, desk: Desk, commands: CommandReader, opening_cash: Decimal) -> None:
        self.desk = desk
        self._commands = commands
        self._opening_cash = opening_cash
        self._minute = -1
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
        """Settle what a crash may have left and reconcile, before any signal counts."""
        facts = self.desk.recorder.facts
        reason = "resume" if facts.resumed else "start"
        self.closing = _OF_COMMAND.get(facts.command) if facts.command else None
        if facts.tripped is not None:
            self.closing = Closing.LOSS
        elif self.desk.kill_switch.tripped:
            self._start_closing(Closing.LOSS, "the kill switch was latched when the process died")
        await recovery.settle_unanswered(self.desk)
        await recovery.reconcile(self.desk, reason, self._opening_cash)
        if self.state is BotState.INITIALIZE:
            self._step(BotState.STARTED, "self-checks passed, broker reconciled")
        if self.state is BotState.STARTED:
            self._step(BotState.IDLE, "waiting for the first window")
        self.desk.save_latch()
        self.desk.recorder.sync()

    def catch_up(self, slice_: MarketSlice) -> None:
        """Show the strategies a minute that was complete before a crash; nothing is decided."""
        pipeline.step(self.desk, slice_)
        self._minute = slice_.minute

    async def before_minute(self, minute: int) -> None:
        """Do what is due by time at the start of a minute: commands, states, exits, levels."""
        self.obey()
        if self.closing is not None:
            await self._close_out(minute)
            return
        self._walk_states(minute)
        await sending.resolve_doubts(self.desk)
        await self._expire_entries(minute)
        for position in list(self.desk.portfolio.positions.values()):
            if protection.time_is_up(self.desk, position, minute):
                await protection.close_position(self.desk, position, minute, ExitReason.TIMEOUT)
        await protection.protect_all(self.desk, minute)
        self._close_windows(minute)

    async def after_open(self, minute: int) -> None:
        """Book what filled at the open and protect it within the same bar."""
        await sending.drain(self.desk)
        if self.closing is None:
            await protection.protect_all(self.desk, minute)

    async def after_trading(self) -> None:
        """Book what filled inside the bar."""
        await sending.drain(self.desk)

    async def on_slice(self, slice_: MarketSlice) -> None:
        """Decide on the closed bars of a minute."""
        desk = self.desk
        self._minute = slice_.minute
        self.obey()
        if self.closing is None:
            await pipeline.run(desk, slice_)
        else:
            pipeline.step(desk, slice_)
        self._guard_loss(slice_)
        if self.closing is not None:
            await self._close_out(slice_.minute + 1)
        if desk.recorder.wrote:
            desk.recorder.record(SliceDone(minute=slice_.minute))
            desk.recorder.sync()
            desk.recorder.wrote = False

    async def end_of_bars(self) -> None:
        """Send the exits of what is still open when the bars end, marked as stale."""
        minute = self._minute + 1
        for position in list(self.desk.portfolio.positions.values()):
            self.desk.recorder.record(NoteMade(topic=STALE_EXIT, text=position.symbol))
            if not self.desk.orders.working(symbol=position.symbol) or position.qty > 0:
                reason = ExitReason.MANUAL if self.closing else ExitReason.TIMEOUT
                await protection.close_position(self.desk, position, minute, reason)
        for order in self.desk.working_entries():
            await sending.cancel(self.desk, order, "the session's bars ended")

    async def end(self) -> SessionClosed:
        """Close the session: flat, reconciled, counted.

        Returns
        -------
        SessionClosed
            The last record of the session.
        """
        await sending.drain(self.desk)
        self._close_windows(self.desk.day.minutes)
        outcome = await recovery.reconcile(self.desk, "end", self._opening_cash)
        flat = self.desk.portfolio.flat and not self.desk.orders.working() and outcome.agreed
        if self.closing is None:
            self._walk_states(self.desk.day.minutes)
        final = self._final_step(flat=flat)
        account = await self.desk.broker.account()
        self.closed = SessionClosed(
            state=final,
            status="CLOSED" if flat else "OPEN_RISK",
            exit_reason=str(self.closing or "session_end"),
            exit_code=self._exit_code(flat=flat),
            flat=flat,
            trades=len(self.desk.portfolio.trades),
            signals=sum(len(found) for found in self.desk.recorder.facts.signals.values()),
            realised_pnl=self.desk.portfolio.realised(),
            closing_cash=account.cash,
        )
        self.desk.save_latch()
        self.desk.recorder.record(self.closed, durable=True)
        return self.closed

    def is_finished(self) -> bool:
        """Tell whether the session is on its way out and nothing is left to close."""
        nothing_left = self.desk.portfolio.flat and not self.desk.orders.working()
        return self.closing is not None and nothing_left

    def obey(self) -> None:
        """Take in the strongest command that has arrived."""
        record = self._commands.due()
        if record is not None:
            self._take_command(record)

    def fail(self, error: BaseException, context: str) -> None:
        """Record a fatal error and start the emergency close."""
        sending.record_error(self.desk, error, "", context, fatal=True)
        self._start_closing(Closing.FATAL, f"fatal: {type(error).__name__}")

    def _take_command(self, record: CommandObeyed) -> None:
        wanted = _OF_COMMAND.get(record.command)
        if wanted is None:
            return
        self.desk.recorder.record(record, durable=True)
        self._start_closing(wanted, f"{record.command} by {record.source}")

    def _start_closing(self, wanted: Closing, reason: str) -> None:
        if self.closing is not None and _RANK.index(wanted) <= _RANK.index(self.closing):
            return
        self.closing = wanted
        self.desk.entries_allowed = False
        state = _CLOSING_STATE[wanted]
        ready = group_of(self.state) is StateGroup.READY
        if wanted is Closing.STOP and ready and self.desk.portfolio.flat:
            return  # SPEC §9a: ready and flat goes straight to stopped, in `end`
        if self.state is not state:
            self._step(state, reason)
        if wanted in {Closing.KILL, Closing.LOSS, Closing.FATAL}:
            self._set_mode(RiskMode.HALTED, reason)
        else:
            self._set_mode(RiskMode.REDUCING, reason)

    async def _close_out(self, minute: int) -> None:
        """One attempt to get flat; repeated every minute until the broker says so."""
        self.desk.entries_allowed = False
        await sending.resolve_doubts(self.desk)
        for order in self.desk.working_entries():
            await sending.cancel(self.desk, order, f"closing: {self.closing}")
        for position in list(self.desk.portfolio.positions.values()):
            await protection.close_position(self.desk, position, minute, ExitReason.MANUAL)
        if self.desk.portfolio.flat:
            for order in self.desk.orders.working():
                await sending.cancel(self.desk, order, f"closing: {self.closing}")

    async def _expire_entries(self, minute: int) -> None:
        """Cancel entries that outlived the last entry minute of their window (SPEC §3a.3)."""
        for order in self.desk.working_entries():
            runner = self._runner(order.intent.strategy)
            if minute >= runner.plan.entry_end:
                await sending.cancel(self.desk, order, "expired: no bar in time")

    def _guard_loss(self, slice_: MarketSlice) -> None:
        """Trip the kill switch on a breach, an unknown PnL or marks that are all stale."""
        desk = self.desk
        if desk.portfolio.flat and not desk.portfolio.trades:
            return
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
        for runner in self.desk.runners:
            window = runner.plan.window
            if runner.name in self.desk.recorder.facts.closed_windows:
                continue
            if minute >= window.start and self.state is BotState.IDLE:
                self._step(BotState.ANALYZING, f"window {runner.name}: analysis")
            if minute >= window.analysis_end and self.state is BotState.ANALYZING:
                self._step(BotState.TRADING, f"window {runner.name}: breakout")
            if minute >= window.breakout_end and self.state is BotState.TRADING:
                self._step(BotState.MONITORING, f"window {runner.name}: monitoring")
            if minute < window.end:
                break
            if self.state is BotState.MONITORING:
                self._step(BotState.IDLE, f"window {runner.name} ended")
            self._close_window(runner, minute)

    def _close_windows(self, minute: int) -> None:
        if self.closing is not None:
            for runner in self.desk.runners:
                if minute >= runner.plan.window.end:
                    self._close_window(runner, minute)

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
        return int(ExitCode.OK if self.closing is None else _EXIT_CODE[self.closing])

    def _step(self, state: BotState, reason: str) -> None:
        previous = self.state
        check_step(previous, state)
        self.desk.recorder.record(StateChanged(previous=previous, state=state, reason=reason))

    def _set_mode(self, mode: RiskMode, reason: str) -> None:
        if self.desk.recorder.facts.risk_mode is not mode:
            self.desk.recorder.record(RiskModeChanged(mode=mode, reason=reason))

    def _runner(self, strategy: str) -> Runner:
        return next(runner for runner in self.desk.runners if runner.name == strategy)
