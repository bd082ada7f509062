"""A study is searched, counted and judged honestly, and can be made again."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from rigd.config.choices import OptimizerAlgorithm
from rigd.core.errors import AlreadyRunning, ConfigError, LogicError
from rigd.hosts.optimize import study
from rigd.hosts.optimize.request import StudyRequest
from rigd.hosts.optimize.study import make_plan, run_study
from rigd.hosts.optimize.trials import trials_in
from rigd.store.locks import SessionLock
from rigd.strategy import opening
from tests.config.settings import made
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo
from tests.hosts.optimize.honesty import judged, rate
from tests.hosts.optimize.walks import EDGE

if TYPE_CHECKING:
    from rigd.store.paths import Home

SMALL = StudyRequest(
    symbols=("FB",),
    lookback_days=20,
    levels=(("STRAT_OPEN_BUFFER", "0.001,0.004"), ("MAX_RISK_PER_TRADE", "0.008")),
)
"""2 x 5 x 1 trials on 20 days of the sample's liveliest symbol."""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Home:
    """A home with the demo."""
    return demo(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def result(home):
    """The document of the small study."""
    return run_study(bot_of(home), SMALL, FakeClock())


def test_a_study_leaves_its_document(home, result) -> None:
    """INVENTORY O6: one JSON file per study below strategy_tuning, with what it follows from."""
    folder = home.backtest_results / "strategy_tuning" / "studies"
    kept = json.loads((folder / f"{result['study']}.json").read_bytes())
    assert kept["study"] == result["study"]
    assert kept["hashes"].keys() == {"config", "studied_config", "code", "data", "seed"}
    assert kept["window"] == {"first": "2012-10-16", "last": "2012-11-14", "days": 20}
    assert len(kept["trials"]) == 10
    assert kept["request"] == json.loads(SMALL.to_json())
    assert [row["rule"] for row in kept["findings"]][2] == "deflated Sharpe ratio"
    assert kept["approvable"] is all(row["holds"] for row in kept["findings"])


def test_a_study_is_made_again_from_seed_and_data(home, result, tmp_path) -> None:
    """INVENTORY O6: in another home the same request gives the same bytes."""
    other = demo(tmp_path)
    again = run_study(bot_of(other), SMALL, FakeClock())
    name = f"backtest_results/strategy_tuning/studies/{result['study']}.json"
    assert again["register"] != {}
    assert (other.runs / name).read_bytes() == (home.runs / name).read_bytes()


def test_every_trial_is_in_the_register_once(home, result) -> None:
    """Ten trials; the study made again, its journal deleted, adds none and counts the same."""
    assert len(trials_in(home)) == 10 == result["register"]["trials"]
    folder = home.backtest_results / "strategy_tuning" / "studies"
    for path in folder.iterdir():
        path.unlink()
    assert run_study(bot_of(home), SMALL, FakeClock()) == result
    assert len(trials_in(home)) == 10


def test_another_study_raises_the_count_of_the_strategy(tmp_path) -> None:
    """The second study of a strategy is deflated by the trials of the first as well."""
    home = demo(tmp_path)
    first = run_study(bot_of(home), SMALL, FakeClock())
    other = replace(SMALL, overrides=(("MAX_TRADES", "1"), ("WEIGHTS", "0.4")))
    second = run_study(bot_of(home), other, FakeClock())
    assert (first["register"]["trials"], second["register"]["trials"]) == (10, 20)
    assert second["study"] != first["study"]
    assert second["hashes"]["config"] == first["hashes"]["config"]
    assert second["hashes"]["studied_config"] != first["hashes"]["studied_config"]


def test_a_study_that_was_cancelled_goes_on(result, tmp_path) -> None:
    """Cancelled after four trials it leaves no document; taken up it ends as if uncut."""
    other = demo(tmp_path)
    told: list[tuple[int, int]] = []
    cut = run_study(
        bot_of(other),
        SMALL,
        FakeClock(),
        on_trial=lambda *at: told.append(at),
        cancelled=lambda: told[-1][0] == 4,
    )
    assert cut is None
    assert told[-1] == (4, 10)
    assert len(trials_in(other)) == 4
    assert run_study(bot_of(other), SMALL, FakeClock()) == result


@pytest.mark.parametrize("method", ["bayesian", "genetic"])
def test_the_other_methods_walk_by_searching_each_fold(method: str, tmp_path) -> None:
    """Each fold's own search counts as well: 12 trials and four times 12."""
    request = replace(SMALL, method=method, trials=12)
    found = run_study(bot_of(demo(tmp_path)), request, FakeClock())
    assert found["register"]["trials"] == 5 * 12
    assert found["method"] == method


def test_a_study_of_two_objectives_keeps_its_front(tmp_path) -> None:
    """The chosen trial heads the front, and nobody on it is beaten by another."""
    request = replace(SMALL, objectives=("gain", "drawdown"))
    found = run_study(bot_of(demo(tmp_path)), request, FakeClock())
    front = found["front"]
    assert front[0]["number"] == found["chosen"]["number"]
    gains = [row["gain"] for row in front]
    falls = [row["drawdown"] for row in front]
    assert gains == sorted(gains, reverse=True)
    assert falls == sorted(falls, reverse=True)


def test_one_optimisation_at_a_time(home, result) -> None:  # noqa: ARG001 - after the study
    """Two at once would race for the register."""
    lock = home.backtest_results / "optimize.lock"
    with (
        SessionLock(lock, what="another", clock=FakeClock()),
        pytest.raises(AlreadyRunning),
    ):
        run_study(bot_of(home), SMALL, FakeClock())


def test_the_window_must_be_long_enough_to_be_judged() -> None:
    """Under 20 days there are not two in each block of the cross-validation."""
    with pytest.raises(ConfigError, match="20 days or more"):
        make_plan(made(), replace(SMALL, lookback_days=19))


def test_the_method_and_the_window_come_from_the_settings() -> None:
    """OPTIMIZER_ALGORITHM and OPTIMIZER_BACKTEST_LOOKBACK_DAYS decide where nothing is said."""
    settings = made(optimizer_algorithm="genetic", optimizer_backtest_lookback_days="21")
    plan = make_plan(settings, StudyRequest(symbols=("FB",)))
    assert plan.search.method is OptimizerAlgorithm.GENETIC
    assert (len(plan.days), plan.search.size) == (21, 100)


def test_a_strategy_that_looks_ahead_is_refused(home, monkeypatch) -> None:
    """One that knows its own later bars never reaches a search."""
    seen: dict[int, float] = {}

    def peeking(state, bar, params) -> float:  # noqa: ARG001 - the signature of an entry
        seen[bar.minute] = bar.close
        return float(seen.get(bar.minute + 1, 0.0) > bar.close)

    monkeypatch.setattr(opening, "STRATEGY", replace(opening.STRATEGY, entry=peeking))
    with pytest.raises(LogicError, match="must not know later bars"):
        run_study(bot_of(home), SMALL, FakeClock())


def test_luck_is_not_called_skill() -> None:
    """Of 12 random walks none may be approved; `make honesty` asks 200."""
    assert rate(12, 0.0) == 0.0


def test_a_planted_edge_is_found() -> None:
    """Of 5 series with an edge at least 4 are approvable; `make honesty` asks 200."""
    assert rate(5, EDGE) >= 0.8


def test_a_judged_search_has_an_answer_to_each_rule() -> None:
    """The trials of a walk are all there, with as many days each as the window."""
    found = judged(1, 0.0, n_days=100)
    assert len(found.tried) == len(found.outcomes) == 90
    assert {len(outcome.pnl) for outcome in found.outcomes} == {100}
    assert len(found.walk.outcome.pnl) == 80
    assert not found.approvable
    assert found.totals.made == 90


def test_the_code_has_one_digest() -> None:
    """64 hexadecimal digits, the same twice."""
    assert study.code_digest() == study.code_digest()
    assert len(study.code_digest()) == 64
