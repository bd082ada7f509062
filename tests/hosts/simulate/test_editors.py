"""People at the settings' file: whole changes are offered once, bad ones refused as a whole."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rigd.config.digest import digest
from rigd.config.hot import Offer, Refusal
from rigd.core.events import AlertRaised, SettingsChanged
from rigd.core.money import ZERO
from rigd.hosts.simulate.editors import HOT, Editors
from rigd.hosts.simulate.faults import Fault, FaultPlan
from rigd.hosts.simulate.trace import Trace
from tests.engine.world import settings
from tests.hosts.simulate.worlds import run

FIRST = settings()


def editors(*faults: Fault) -> Editors:
    return Editors(FaultPlan(1, dict.fromkeys(faults, 1.0)), Trace(), FIRST)


def test_the_first_look_of_a_process_finds_the_file_and_the_next_one_nothing() -> None:
    """A file may have changed while no process ran."""
    file = editors()
    for _ in range(2):
        watch = file.watch()
        found = watch.poll()
        assert isinstance(found, Offer)
        assert found.settings == FIRST
        assert watch.poll() is None


def test_a_change_is_one_key_of_the_menu_and_a_valid_whole() -> None:
    """What is offered may be put in force: its digest is one of those that were written."""
    file = editors(Fault.CONFIG_CHANGED)
    watch = file.watch()
    watch.poll()
    seen = set()
    for _ in range(100):
        file.act()
        found = watch.poll()
        assert isinstance(found, Offer)
        assert digest(found.settings) in file.valid
        seen |= {key for key in HOT if getattr(found.settings, key) != getattr(FIRST, key)}
    assert seen == set(HOT)


def test_a_bad_file_is_refused_and_a_key_for_the_start_is_not_among_the_valid_ones() -> None:
    """Neither may ever be in force."""
    file = editors(Fault.CONFIG_BAD)
    file.act()
    assert isinstance(file.found, Refusal)
    file = editors(Fault.CONFIG_AT_START)
    file.act()
    assert isinstance(file.found, Offer)
    assert digest(file.found.settings) not in file.valid


@pytest.mark.parametrize("fault", [Fault.CONFIG_BAD, Fault.CONFIG_AT_START])
def test_what_must_not_be_in_force_is_alerted_and_never_recorded_as_changed(fault) -> None:
    """K14: the settings in force stay, and somebody hears of it."""
    world = run({fault: 0.05})
    assert world.violation is None
    records = [entry.record for entry in world.disk.entries]
    assert any(isinstance(record, AlertRaised) for record in records)
    assert not any(isinstance(record, SettingsChanged) for record in records)


def test_a_day_of_changes_holds_and_ends_by_the_last_of_them() -> None:
    """Limits are those of the minute; the oracle counts by the records' settings."""
    world = run({Fault.CONFIG_CHANGED: 0.05})
    assert world.violation is None
    changed = [e.record for e in world.disk.entries if isinstance(e.record, SettingsChanged)]
    assert len(changed) > 3
    assert world.oracle.account.config_digest == changed[-1].config_digest
    assert world.oracle.account.session_cap == changed[-1].session_cap > ZERO
    offered = world.editors.found
    assert isinstance(offered, Offer)
    held = world.oracle.account.settings
    assert Decimal(held["MAX_ORDER_NOTIONAL"]) == offered.settings.max_order_notional
