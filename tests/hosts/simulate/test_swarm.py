"""What a seed is."""

from __future__ import annotations

from rigd.hosts.simulate.days import exchange_day
from rigd.hosts.simulate.faults import MENU
from rigd.hosts.simulate.swarm import DAYS, LIVENESS_MINUTES, Profile, draw

SEEDS = range(200)


def test_the_same_seed_is_the_same() -> None:
    """Drawn twice."""
    assert draw(5) == draw(5)
    assert draw(5) != draw(6)


def test_a_calm_seed_has_no_fault_and_a_lite_one_fewer() -> None:
    """The profiles: 0, about 8 % and about 25 % of the menu."""
    counts = {p: sum(len(draw(seed, p).rates) for seed in SEEDS) / len(SEEDS) for p in Profile}
    assert counts[Profile.CALM] == 0
    assert 2 < counts[Profile.LITE] < counts[Profile.SWARM] / 2 < len(MENU) / 4
    assert draw(1, Profile.CALM).crashes == 0


def test_the_swarm_draws_every_fault_and_every_manner() -> None:
    """Each fault in some seeds and not in others; each trait of a broker both ways; every day."""
    drawn = [draw(seed) for seed in SEEDS]
    for fault in MENU:
        assert 0 < sum(fault in options.rates for options in drawn) < len(SEEDS)
    for trait in ("idempotent", "authoritative", "replaces", "stops", "guards_positions"):
        assert {getattr(options.personality, trait) for options in drawn} == {True, False}
    assert {options.day for options in drawn} == set(DAYS)
    assert {len(options.symbols) for options in drawn} == {2, 3, 4, 5}


def test_the_days_have_half_days_and_both_times_of_the_year() -> None:
    """Opens at 13:30 and 14:30 UTC, closes at 17:00 or 18:00 on half days, 20:00 or 21:00 else."""
    days = [exchange_day(day) for day in DAYS]
    assert {day.open.hour for day in days} == {13, 14}
    assert {day.close.hour for day in days} == {17, 18, 20, 21}
    assert {day.minutes for day in days} == {210, 390}


def test_the_end_of_each_day_is_quiet() -> None:
    """The liveness phase is long enough to get flat in."""
    assert draw(1).quiet_from == -LIVENESS_MINUTES
