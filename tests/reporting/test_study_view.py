"""What is shown of a study."""

from __future__ import annotations

import pytest

from rigd.reporting import study_view as view

TRIALS = [
    {
        "number": number,
        "params": {"STRAT_OPEN_BUFFER": f"0.00{number}"},
        "sharpe": ratio,
        "gain": 0.01 * number,
        "drawdown": 0.001,
        "trades": number,
    }
    for number, ratio in enumerate([1.5, None, 2.25])
]
STUDY = {
    "study": "open_grid_0",
    "strategy": "open",
    "data_label": "minute <bars>",
    "host": "no filters",
    "window": {"first": "2013-01-02", "last": "2013-02-01", "days": 22},
    "method": "grid",
    "objectives": {"sharpe": "maximize"},
    "approvable": False,
    "findings": [
        {"rule": "deflated Sharpe ratio", "found": 0.5, "limit": "≥ 0.95", "holds": False},
        {"rule": "probability of overfitting", "found": None, "limit": "≤ 0.5", "holds": False},
    ],
    "chosen": TRIALS[2],
    "front": [TRIALS[2]],
    "trials": TRIALS,
    "walk_forward": [{"days": [0, 6, 10], "gain": 0.02, "trades": 4, "params": {"X": "1"}}],
    "register": {"trials": 90, "head": [90, "ab"]},
    "hashes": {"code": "c0de", "data": "da7a"},
}


def test_the_heading_tells_verdict_label_and_count() -> None:
    """Not approvable, the label escaped, the trials of the study and those ever made."""
    shown = view.heading(STUDY)
    for text in (
        "not approvable",
        "minute &lt;bars&gt;. no filters.",
        "grid, 3 trials",
        ">90<",
        "0.002",
    ):
        assert text in shown


def test_each_rule_has_its_answer() -> None:
    """What was found, what is asked, whether it holds; no figure is n/a, never nan."""
    shown = view.findings(STUDY)
    for text in ("deflated Sharpe ratio", "0.500000", "≥ 0.95", ">no<", "n/a"):
        assert text in shown
    assert "nan" not in shown.lower()


def test_the_best_trials_come_first() -> None:
    """2.25 before 1.5, and the one without a ratio last."""
    shown = view.trials(STUDY)
    places = [shown.index(f"0.00{number}<") for number in (2, 0, 1)]
    assert places == sorted(places)
    least = view.trials(STUDY | {"objectives": {"drawdown": "minimize"}})
    assert least.index("0.000<") < least.index("0.002<")


def test_only_the_best_are_shown() -> None:
    """Ten rows at most, of however many trials."""
    many = STUDY | {"trials": TRIALS * 20}
    assert view.trials(many).count("<tr>") == 1 + view.MOST_TRIALS


@pytest.mark.parametrize("show", [view.front, view.walk_forward, view.origin])
def test_blocks_are_static(show) -> None:
    """No script, the same for the same document."""
    assert show(STUDY) == show(STUDY)
    assert "<script" not in show(STUDY)


def test_a_fold_shows_its_days() -> None:
    """Chosen on days 0-6, earned on 6-10."""
    shown = view.walk_forward(STUDY)
    assert "0-6" in shown
    assert "6-10" in shown


def test_digests_are_in_the_origin_alone() -> None:
    """What follows from the code stands in one block, which notebooks do not compare."""
    blocks = [view.heading, view.findings, view.trials, view.front, view.walk_forward]
    assert "c0de" in view.origin(STUDY)
    assert not [show for show in blocks if "c0de" in show(STUDY) or "open_grid_0" in show(STUDY)]
