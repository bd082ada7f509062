"""Hot configuration: whole snapshots, from a minute on, the same after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import pytest

from rigd.config.digest import digest
from rigd.config.hot import Offer, Refusal
from rigd.core.emergencies import Emergency
from rigd.core.events import (
    AlertRaised,
    CandidateJudged,
    Command,
    DefenseChanged,
    EmergencyMet,
    OrderIntent,
    SessionStarted,
    SettingsChanged,
    StateChanged,
)
from rigd.core.lifecycle import BotState, may_follow
from rigd.core.orders import Purpose
from rigd.engine import candidates
from rigd.engine.session import Session
from rigd.hosts import wiring
from rigd.hosts.replay import MINUTE
from tests.engine.world import DAY, Crash, World, real_bars, settings, truth

SYMBOLS = ("SPY", "IBM", "BAC")
THREE = {"max_trades": "3", "weights": "0.4,0.3,0.3"}
ONE = {"max_trades": "1", "weights": "1"}


@dataclass
class Edits:
    """A file that is edited at the minutes given, and looked at before every minute."""

    by_minute: dict[int, Offer | Refusal]
    session: Session | None = None

    def poll(self) -> Offer | Refusal | None:
        desk = self.session.desk
        return self.by_minute.get((desk.clock.now() - desk.day.open) // MINUTE)

    def watch(self, session: Session) -> None:
        self.session = session


def offer(**overrides: object) -> Offer:
    return Offer(settings=settings(**overrides), source="env/.env_bot.enc")


def world(edits: object, **overrides: object) -> World:
    """A real day with entries in every window, whose settings somebody edits."""
    return World(
        settings=settings(**(THREE | overrides)),
        bars=real_bars(DAY, *SYMBOLS),
        day=wiring.session_day(DAY),
        filters=False,
        settings_source=edits,
        on_session=getattr(edits, "watch", None),
    )


def entries_of(run: World, strategy: str) -> list[OrderIntent]:
    return [
        intent
        for intent in run.intents
        if intent.purpose is Purpose.ENTRY and intent.strategy == strategy
    ]


def test_the_next_decision_uses_a_changed_max_trades() -> None:
    """H3: MAX_TRADES and WEIGHTS change together in mid-session; the row tells old and new."""
    before = world(None).run()
    after = world(Edits({100: offer(**ONE)})).run()
    assert entries_of(after, "open") == entries_of(before, "open")
    assert len(entries_of(before, "mid")) > 1
    assert len(entries_of(after, "mid")) == 1
    (change,) = after.journal.records(SettingsChanged)
    assert change.changes == (("MAX_TRADES", "3", "1"), ("WEIGHTS", "0.4,0.3,0.3", "1"))
    assert (change.minute, change.config_digest) == (100, digest(settings(**ONE)))
    assert dict(change.limits)["max_trades"] == "1"


def test_updating_is_entered_and_left_as_the_table_says() -> None:
    """T10: from idle, analyzing, trading and monitoring into updating, and back to the same."""
    values = (5, 25, 45, 100)
    edits = Edits({look: offer(max_price=str(200 + look)) for look in values})
    run = world(edits).run()
    steps = run.journal.records(StateChanged)
    places = [at for at, step in enumerate(steps) if step.state is BotState.UPDATING]
    before = [steps[at].previous for at in places]
    assert before == [BotState.ANALYZING, BotState.TRADING, BotState.MONITORING, BotState.IDLE]
    assert [steps[at + 1].state for at in places] == before
    assert all(may_follow(step.previous, step.state) for step in steps)
    assert run.session.closed.exit_code == 0


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (Refusal(source="env/.env_bot.enc", reason="WEIGHTS must hold one weight"), "WEIGHTS"),
        (offer(**THREE, start_time_mid="open+140m"), "next start only: START_TIME_MID"),
        (offer(**THREE, version_tag="9.9.9", max_price="250"), "next start only: VERSION_TAG"),
    ],
)
def test_a_bad_change_keeps_the_old_settings_and_alerts(bad, told) -> None:
    """What is not valid, or takes effect at a start only, is refused whole, with the reason."""
    run = world(Edits({50: bad})).run()
    plain = world(None).run()
    (alert,) = run.journal.records(AlertRaised)
    assert (alert.event, alert.critical) == ("settings", False)
    assert told in alert.text
    assert run.session.desk.settings == plain.session.desk.settings
    assert run.intents == plain.intents
    assert run.journal.records(SettingsChanged) == []
    assert BotState.UPDATING not in [step.state for step in run.journal.records(StateChanged)]


def test_the_same_settings_again_are_no_change() -> None:
    """A file that was written again with the same values leaves no trace."""
    run = world(Edits({0: offer(**THREE), 70: offer(**THREE)})).run()
    assert run.kinds() == world(None).run().kinds()


def test_nothing_changes_on_the_way_out() -> None:
    """A closing session keeps its settings: what it closes by is what it traded by."""
    edits = Edits({30: offer(**ONE)})
    run = world(edits)
    run.run(run.ask_at(28, Command.STOP))
    assert run.journal.records(SettingsChanged) == []


def test_a_strategy_switched_off_takes_no_entry_and_keeps_its_exits() -> None:
    """STRAT_MID_ENABLED=false in mid-session: its signals are blocked by name, nothing else."""
    run = world(Edits({100: offer(**THREE, strat_mid_enabled="false")})).run()
    assert entries_of(run, "mid") == []
    assert entries_of(run, "close") == entries_of(world(None).run(), "close")
    blocked = [row for row in run.journal.records(CandidateJudged) if row.strategy == "mid"]
    assert ("strategy_toggle", "switched_off") in {(row.rule, row.reason) for row in blocked}


def test_a_strategy_without_a_window_cannot_be_switched_on() -> None:
    """Its window is planned at the start, so the change waits for the next one."""
    edits = Edits({100: offer(**THREE)})
    run = world(edits, strat_mid_enabled="false").run()
    (alert,) = run.journal.records(AlertRaised)
    assert "STRAT_MID_ENABLED" in alert.text
    assert run.session.desk.settings.strat_mid_enabled is False


def test_every_part_of_the_desk_follows_the_settings() -> None:
    """Cap, last door, kill switch, filters and exit rules are all of the new snapshot."""
    changed = {
        "total_allocation": "0.01",
        "max_order_quantity": "7",
        "daily_loss_limit": "0.5",
        "adx_filter_enabled": "false",
        "trading_trailing_stop_pct": "0.013",
        "strat_open_buffer": "0.009",
        "broker_outage_s": "7",
        "api_retry_limit": "1",
        "defense_mode_min_win_rate": "0.125",
    }
    run = world(Edits({10: offer(**THREE, **changed)})).run()
    desk = run.session.desk
    assert desk.session_cap == Decimal(1000)
    assert desk.kill_switch.limit == Decimal(50_000)
    door = desk.door.admit(
        symbol="SPY",
        qty=Decimal(8),
        price=Decimal(100),
        reference=Decimal(100),
        signals=99,
        now=desk.day.close,
    )
    assert not door.allow
    assert next(type(each).__name__ for each in desk.chain) == "DisabledFilter"
    plan = desk.runner("open").plan
    assert plan.rules.trail_fraction == pytest.approx(0.013)
    assert 0.009 in plan.params
    assert desk.watchdog._limits.broker_outage == timedelta(seconds=7)
    assert desk.broker._backoff.limit == 1
    assert desk.defense_mode._lowest_rate == Decimal("0.125")


@dataclass
class Storm:
    """Offers another pair of MAX_TRADES and WEIGHTS at every look; every fifth is not valid."""

    made: int = 0
    bad: int = 0

    def poll(self) -> Offer | Refusal:
        self.made += 1
        if self.made % 5 == 0:
            self.bad += 1
            return Refusal(source="x", reason=f"edit {self.made} is not valid")
        count = 1 + self.made % 4
        return offer(
            max_trades=str(count),
            weights=",".join(["0.2"] * count),
            max_price=str(1000 + self.made),
        )


def test_a_thousand_edits_mix_no_snapshot(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAULTS K14: 1,000 edits, and every decision reads one snapshot; no restart, no bad one."""
    storm = Storm()
    seen: list[tuple[int, str]] = []
    mixed = []
    enter = candidates.enter

    async def watched(desk, runner, signals, minute):
        before = desk.settings
        await enter(desk, runner, signals, minute)
        seen.append((minute, digest(before)))
        if desk.settings is not before or len(before.weights) != before.max_trades:
            mixed.append(minute)

    monkeypatch.setattr(candidates, "enter", watched)
    days = 0
    while storm.made < 1000:
        run = world(storm).run()
        days += 1
        in_force = {0: digest(run.settings)}
        for change in run.journal.records(SettingsChanged):
            in_force[change.minute] = change.config_digest
        for minute, used in seen:
            assert used == in_force[max(at for at in in_force if at <= minute)]
        assert len(run.journal.records(SessionStarted)) == 1
        assert run.session.closed.flat
        assert all(
            may_follow(step.previous, step.state) for step in run.journal.records(StateChanged)
        )
        seen.clear()
    assert mixed == []
    assert storm.made >= 1000
    assert storm.bad >= 200
    assert days == 3


def test_defense_mode_is_entered_by_a_change_and_never_left_by_one() -> None:
    """SPEC §4: entered by hand, with compressed limits on record; turning it back changes none."""
    edits = Edits({
        10: offer(**THREE, defense_mode_active="true"),
        20: offer(**THREE, defense_mode_active="false"),
    })
    run = world(edits).run()
    on, off = run.journal.records(SettingsChanged)
    for change in (on, off):
        assert dict(change.limits)["defense_mode"] == "on"
        assert dict(change.limits)["max_trades"] == "1"
        assert change.session_cap == Decimal(1000)
    assert run.session.desk.defense is True
    (begun,) = run.journal.records(DefenseChanged)
    assert (begun.on, begun.trigger, begun.limits) == (True, "settings", on.limits)
    (met,) = run.journal.records(EmergencyMet)
    assert (met.event, met.state) == (Emergency.DEFENSE_ON, BotState.UPDATING)
    assert run.session.desk.defense_mode.state.on
    assert all(len(entries_of(run, name)) <= 1 for name in ("open", "mid", "close"))


EDITS = {23: offer(**ONE), 170: offer(**THREE)}


@pytest.fixture(scope="module")
def whole() -> World:
    """A session with two changes that nothing cut off."""
    return world(Edits(EDITS)).run()


@pytest.mark.parametrize("after", [*range(-4, 12), *range(12, 100, 8)])
def test_a_crash_round_a_change_decides_every_minute_as_before(whole, after) -> None:
    """Cut off before, inside and after a change: the same orders, trades and settings."""
    entries = whole.journal.entries()
    place = next(
        at for at, entry in enumerate(entries) if isinstance(entry.record, SettingsChanged)
    )
    first = world(Edits(EDITS))
    first.journal.break_at = place + after
    with pytest.raises(Crash):
        first.run()
    again = first.again(len(first.journal.entries()), len(first.log.rows))
    recorded = {change.minute for change in again.journal.records(SettingsChanged)}
    again.settings_source = Edits({at: new for at, new in EDITS.items() if at not in recorded})
    again.on_session = again.settings_source.watch
    again.run()
    assert again.intents == whole.intents
    assert again.trades == whole.trades
    assert again.session.desk.settings == whole.session.desk.settings
    assert truth(again)["cash"] == truth(whole)["cash"]
    changes = again.journal.records(SettingsChanged)
    assert [change.minute for change in changes] == list(EDITS)
    assert all(
        may_follow(step.previous, step.state) for step in again.journal.records(StateChanged)
    )


def test_a_change_that_was_cut_off_leaves_updating_first(whole) -> None:
    """A journal that ends in `updating` goes back to the state before it and takes the change."""
    steps = [entry.record for entry in whole.journal.entries()]
    place = next(at for at, step in enumerate(steps) if isinstance(step, SettingsChanged))
    assert steps[place - 1].state is BotState.UPDATING
    again = whole.again(place, whole.journal.marks[place])
    again.settings_source = Edits(EDITS)
    again.on_session = again.settings_source.watch
    again.run()
    back, *_ = [r for r in again.journal.records(StateChanged) if "cut off" in r.reason]
    assert (back.previous, back.state) == (BotState.UPDATING, steps[place - 1].previous)
    assert again.intents == whole.intents
