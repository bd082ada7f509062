"""rigd crashmatrix and rigd powerloss: what they print and leave."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from rigd.cli import crashes
from rigd.cli.crashes import loss_fields, loss_lines, matrix_fields, matrix_lines
from rigd.core.errors import ExitCode
from rigd.hosts.crashes.boundaries import Fault
from rigd.hosts.crashes.matrix import Case, Outcome
from rigd.hosts.crashes.powerloss import Losses
from rigd.hosts.crashes.watch import Moment

GOOD = Case(moment=Moment(Fault.KILL, 1), boundary="fsync a", wrongs=(), died=True, recovery_s=0.25)
BAD = Case(
    moment=Moment(Fault.EIO, 2),
    boundary="pwrite64 a",
    wrongs=("broken: the books are the same",),
    died=False,
    recovery_s=None,
)


def outcome(*cases: Case) -> Outcome:
    return Outcome(
        session="small",
        boundaries=Counter({"fsync a": 2, "pwrite64 a": 3, "pwrite64 b": 1}),
        at_stake={"orders": 8, "fills": 2},
        cases=cases,
        seconds=12.0,
    )


def losses(*wrongs: str) -> Losses:
    return Losses(images=5000, calls=577, torn=312, wrongs=wrongs, seconds=100.0)


def test_the_matrix_tells_its_figures() -> None:
    """Boundaries by kind, moments by fault, recovery, and each violation with its boundary."""
    assert matrix_lines(outcome(GOOD, BAD)) == [
        "boundaries 6: pwrite64 4, fsync 2",
        "at stake: orders 8, fills 2",
        "moments 2: kill 1, eio 1; 1 processes ended by them",
        "recovery: p50 0.25 s, max 0.25 s",
        "violations 1",
        (
            "  eio at 2 (pwrite64 a): broken: the books are the same;"
            " again: rigd crashmatrix --session small --at eio:2"
        ),
        "12 s",
    ]
    assert "recovery" not in "".join(matrix_lines(outcome(BAD)))


def test_the_figures_are_left_as_json() -> None:
    """Every boundary is listed with its count."""
    fields = matrix_fields(outcome(GOOD, BAD))
    assert fields["boundaries"] == {"fsync a": 2, "pwrite64 a": 3, "pwrite64 b": 1}
    assert (fields["boundary_count"], fields["moments"]) == (6, 2)
    assert [wrong["nth"] for wrong in fields["violations"]] == [2]
    assert (fields["recovery_p50_s"], fields["recovery_max_s"]) == (0.25, 0.25)
    assert matrix_fields(outcome(BAD))["recovery_max_s"] is None
    assert loss_fields(losses("x"))["violations"] == ["x"]


def test_power_losses_tell_their_figures() -> None:
    """Images, cuts, torn journals, violations, speed."""
    assert loss_lines(losses("image 3, after call 1: gone")) == [
        "images 5000: power cut over 577 calls, 312 torn journals",
        "violations 1",
        "  image 3, after call 1: gone",
        "100 s, 50 images/s",
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("crashmatrix", "--sample", "-1"), "--sample must be"),
        (("powerloss", "--images", "0"), "--images must be"),
    ],
)
def test_bad_options_are_refused(rigd, tmp_path, arguments, said) -> None:
    """Before anything runs, with exit code 2."""
    ended = rigd(tmp_path, *arguments)
    assert ended.code == ExitCode.BAD_INPUT
    assert said in ended.err


class Parts:
    """Stands for the matrix and the trace: answers at once."""

    def __init__(self, *cases: Case) -> None:
        self.boundaries: list = []
        self._cases = cases

    def run(self, _moments, on_case):
        for case in self._cases:
            on_case(case)
        return outcome(*self._cases)


@pytest.mark.parametrize(("case", "code"), [(GOOD, 0), (BAD, 1)])
def test_only_a_matrix_without_violation_is_good(monkeypatch, tmp_path, capsys, case, code) -> None:
    """The exit code says so, and the file is left in either case."""
    monkeypatch.setattr(crashes, "Matrix", lambda *_: Parts(case))
    out = tmp_path / "out.json"
    asked = {"session": "small", "inject": "kill,eio", "sample": 0, "at": "", "out": str(out)}
    assert crashes.crashmatrix(**asked) == code
    assert json.loads(out.read_bytes())["boundary_count"] == 6
    said = capsys.readouterr().out
    assert "boundaries 6" in said
    assert said.splitlines()[-1].startswith("next: ")


class Traced:
    """Stands for a traced session."""

    calls = ()


@pytest.mark.parametrize(("wrongs", "code"), [((), 0), (("x",), 1)])
def test_only_power_losses_without_violation_are_good(monkeypatch, capsys, wrongs, code) -> None:
    """The exit code says so."""
    monkeypatch.setattr(crashes, "trace", lambda *_: Traced())
    monkeypatch.setattr(crashes, "lose_power", lambda *_: losses(*wrongs))
    assert crashes.powerloss(session="small", images=10, out="") == code
    said = capsys.readouterr().out
    assert f"violations {len(wrongs)}" in said
    assert said.splitlines()[-1].startswith("next: ")
