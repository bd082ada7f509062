"""Nothing is activated without the approval of a second person for exactly this file."""

from __future__ import annotations

import ast
import json
from decimal import Decimal
from types import SimpleNamespace

import numpy as np
import pytest

from rigd.access.directory import users_of
from rigd.config.digest import digest
from rigd.core.errors import AccessError, ConfigError, LogicError, RigdError, TamperError
from rigd.hosts import configure
from rigd.hosts.optimize import proposals as module
from rigd.hosts.optimize.proposals import (
    STEPS,
    Action,
    Status,
    activate,
    approve,
    find,
    heads,
    proposals,
    propose,
    reject,
    roll_back,
)
from rigd.hosts.optimize.study import run_study
from rigd.hosts.optimize.trials import FILE as REGISTER
from rigd.store.files import create
from rigd.store.registry import Registry
from tests.access.homes import WORDS
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo
from tests.hosts.optimize.test_study import SMALL
from tests.house.tree import modules, walk

CLOCK = FakeClock()
WHY = "looked at trades and walk-forward"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A small study with every rule set to hold: what is tested is what may follow."""
    home = demo(tmp_path_factory.mktemp("study"))
    found = json.loads(json.dumps(run_study(bot_of(home), SMALL, FakeClock()), default=str))
    rules = [row | {"holds": True} for row in found["findings"]]
    register = Registry(home).path(REGISTER).read_bytes()
    return SimpleNamespace(document=found | {"findings": rules, "approvable": True}, log=register)


@pytest.fixture
def home(tmp_path, study):
    """A home with the demo and the register of the study's trials."""
    place = demo(tmp_path)
    path = Registry(place).path(REGISTER)
    path.parent.mkdir(parents=True)
    path.write_bytes(study.log)
    return place


@pytest.fixture
def unread(monkeypatch, study):
    """The study's digests without reading its window again, for tests of other rules."""
    hashes = study.document["hashes"]
    monkeypatch.setattr(module, "make_plan", lambda *_: SimpleNamespace(hashes=hashes))


def audited(home) -> list[dict]:
    lines = (home.logs / "operator_audit.log").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_the_whole_way(home, study) -> None:
    """INVENTORY O7, O8: proposed, approved by another, activated, restored; all on record."""
    before = bot_of(home).settings
    made = propose(bot_of(home), study.document, "ada", CLOCK)
    assert (made.version, made.status, made.approver) == (1, Status.PROPOSED, "")
    assert bot_of(home).settings == before
    approved = approve(bot_of(home), 1, "bob", WHY, CLOCK)
    assert (approved.status, approved.approver) == (Status.APPROVED, "bob")
    assert bot_of(home).settings == before
    assert activate(bot_of(home), 1, "ada", CLOCK).status is Status.ACTIVE
    after = bot_of(home).settings
    chosen = study.document["chosen"]["params"]
    assert after.strat_open_buffer == float(chosen["STRAT_OPEN_BUFFER"])
    assert after.max_risk_per_trade == Decimal(chosen["MAX_RISK_PER_TRADE"])
    assert digest(after) == made.content["hashes"]["config_after"]
    done = roll_back(bot_of(home), 1, "cy", "it loses", CLOCK)
    assert done.status is Status.RESTORED
    assert bot_of(home).settings == before
    assert [row["action"] for row in done.history] == [
        "proposed", "approved", "activating", "activated", "restoring", "restored",
    ]  # fmt: skip
    assert [row["by"] for row in done.history] == ["ada", "bob", "ada", "ada", "cy", "cy"]
    assert {row["hash"] for row in done.history} == {made.hash}
    assert all(row["at"].endswith("Z") for row in done.history)
    rows = audited(home)
    assert [row["event"] for row in rows] == [
        "proposal_proposed", "proposal_approved", "proposal_activating", "settings_changed",
        "proposal_activated", "proposal_restoring", "settings_changed", "proposal_restored",
    ]  # fmt: skip
    assert "proposed by ada (unverified), approved by bob (unverified)" in rows[3]["reason"]
    assert all(row["unverified"] is True for row in done.history)


@pytest.mark.parametrize("user", ["ada", "ADA"])
@pytest.mark.usefixtures("unread")
def test_the_proposer_cannot_approve(home, study, user: str) -> None:
    """The same name is refused, whatever its case."""
    propose(bot_of(home), study.document, "ada", CLOCK)
    with pytest.raises(AccessError, match="another person"):
        approve(bot_of(home), 1, user, WHY, CLOCK)
    assert find(bot_of(home), 1).status is Status.PROPOSED


@pytest.mark.usefixtures("unread")
def test_nothing_is_activated_without_approval(home, study) -> None:
    """INVENTORY O8: proposed or rejected, it cannot be activated, and the settings stay."""
    before = bot_of(home).settings
    propose(bot_of(home), study.document, "ada", CLOCK)
    with pytest.raises(ConfigError, match="is proposed and cannot be activating"):
        activate(bot_of(home), 1, "bob", CLOCK)
    reject(bot_of(home), 1, "bob", "not yet", CLOCK)
    for step in (
        lambda: activate(bot_of(home), 1, "bob", CLOCK),
        lambda: approve(bot_of(home), 1, "bob", WHY, CLOCK),
    ):
        with pytest.raises(ConfigError, match="is rejected"):
            step()
    assert bot_of(home).settings == before


def test_only_known_code_paths_change_settings() -> None:
    """INVENTORY O8: a person's command or request, and `proposals` after its checks."""
    callers = {
        name
        for name in modules("rigd", "widgets")
        for node in walk(name)
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "change_settings"
    }
    assert callers == {
        "rigd/cli/migration.py",
        "rigd/cli/settings.py",
        "rigd/hosts/up/desk.py",
        "rigd/hosts/optimize/proposals.py",
    }
    steps = {
        node.name
        for node in walk("rigd/hosts/optimize/proposals.py")
        if isinstance(node, ast.FunctionDef)
        and any(
            isinstance(inner, ast.Call) and getattr(inner.func, "id", "") == "change_settings"
            for inner in ast.walk(node)
        )
    }
    assert steps == {"activate", "roll_back"}


@pytest.mark.usefixtures("unread")
def test_whatever_is_tried_settings_follow_an_approval(home, study, monkeypatch) -> None:
    """200 drawn commands of three people on four proposals: each change has its approval."""
    applied: list[dict[str, str]] = []
    monkeypatch.setattr(
        module, "change_settings", lambda _bot, values, _why, _clock: applied.append(values)
    )
    bot = bot_of(home)
    draws = np.random.default_rng(12)
    people = ("ada", "bob", "cy")
    for user in ("ada", "bob", "cy", "ada"):
        propose(bot, study.document, user, CLOCK)
    for _ in range(200):
        user, version = people[draws.integers(3)], int(draws.integers(1, 5))
        command = draws.integers(4)
        known = len(applied)
        approver = find(bot, version).approver
        try:
            if command == 0:
                approve(bot, version, user, WHY, CLOCK)
            elif command == 1 and draws.random() < 0.1:
                reject(bot, version, user, "no", CLOCK)
            elif command == 2:
                activate(bot, version, user, CLOCK)
            else:
                roll_back(bot, version, user, "why not", CLOCK)
        except RigdError:
            assert len(applied) == known
        if len(applied) > known:
            assert approver
            assert approver != find(bot, version).proposer
    assert applied


def test_a_version_is_never_written_over(home, study, tmp_path) -> None:
    """INVENTORY O7: the next proposal is the next file, and a file that is there stays."""
    bot = bot_of(home)
    first = propose(bot, study.document, "ada", CLOCK)
    second = propose(bot, study.document, "bob", CLOCK)
    folder = home.env / "env_bot.versioned"
    assert sorted(path.name for path in folder.iterdir()) == [
        "000001_open.json",
        "000002_open.json",
    ]
    assert (first.version, second.version) == (1, 2)
    assert find(bot, 1).hash == first.hash
    with pytest.raises(LogicError, match="must not replace"):
        create(folder / "000001_open.json", b"other")
    assert find(bot, 1).hash == first.hash
    assert tmp_path.exists()


@pytest.mark.usefixtures("unread")
def test_a_proposal_that_is_not_approvable_is_not_approved(home, study) -> None:
    """The rule that failed is named with what was found and asked."""
    findings = [dict(row) for row in study.document["findings"]]
    findings[2]["holds"] = False
    weak = study.document | {"findings": findings, "approvable": False}
    propose(bot_of(home), weak, "ada", CLOCK)
    with pytest.raises(ConfigError, match=r"deflated Sharpe ratio: must be ≥ 0\.95"):
        approve(bot_of(home), 1, "bob", WHY, CLOCK)


@pytest.mark.parametrize("name", ["config", "studied_config", "code", "data", "seed"])
def test_a_digest_that_differs_refuses(home, study, monkeypatch, name: str) -> None:
    """Each of config, code, data and seed is compared at approval and again at activation."""
    hashes = dict(study.document["hashes"])
    monkeypatch.setattr(module, "make_plan", lambda *_: SimpleNamespace(hashes=hashes))
    propose(bot_of(home), study.document, "ada", CLOCK)
    before, hashes[name] = hashes[name], "another"
    with pytest.raises(ConfigError, match=f"{name} must be as proposed"):
        approve(bot_of(home), 1, "bob", WHY, CLOCK)
    hashes[name] = before
    approve(bot_of(home), 1, "bob", WHY, CLOCK)
    hashes[name] = "another"
    with pytest.raises(ConfigError, match=f"{name} must be as proposed"):
        activate(bot_of(home), 1, "bob", CLOCK)
    assert find(bot_of(home), 1).status is Status.APPROVED


@pytest.mark.usefixtures("unread")
def test_settings_that_changed_meanwhile_refuse(home, study) -> None:
    """After another change the approval no longer fits: the study is to be made again."""
    propose(bot_of(home), study.document, "ada", CLOCK)
    approve(bot_of(home), 1, "bob", WHY, CLOCK)
    configure.change_settings(bot_of(home), {"BACKUP_KEEP": "31"}, "a test", CLOCK)
    with pytest.raises(ConfigError, match="the settings must be as proposed"):
        activate(bot_of(home), 1, "bob", CLOCK)
    with pytest.raises(ConfigError, match="the settings must be as proposed"):
        propose(bot_of(home), study.document, "ada", CLOCK)


@pytest.mark.usefixtures("unread")
def test_a_changed_file_is_found(home, study) -> None:
    """One digit of a proposal after its approval, and nothing more is done with it."""
    propose(bot_of(home), study.document, "ada", CLOCK)
    approve(bot_of(home), 1, "bob", WHY, CLOCK)
    path = home.env / "env_bot.versioned" / "000001_open.json"
    path.write_bytes(path.read_bytes().replace(b'"seed": "1"', b'"seed": "2"'))
    with pytest.raises(TamperError, match="was changed after it was proposed"):
        activate(bot_of(home), 1, "bob", CLOCK)


@pytest.mark.usefixtures("unread")
def test_a_forged_approval_is_found(home, study) -> None:
    """A line put into the log by hand does not fit the chain."""
    made = propose(bot_of(home), study.document, "ada", CLOCK)
    path = Registry(home, bot_of(home).identity).path("proposals.log")
    row = json.dumps({"version": 1, "by": "bob", "hash": made.hash, "reason": ""})
    line = f'{{"seq":2,"at":"2024-03-04T14:00:00Z","kind":"approved","data":{row},"hash":"'
    held = path.read_bytes().rstrip(b"\0")
    path.write_bytes(held + line.encode() + b"0" * 64 + b'"}\n')
    with pytest.raises(TamperError):
        activate(bot_of(home), 1, "bob", CLOCK)


@pytest.mark.usefixtures("unread")
def test_a_file_that_was_put_there_is_no_proposal(home, study) -> None:
    """Without its row in the log it is new, and new ones are neither approved nor activated."""
    made = propose(bot_of(home), study.document, "ada", CLOCK)
    content = json.dumps(dict(made.content) | {"version": 2})
    (home.env / "env_bot.versioned" / "000002_open.json").write_text(content)
    assert [each.status for each in proposals(bot_of(home))] == [Status.PROPOSED, Status.NEW]
    for step in (
        lambda: approve(bot_of(home), 2, "bob", WHY, CLOCK),
        lambda: activate(bot_of(home), 2, "bob", CLOCK),
    ):
        with pytest.raises(ConfigError, match="is new"):
            step()
    assert len(heads(bot_of(home))) == 1


@pytest.mark.usefixtures("unread")
def test_a_register_that_was_begun_anew_refuses(home, study) -> None:
    """Whoever removes the count of trials can approve nothing that was proposed before."""
    propose(bot_of(home), study.document, "ada", CLOCK)
    Registry(home).path(REGISTER).unlink()
    with pytest.raises(TamperError, match="must hold row 10"):
        approve(bot_of(home), 1, "bob", WHY, CLOCK)


@pytest.mark.parametrize("part", ["activate", "roll back"])
@pytest.mark.usefixtures("unread")
def test_a_crash_between_log_and_settings_is_finished(home, study, monkeypatch, part) -> None:
    """Cut off before or after the settings changed, the same command ends it, once."""
    before = bot_of(home).settings
    propose(bot_of(home), study.document, "ada", CLOCK)
    approve(bot_of(home), 1, "bob", WHY, CLOCK)
    real = configure.change_settings

    def command():
        if part == "activate":
            return activate(bot_of(home), 1, "bob", CLOCK)
        return roll_back(bot_of(home), 1, "bob", "why", CLOCK)

    if part == "roll back":
        activate(bot_of(home), 1, "bob", CLOCK)

    def cut_before(*_, **__):
        raise KeyboardInterrupt

    def cut_after(*arguments, **named):
        real(*arguments, **named)
        raise KeyboardInterrupt

    for cut in (cut_before, cut_after):
        monkeypatch.setattr(module, "change_settings", cut)
        with pytest.raises(KeyboardInterrupt):
            command()
    monkeypatch.setattr(module, "change_settings", cut_before)
    done = command()
    assert done.status is (Status.ACTIVE if part == "activate" else Status.RESTORED)
    assert (bot_of(home).settings == before) is (part == "roll back")


@pytest.mark.usefixtures("unread")
def test_a_rollback_does_not_undo_a_later_change(home, study) -> None:
    """A key that somebody set since is not put back."""
    made = propose(bot_of(home), study.document, "ada", CLOCK)
    key = made.changes[0][0]
    approve(bot_of(home), 1, "bob", WHY, CLOCK)
    activate(bot_of(home), 1, "bob", CLOCK)
    configure.change_settings(bot_of(home), {key: "0.013"}, "a test", CLOCK)
    with pytest.raises(ConfigError, match=f"{key} must be as proposed"):
        roll_back(bot_of(home), 1, "bob", "why", CLOCK)
    assert dict(bot_of(home).settings.public_items())[key] == "0.013"


def test_parameters_in_force_are_not_proposed(home, study) -> None:
    """There is nothing to approve where nothing would change."""
    settings = dict(bot_of(home).settings.public_items())
    same = {key: settings[key] for key in ("STRAT_OPEN_BUFFER", "MAX_RISK_PER_TRADE")}
    with pytest.raises(ConfigError, match="must change something"):
        propose(bot_of(home), study.document | {"chosen": {"params": same}}, "ada", CLOCK)


@pytest.mark.parametrize("user", ["", " ", "a b", "ada\n", "-x", "a" * 65])
def test_a_name_must_be_one(home, study, user: str) -> None:
    """Blanks, line ends and very long names are refused."""
    with pytest.raises(ConfigError, match="a user must be"):
        propose(bot_of(home), study.document, user, CLOCK)


@pytest.mark.usefixtures("unread")
def test_a_reason_must_be_given(home, study) -> None:
    """Approval, rejection and rollback say why."""
    propose(bot_of(home), study.document, "ada", CLOCK)
    for step in (approve, reject, roll_back):
        with pytest.raises(ConfigError, match="must give a reason"):
            step(bot_of(home), 1, "bob", " ", CLOCK)


def test_an_unknown_version_is_told_with_the_known_ones(home, study) -> None:
    """None at first, then the one that is there."""
    with pytest.raises(ConfigError, match="one of none, was 1"):
        find(bot_of(home), 1)
    propose(bot_of(home), study.document, "ada", CLOCK)
    with pytest.raises(ConfigError, match="one of 1, was 7"):
        find(bot_of(home), 7)


def test_every_path_to_active_leads_through_approved() -> None:
    """The table of steps: without the steps from APPROVED nothing reaches ACTIVE."""
    reached, edge = set(), {Status.NEW}
    while edge - reached:
        reached |= edge
        edge = {
            to
            for (state, _), to in STEPS.items()
            if state in reached and state is not Status.APPROVED
        }
    assert Status.ACTIVE not in reached
    assert {action for _, action in STEPS} == set(Action)


def register(home) -> None:
    """The first user of the home."""
    with users_of(home, CLOCK) as users:
        users.register(users.offer_registration(), "ada", WORDS)


@pytest.mark.usefixtures("unread")
def test_where_there_are_users_a_name_alone_does_nothing(home, study) -> None:
    """O8, GP11: approval, rejection, activation and rollback are those of a proven person."""
    propose(bot_of(home), study.document, "ada", CLOCK, verified=True)
    register(home)
    bot = bot_of(home)
    for step in (
        lambda: approve(bot, 1, "bob", WHY, CLOCK),
        lambda: reject(bot, 1, "bob", WHY, CLOCK),
        lambda: activate(bot, 1, "bob", CLOCK),
        lambda: roll_back(bot, 1, "bob", WHY, CLOCK),
    ):
        with pytest.raises(AccessError, match="'bob' is a name alone"):
            step()
    assert len(find(bot, 1).history) == 1
    approve(bot, 1, "bob", WHY, CLOCK, verified=True)
    activate(bot, 1, "bob", CLOCK, verified=True)
    done = roll_back(bot_of(home), 1, "bob", WHY, CLOCK, verified=True)
    assert done.status is Status.RESTORED
    assert not [row for row in done.history if "unverified" in row]
    assert not [row for row in audited(home) if "unverified" in row]


@pytest.mark.usefixtures("unread")
def test_an_approval_from_before_there_were_users_does_not_count(home, study) -> None:
    """A name that nobody proved may be the proposer's own second one."""
    propose(bot_of(home), study.document, "ada", CLOCK, verified=True)
    approve(bot_of(home), 1, "bob", WHY, CLOCK)
    register(home)
    with pytest.raises(AccessError, match=r"by a verified user, bob \(unverified\) did"):
        activate(bot_of(home), 1, "cy", CLOCK, verified=True)
    assert find(bot_of(home), 1).status is Status.APPROVED


@pytest.mark.usefixtures("unread")
def test_two_people_have_proven_who_they_are(home, study) -> None:
    """Proposed under a made-up name, the approver alone changes nothing: another activates."""
    before = bot_of(home).settings
    propose(bot_of(home), study.document, "made-up", CLOCK)
    register(home)
    approve(bot_of(home), 1, "bob", WHY, CLOCK, verified=True)
    with pytest.raises(AccessError, match="another verified user than bob"):
        activate(bot_of(home), 1, "bob", CLOCK, verified=True)
    assert bot_of(home).settings == before
    assert activate(bot_of(home), 1, "ada", CLOCK, verified=True).status is Status.ACTIVE
