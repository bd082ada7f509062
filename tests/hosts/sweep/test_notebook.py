"""``rigd.sweep`` from a notebook."""

from __future__ import annotations

import pytest

import rigd
from rigd.core.errors import ConfigError
from rigd.hosts.sweep.running import Sweep
from tests.shared import shared_path

SPAN = {"start": "2013-10-04", "end": "2013-10-08", "symbols": "SPY,BAC", "jobs": 1}
GRID = {"STRAT_OPEN_BUFFER": "0.0002:0.0008:0.0003", "STOP_PCT_OPEN": [0.002, None]}


def test_a_sweep_shows_a_bar_and_gives_a_result(home, capsys) -> None:
    """Three buffers by two stops; the bar on standard error knows the time left."""
    result = rigd.sweep("open", grid=GRID, data=shared_path("data"), home=home, **SPAN)
    assert len(result) == 6
    assert result.symbols == ("BAC", "SPY")
    assert result.folder.is_relative_to(home.runs / "backtest_results" / "strategy_tuning")
    shown = capsys.readouterr().err
    assert "100%" in shown
    assert "12/12" in shown


def test_an_interrupt_names_what_to_resume(home, monkeypatch) -> None:
    """Ctrl-C in the middle, then the same sweep by its name: equal to an uncut one."""
    whole = rigd.sweep(
        "open", grid=GRID, data=shared_path("data"), home=home, progress=False, **SPAN
    )
    run = Sweep.run

    def cut(self, clock, _told, *, resumed):
        def interrupt(_count) -> None:
            raise KeyboardInterrupt

        return run(self, clock, interrupt, resumed=resumed)

    monkeypatch.setattr(Sweep, "run", cut)
    with pytest.raises(KeyboardInterrupt, match="rigd sweep --resume open_") as interrupted:
        rigd.sweep("open", grid=GRID, data=shared_path("data"), home=home, progress=False, **SPAN)
    monkeypatch.setattr(Sweep, "run", run)
    name = str(interrupted.value).rpartition(" ")[2]
    result = rigd.sweep(resume=name, home=home, progress=False, jobs=1)
    assert result.outputs.tobytes() == whole.outputs.tobytes()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": {"STRAT_OPEN_BUFER": [0.1]}}, "did you mean STRAT_OPEN_BUFFER"),
        ({"strategy": "opn"}, "did you mean open"),
        ({"data": "", "symbols": ""}, "sample has no session"),
        ({"start": "4 October"}, "YYYY-MM-DD"),
        ({"grid": {"STRAT_OPEN_BUFFER": [-1]}}, "STRAT_OPEN_BUFFER"),
    ],
)
def test_a_mistake_is_answered_before_anything_runs(home, change, message) -> None:
    """A typo, no data, no day, a value that the settings refuse."""
    asked = {"strategy": "open", "grid": GRID, "data": shared_path("data"), **SPAN, **change}
    with pytest.raises(ConfigError, match=message):
        rigd.sweep(home=home, progress=False, **asked)
