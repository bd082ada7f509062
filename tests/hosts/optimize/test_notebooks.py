"""What the optimisation notebook calls, and how it is run."""

from __future__ import annotations

import json

import pytest

from rigd.config.sources import checkout
from rigd.core.errors import ConfigError
from rigd.hosts import supervisor
from rigd.hosts.optimize import notebooks
from rigd.hosts.optimize.proposals import proposals
from rigd.hosts.runner import declared_parameters
from rigd.reporting import study_view as view
from tests.hosts.homes import bot_of, demo


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A home with the demo."""
    return demo(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def handle(home):
    """A small study."""
    return notebooks.optimise(
        str(home.root),
        symbols="FB",
        lookback_days=20,
        levels="STRAT_OPEN_BUFFER=0.001, 0.004; MAX_RISK_PER_TRADE=0.008",
        changes="MAX_TRADES=1; WEIGHTS=0.4",
    )


def test_parameters_become_the_request(handle) -> None:
    """Text with commas and semicolons is what the command line's options are."""
    asked = handle.document["request"]
    assert asked["symbols"] == ("FB",)
    assert asked["overrides"] == (("MAX_TRADES", "1"), ("WEIGHTS", "0.4"))
    assert handle.document["space"]["STRAT_OPEN_BUFFER"] == ["0.001", "0.004"]
    assert "Study of open" in handle.show(view.heading)


def test_nothing_is_proposed_unless_somebody_does(home, handle) -> None:
    """A blank name proposes nothing; a name makes a proposal that waits."""
    assert "nothing was proposed" in handle.propose("")
    assert proposals(bot_of(home)) == []
    assert "proposal 1 by ada: it cannot be approved" in handle.propose("ada")
    assert [each.proposer for each in proposals(bot_of(home))] == ["ada"]


@pytest.mark.parametrize(
    "wrong", [{"levels": "STRAT_OPEN_BUFFER"}, {"end": "today"}, {"symbols": "FB,no symbol"}]
)
def test_a_parameter_of_another_form_is_refused(home, wrong) -> None:
    """Before anything is read."""
    with pytest.raises(Exception, match=r"must|expected"):
        notebooks.optimise(str(home.root), **wrong)


@pytest.mark.parametrize("name", notebooks.OUTPUTS)
def test_each_notebook_takes_its_home(name: str) -> None:
    """The parameter that the launcher sets is declared."""
    content = json.loads((checkout() / "notebooks" / name).read_text())
    assert "home" in declared_parameters(content)


def test_an_unknown_parameter_is_refused_before_the_run(home, monkeypatch) -> None:
    """papermill would only warn: the launcher refuses with the nearest name."""
    monkeypatch.setattr(supervisor, "run_notebook", lambda *_, **__: pytest.fail("started"))
    with pytest.raises(ConfigError, match="did you mean 'seed'"):
        notebooks.run_notebook(bot_of(home), "optimize.ipynb", {"sed": 1}, "x")


def test_a_notebook_that_fails_is_told(home, monkeypatch) -> None:
    """With papermill's last line."""
    monkeypatch.setattr(supervisor, "run_notebook", lambda *_, **__: (1, "a\nKeyError: b\n"))
    with pytest.raises(ConfigError, match="KeyError: b"):
        notebooks.run_notebook(bot_of(home), "tune.ipynb", {}, "x")


def test_a_throw_away_home_has_the_demo() -> None:
    """Run by hand without a home, the notebook has a bot marked TEST."""
    assert notebooks.open_home_bot("").profile.value == "TEST"
