"""One sweep from its first part to its result: cancelled, interrupted, resumed, written."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts.sweep import host
from rigd.hosts.sweep.host import resumed_request
from rigd.hosts.sweep.running import SweepCancelledError
from tests.fakes.clock import FakeClock


def test_a_sweep_that_was_cancelled_resumes_to_the_same_bits(made, home, monkeypatch) -> None:
    """Cancelled after each part in turn: what is done stays, and the result is identical."""
    monkeypatch.setattr(host, "PART_COMBINATIONS", 16)
    whole = made("whole").run(FakeClock(), resumed=False)
    sweep = made("cut")
    assert len(sweep.spans()) == 12
    rounds = 0
    result = None
    while result is None:
        sweep = made("cut")
        assert resumed_request(home, "cut") == sweep.request if rounds else True
        done = []

        def told(count, sweep=sweep, done=done, rounds=rounds) -> None:
            done.append(count)
            if len(done) > 2 * rounds:
                sweep.cancel()

        fix = ""
        try:
            result = sweep.run(FakeClock(), told, resumed=rounds > 0)
        except SweepCancelledError as cancelled:
            fix = cancelled.fix
        assert (result is None) == ("rigd sweep --resume cut" in fix)
        rounds += 1
    assert rounds > 3
    assert result.outputs.tobytes() == whole.outputs.tobytes()
    csv_of = [(each.folder / "result.csv").read_bytes() for each in (whole, result)]
    assert csv_of[0] == csv_of[1]


def test_an_interrupted_pool_resumes_to_the_same_bits(made, monkeypatch) -> None:
    """Two processes, an interrupt in the middle: nothing is lost, and the result is identical."""
    monkeypatch.setattr(host, "PART_COMBINATIONS", 16)
    whole = made("whole").run(FakeClock(), resumed=False)

    def interrupt(_count) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made("cut", jobs=2).run(FakeClock(), interrupt, resumed=False)
    result = made("cut", jobs=2).run(FakeClock(), resumed=True)
    assert result.outputs.tobytes() == whole.outputs.tobytes()


def test_a_sweep_is_not_resumed_with_something_else(made) -> None:
    """Another grid under the same name is refused, and says what differs."""
    made("one").run(FakeClock(), resumed=False)
    other = made("one", {"STRAT_OPEN_BUFFER": [0.0001]}, entries_a_day=1)
    with pytest.raises(ConfigError, match="grid"):
        other.run(FakeClock(), resumed=True)
    with pytest.raises(ConfigError, match="was begun"):
        made("none").run(FakeClock(), resumed=True)


def test_the_result_names_its_hashes(made) -> None:
    """The summary on disk carries the hashes of settings, code, data and grid, and the seed."""
    result = made().run(FakeClock(), resumed=False)
    summary = json.loads((result.folder / "result.json").read_text(encoding="utf-8"))
    assert set(summary["hashes"]) == {"config", "code", "data", "grid", "seed"}
    assert summary["combinations"] == 64
    rows = (result.folder / "result.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) == 65
    assert rows[0].startswith("STRAT_OPEN_BUFFER,OPEN_ANALYSIS_TIME,")
