"""One study: read the window, probe, search, count, walk forward, judge; the result is one file.

``studies/{study}.json`` follows from settings, code, data and seed, which it names by digest; the
trials of the register at the time stand beside it. The same request made again is the same study:
it goes on where it was cut off, or tells again what it found.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from rigd.config.choices import OptimizerAlgorithm
from rigd.config.digest import digest
from rigd.config.parse import override
from rigd.config.schema import Settings
from rigd.config.sources import checkout
from rigd.core.errors import ConfigError, LogicError
from rigd.core.money import plain
from rigd.core.values import Bar
from rigd.hosts import wiring
from rigd.hosts.optimize.evaluation import Days, Outcome, make_evaluation
from rigd.hosts.optimize.objectives import OBJECTIVES, figures
from rigd.hosts.optimize.search import WRITER as JOURNAL_WRITER
from rigd.hosts.optimize.search import Search, Tried, best_of, run_search
from rigd.hosts.optimize.space import default_space, with_levels
from rigd.hosts.optimize.trials import Totals, TrialRegister, Trials
from rigd.hosts.optimize.verdict import Evidence, Finding, evidence_of, findings
from rigd.hosts.optimize.walk_forward import Walk, folds, walk_forward
from rigd.hosts.optimize.window import read_window, span
from rigd.indicators.overfitting import BLOCKS, overfitting
from rigd.indicators.sharpe import minimum_track_record, moments
from rigd.reporting.text import json_document
from rigd.store.hashing import digest_tree
from rigd.store.locks import SessionLock
from rigd.store.registry import Registry
from rigd.strategy import router
from rigd.strategy.look_ahead import find_peek, signals_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.core.ports import ControlClock
    from rigd.hosts.bot import Bot
    from rigd.hosts.optimize.evaluation import Evaluate
    from rigd.hosts.optimize.request import StudyRequest
    from rigd.hosts.optimize.space import Params
    from rigd.hosts.optimize.walk_forward import Fold

WRITER = "rigd.hosts.optimize.study"
DEFAULT_TRIALS = 100
HOST = "each symbol by the stepper, first entries of a day first; no filters, no ranked pool"
"""What the evaluation leaves out of a session, told with every result."""
PROBED_DAYS = 2
"""Days on which the strategy is probed for look-ahead; each minute of their window is a cut."""
MIN_DAYS = 2 * BLOCKS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A study that can begin.

    Parameters
    ----------
    strategy
        On what.
    search
        What is tried.
    objectives
        Names of what is looked for.
    name
        The study's own, which follows from everything that decides it.
    settings
        What the parameters are laid over.
    days
        The window.
    hashes
        Digests of config, code and data, and the seed.
    """

    strategy: str
    search: Search
    objectives: tuple[str, ...]
    name: str
    settings: Settings
    days: Days
    hashes: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What a search found.

    Parameters
    ----------
    tried, outcomes
        Every trial and what it did, in order.
    front
        Trials that nobody beats, the chosen one first.
    walk
        The walk-forward.
    totals
        All trials ever made on the strategy.
    evidence, findings
        What is known of the chosen parameters, and each rule with its answer.
    """

    tried: Sequence[Tried]
    outcomes: Sequence[Outcome]
    front: Sequence[Tried]
    walk: Walk
    totals: Totals
    evidence: Evidence
    findings: tuple[Finding, ...]

    @property
    def chosen(self) -> Tried:
        """The trial that is proposed."""
        return self.front[0]

    @property
    def approvable(self) -> bool:
        """Whether a person may be asked."""
        return all(finding.holds for finding in self.findings)


def run_study(
    bot: Bot,
    request: StudyRequest,
    clock: ControlClock,
    *,
    on_trial: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - names for callers
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Any] | None:
    """Run a study, or take it up; return its document.

    Parameters
    ----------
    bot
        Under whose settings.
    request
        What is asked for.
    clock
        The control clock.
    on_trial
        Called with how many of how many trials are complete.
    cancelled
        Asked before each trial.

    Returns
    -------
    dict or None
        What ``studies/{study}.json`` holds; None when it was cancelled: nothing is judged then.

    Raises
    ------
    LogicError
        If the strategy looks ahead.
    AlreadyRunning
        If another optimisation of this home runs.
    """
    plan = make_plan(bot.settings, request)
    registry = Registry(bot.home, stamp=plan.name)
    lock = SessionLock(registry.path("optimize.lock"), what="rigd optimize", clock=clock)
    evaluate = make_evaluation(plan.settings, plan.strategy)
    _require_causal(plan)
    with lock, TrialRegister(bot.home, clock) as register:
        judged = judge(
            plan,
            evaluate,
            register,
            journal=registry.claim("study.journal", writer=JOURNAL_WRITER),
            on_trial=on_trial,
            cancelled=cancelled,
        )
        if judged is None:
            return None
        content = document(plan, judged, request, head=register.head)
        registry.write("study.json", json_document(content), writer=WRITER)
    return content


def make_plan(settings: Settings, request: StudyRequest) -> Plan:
    """Return what a request means; the window is read, nothing is written.

    Parameters
    ----------
    settings
        The bot's.
    request
        What is asked for.

    Returns
    -------
    Plan
        Ready to run.

    Raises
    ------
    ConfigError
        If a key is no searched one, or the window is too short to be judged.
    """
    chosen = override(settings, dict(request.overrides), source="--set")
    method = OptimizerAlgorithm(request.method or settings.optimizer_algorithm)
    levels = {key: text.split(",") for key, text in request.levels}
    grid = method is OptimizerAlgorithm.GRID
    search = Search(
        method=method,
        space=with_levels(default_space(request.strategy), levels),
        directions=tuple(figure.direction for figure in figures(request.objectives)),
        trials=request.trials or (0 if grid else DEFAULT_TRIALS),
        seed=request.seed,
    )
    days = read_window(chosen, request)
    if len(days) < MIN_DAYS:
        msg = f"a study must have {MIN_DAYS} days or more to be judged, has {len(days)}"
        raise ConfigError(
            msg, fix=f"--lookback {MIN_DAYS}, or a larger OPTIMIZER_BACKTEST_LOOKBACK_DAYS"
        )
    hashes = {
        "config": digest(settings),
        "studied_config": digest(chosen),
        "code": code_digest(),
        "data": days.digest,
        "seed": str(request.seed),
    }
    asked = json.dumps([request.fields() | {"method": method.value}, hashes], sort_keys=True)
    mark = hashlib.sha256(asked.encode()).hexdigest()[:12]
    return Plan(
        strategy=request.strategy,
        search=search,
        objectives=request.objectives,
        name=f"{request.strategy}_{method.value}_{mark}",
        settings=chosen,
        days=days,
        hashes=hashes,
    )


def code_digest() -> str:
    """Return the SHA-256 over the code that decides, hexadecimal."""
    return digest_tree(checkout() / "rigd", "*.py")


def judge(
    plan: Plan,
    evaluate: Evaluate,
    register: TrialRegister,
    *,
    journal: Any = None,  # noqa: ANN401 - a Path or None, handed on
    on_trial: Callable[[int, int], None] = lambda done, total: None,  # noqa: ARG005 - names for callers
    cancelled: Callable[[], bool] = lambda: False,
) -> Judged | None:
    """Search, walk forward and judge; each trial is counted before anybody sees its result.

    Parameters
    ----------
    plan
        What is searched on which days.
    evaluate
        What parameters earn.
    register
        Where trials are counted.
    journal
        Optuna's journal; None keeps the study in memory.
    on_trial, cancelled
        As for `search.run_search`.

    Returns
    -------
    Judged or None
        None when it was cancelled.
    """
    known: dict[int, Outcome] = {}

    def objective(number: int, params: Params) -> tuple[float, ...]:
        known[number] = outcome = evaluate(params, plan.days)
        _count(register, plan, plan.name, number, params, outcome)
        return _values(plan.objectives, outcome)

    tried = run_search(
        plan.search,
        objective,
        name=plan.name,
        path=journal,
        on_trial=on_trial,
        cancelled=cancelled,
    )
    register.sync()
    if len(tried) < plan.search.size:
        return None
    outcomes = [
        known[trial.number] if trial.number in known else evaluate(trial.params, plan.days)
        for trial in tried
    ]
    walk = _walk(plan, evaluate, register, tried, outcomes)
    register.sync()
    front = best_of(tried, plan.search.directions)
    totals = register.totals(plan.strategy)
    overfitted = overfitting(np.stack([outcome.pnl for outcome in outcomes], axis=1))
    chosen = outcomes[front[0].number]
    evidence = evidence_of(chosen, walk.outcome, totals, overfitted)
    return Judged(
        tried=tried,
        outcomes=outcomes,
        front=front,
        walk=walk,
        totals=totals,
        evidence=evidence,
        findings=findings(evidence),
    )


def document(
    plan: Plan, judged: Judged, request: StudyRequest, *, head: tuple[int, str]
) -> dict[str, Any]:
    """Return what is kept of a study, as plain values.

    Parameters
    ----------
    plan, judged
        What was searched and found.
    request
        What was asked for.
    head
        Number and hash of the register's last row.

    Returns
    -------
    dict
        NaN is None.
    """
    chosen = judged.outcomes[judged.chosen.number]
    found = moments(chosen.pnl)
    needed = minimum_track_record(found)
    return {
        "study": plan.name,
        "strategy": plan.strategy,
        "data_label": plan.days.label,
        "host": HOST,
        "request": request.fields(),
        "hashes": dict(plan.hashes),
        "window": span(plan.days),
        "method": plan.search.method.value,
        "objectives": {name: OBJECTIVES[name].direction.value for name in plan.objectives},
        "space": {axis.key: [plain(level) for level in axis.levels] for axis in plan.search.space},
        "approvable": judged.approvable,
        "findings": [
            finding._asdict() | {"found": _number(finding.found)} for finding in judged.findings
        ],
        "evidence": {name: _number(value) for name, value in judged.evidence._asdict().items()},
        "chosen": _row(judged.chosen, chosen)
        | {
            "minimum_track_record_days": _number(needed),
            "skewness": _number(found.skewness),
            "kurtosis": _number(found.kurtosis),
        },
        "front": [_row(trial, judged.outcomes[trial.number]) for trial in judged.front],
        "walk_forward": [
            {
                "days": list(step.fold),
                "params": _texts(step.params),
                **_figures(step.outcome),
            }
            for step in judged.walk.steps
        ],
        "register": {
            "trials": judged.totals.made,
            "spread": _number(judged.totals.spread),
            "head": list(head),
        },
        "trials": [
            _row(trial, outcome)
            for trial, outcome in zip(judged.tried, judged.outcomes, strict=True)
        ],
    }


def _require_causal(plan: Plan) -> None:
    """Refuse a strategy whose signals change with later bars."""
    chosen = override(plan.settings, {"STRATEGY_OVERRIDE": plan.strategy}, source="a study")
    for number, session in list(enumerate(plan.days.sessions))[:PROBED_DAYS]:
        for planned in wiring.windows(chosen, session):
            if planned.window is None:
                continue
            run = router.build(chosen, planned.window)
            for name, bars in plan.days.bars.items():
                at = plan.days.offsets[name]
                rows = bars[at[number] : at[number + 1]]
                near = rows[rows["minute"] >= planned.window.start - 1]
                day = [Bar(*row) for row in near[near["minute"] < planned.window.end].tolist()]
                peek = find_peek(signals_of(run.strategy, run.params), day)
                if peek is not None:
                    msg = f"{plan.strategy} must not know later bars, {name} {session.day}: {peek}"
                    raise LogicError(msg, fix="let entry() decide on the bar that it is given")


def _walk(
    plan: Plan,
    evaluate: Evaluate,
    register: TrialRegister,
    tried: Sequence[Tried],
    outcomes: Sequence[Outcome],
) -> Walk:
    """Walk forward; a grid is looked at again, another method searches each fold's own days."""

    def choose(fold: Fold) -> Params:
        return _chosen_in(plan, evaluate, register, tried, outcomes, fold)

    def earn(params: Params, fold: Fold) -> Outcome:
        return evaluate(params, plan.days.between(fold.cut, fold.end))

    return walk_forward(folds(len(plan.days)), choose, earn)


def _chosen_in(
    plan: Plan,
    evaluate: Evaluate,
    register: TrialRegister,
    tried: Sequence[Tried],
    outcomes: Sequence[Outcome],
    fold: Fold,
) -> Params:
    days = plan.days.between(fold.first, fold.cut)
    if plan.search.method is OptimizerAlgorithm.GRID:
        found = [
            trial._replace(values=_values(plan.objectives, _part(outcome, fold)))
            for trial, outcome in zip(tried, outcomes, strict=True)
        ]
    else:
        name = f"{plan.name}/days {fold.first}-{fold.cut}"

        def objective(number: int, params: Params) -> tuple[float, ...]:
            outcome = evaluate(params, days)
            _count(register, plan, name, number, params, outcome)
            return _values(plan.objectives, outcome)

        found = run_search(plan.search, objective, name=name, path=None)
    return best_of(found, plan.search.directions)[0].params


def _part(outcome: Outcome, fold: Fold) -> Outcome:
    return Outcome(outcome.pnl[fold.first : fold.cut], outcome.trades[fold.first : fold.cut])


def _values(objectives: Sequence[str], outcome: Outcome) -> tuple[float, ...]:
    return tuple(OBJECTIVES[name].of(outcome) for name in objectives)


def _count(
    register: TrialRegister,
    plan: Plan,
    study: str,
    number: int,
    params: Params,
    outcome: Outcome,
) -> None:
    ratio = moments(outcome.pnl).sharpe
    register.add(
        Trials(
            study=study,
            number=number,
            strategy=plan.strategy,
            made=1,
            periods=len(outcome.pnl),
            mean=0.0 if math.isnan(ratio) else ratio,
            variance=0.0,
            params=_texts(params),
            data=plan.hashes["data"],
        )
    )


def _row(trial: Tried, outcome: Outcome) -> dict[str, Any]:
    return {"number": trial.number, "params": _texts(trial.params), **_figures(outcome)}


def _figures(outcome: Outcome) -> dict[str, Any]:
    named = {name: _number(figure.of(outcome)) for name, figure in OBJECTIVES.items()}
    return {**named, "trades": int(outcome.trades.sum())}


def _texts(params: Params) -> dict[str, str]:
    return {key: plain(value) for key, value in params.items()}


def _number(value: float) -> Decimal | None:
    """Return a figure as it is kept: 12 significant digits; None for NaN and infinity."""
    return Decimal(f"{value:.12g}") if math.isfinite(value) else None
