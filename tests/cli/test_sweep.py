"""``rigd sweep`` and ``rigd warmup`` on the command line."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rigd.cli.sweep as command
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts.sweep.grid import Axis
from rigd.hosts.sweep.result import SweepResult


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """Replace the host by one that notes what it was asked for."""
    seen = {}
    result = SweepResult(
        name="one",
        strategy="open",
        axes=(Axis("STOP_PCT_OPEN", ("0.01", "")),),
        symbols=("AAA",),
        days=2,
        outputs=np.array([[20.0, 10.0, 12.0, 5.0, 100.0, 9.0], [20.0, 30.0, 8.0, 4.0, 90.0, 9.0]]),
        hashes={"seed": "1"},
        table=tmp_path / "result.csv",
    )

    def sweep(**options):
        seen.update(options)
        return result

    monkeypatch.setattr(command, "sweep", sweep)
    return seen


def test_the_best_are_printed(asked, capsys) -> None:
    """Best first, off in words, and where all of them lie."""
    code = command.run(changes=["A=1"], by="pnl", as_json=False, strategy="open", grid=["K=1"])
    lines = capsys.readouterr().out.splitlines()
    assert code == 0
    assert asked["settings"] == {"A": "1"}
    assert asked["grid"] == ["K=1"]
    assert lines[1] == (
        "  STOP_PCT_OPEN=off: 20 trades, PnL 30.00, wins 40%, drawdown 4.00, 4.5 min"
    )
    assert lines[3].startswith("all of them: ")
    assert lines[-1].startswith("next: ")


def test_json_is_one_object(asked, capsys) -> None:
    """With the hashes and the best combinations; without a bar."""
    assert command.run(changes=[], by="pnl", as_json=True, strategy="open") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["combinations"] == 2
    assert told["best"][0]["pnl"] == 30.0
    assert asked["progress"] is False


def test_an_interrupt_ends_with_its_own_code(monkeypatch, capsys) -> None:
    """Exit code 7 and the name to resume."""

    def sweep(**_options):
        msg = "next: rigd sweep --resume one"
        raise KeyboardInterrupt(msg)

    monkeypatch.setattr(command, "sweep", sweep)
    assert command.run(changes=[], by="pnl", as_json=False) == int(ExitCode.INTERRUPTED)
    assert "--resume one" in capsys.readouterr().err


@pytest.mark.parametrize("options", [{"changes": ["A"]}, {"changes": [], "by": "profit"}])
def test_an_option_that_makes_no_sense_is_refused(options) -> None:
    """A setting without a value, an output that there is not."""
    with pytest.raises(ConfigError):
        command.run(**{"by": "pnl", "as_json": False, **options})


def test_warmup_prints_a_line_for_each_kernel(monkeypatch, capsys) -> None:
    """And what to do next."""
    monkeypatch.setattr(command.warm, "run", lambda _home: iter(["[1/1] open: 0.1 s"]))
    assert command.warmup() == 0
    assert capsys.readouterr().out.splitlines()[0] == "[1/1] open: 0.1 s"
