"""A session against the backtest of its day."""

from __future__ import annotations

import json

import pytest

from rigd.core.errors import ConfigError, DataError
from rigd.hosts import finishing, supervisor
from rigd.hosts.backtest.compare import compare_session
from rigd.hosts.launch import Launcher
from rigd.hosts.request import SessionRequest
from rigd.reporting.comparison import total
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import InProcess, short_report


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Run a session of the sample in this process, as `rigd session` would."""
    monkeypatch.setattr(supervisor, "run_notebook", InProcess())
    monkeypatch.setattr(finishing, "report_html", short_report)
    home = Home(tmp_path)

    def run(*overrides: tuple[str, str]) -> Home:
        request = SessionRequest(symbols=("AAPL", "FB"), overrides=overrides)
        assert Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(request).closed
        return home

    return run


@pytest.mark.parametrize(
    "overrides",
    [(), (("SIM_REJECT_RATE", "0.3"),)],
)
def test_a_session_is_its_backtest(launch, overrides) -> None:
    """On the simulated broker nothing differs: every part and the residual are 0.00."""
    home = launch(*overrides)
    found = compare_session(home, "latest", "other code")
    assert found.splits
    assert not found.same_code
    summed = total(found.splits)
    assert summed.difference == summed.residual == 0
    assert all(split.session == split.backtest for split in found.splits)


def test_other_bars_are_refused(launch) -> None:
    """Bars whose digest is not the session's compare nothing."""
    home = launch()
    path = home.latest.resolve() / "request.json"
    asked = json.loads(path.read_text())
    path.write_text(json.dumps(asked | {"symbols": ["AAPL"]}))
    with pytest.raises(DataError, match="the bars must be those of session 2012-11-14_1"):
        compare_session(home, "latest", "-")
    path.unlink()
    with pytest.raises(ConfigError, match=r"must keep what it was asked, found no request\.json"):
        compare_session(home, "latest", "-")
