"""One day over its candidate events: pools, orders, and when the session engine is asked."""

from __future__ import annotations

from rigd.core.events import NoteMade, PoolRanked, SessionStarted, TradeClosed
from rigd.core.values import Bar
from rigd.engine.portfolio import STALE_EXIT
from rigd.hosts.backtest.candidate_day import CandidateDay, is_special, pools_of
from rigd.hosts.backtest.host import Host, Way
from rigd.hosts.backtest.scanning import Lane, Scans
from tests.hosts.backtest.days import CASH, by_session, history_of, synthetic, terms, trades_of
from tests.strategy.days import flat


def one_day(run, history, number=0) -> CandidateDay:
    """A day ready to run."""
    scans = Scans(run.settings, history, Lane.PLAIN)
    pools = pools_of(run, history, scans, number, bought_only=frozenset())
    return CandidateDay(run, history, scans, number, CASH, pools, bought_only=frozenset())


def rising(until: int) -> list[Bar]:
    """A symbol that breaks out at minute 22 and is quoted until some minute."""
    bars = flat(range(22))
    bars.append(Bar(22, 100.0, 102.0, 100.0, 102.0, 100.0))
    return bars + [Bar(m, 102.0, 102.0, 102.0, 102.0, 100.0) for m in range(23, until)]


def test_a_day_is_recorded_as_a_session_records_it() -> None:
    """Its records begin with the session's head, rank pools and close trades."""
    history = synthetic(51, 1)
    entries = one_day(terms(), history).run()
    assert isinstance(entries[0].record, SessionStarted)
    ranked = [e.record for e in entries if isinstance(e.record, PoolRanked)]
    assert ranked == [
        e.record for e in by_session(terms(), history, 0) if isinstance(e.record, PoolRanked)
    ]
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


def test_what_the_bars_leave_open_is_closed_at_the_last_mark() -> None:
    """A symbol whose bars end in the trade is flagged, as in a session."""
    day = synthetic(51, 1).feeds[0].session.day
    history = history_of({day: {"AAA": rising(40), "BBB": flat(range(390))}})
    run = terms(strategy_override="open")
    theirs = by_session(run, history, 0)
    found = one_day(run, history)
    entries = found.run()
    notes = [e.record for e in entries if isinstance(e.record, NoteMade)]
    assert [note.topic for note in notes] == [STALE_EXIT]
    (trade,) = trades_of(entries)
    assert trade.error_code == STALE_EXIT
    assert found.rare(), "the marks of all that is held are late: the session engine decides"
    (played,) = Host(run, history).run(CASH)
    assert (played.way, list(played.trades)) == (Way.SESSION, trades_of(theirs))


def test_an_entry_without_a_bar_in_time_expires() -> None:
    """A signal whose symbol has no bar before the end of entries makes no trade."""
    day = synthetic(51, 1).feeds[0].session.day
    late = [*rising(23), *(Bar(m, 102.0, 102.0, 102.0, 102.0, 1.0) for m in range(100, 390))]
    history = history_of({day: {"AAA": late, "BBB": flat(range(390))}})
    run = terms(strategy_override="open")
    entries = one_day(run, history).run()
    assert [e for e in entries if isinstance(e.record, TradeClosed)] == []
    assert trades_of(by_session(run, history, 0)) == []


def test_special_settings_are_told() -> None:
    """What the broker does at random, and defense from the start, are for the session engine."""
    assert not is_special(terms())
    for key in ("sim_reject_rate", "sim_lost_reply_rate", "sim_partial_fill_rate"):
        assert is_special(terms(**{key: "0.1"}))
    assert is_special(terms(sim_native_trailing="true"))
    assert is_special(terms(defense_mode_active="true"))
