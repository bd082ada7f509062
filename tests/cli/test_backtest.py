"""``rigd backtest``."""

from __future__ import annotations

import json

import pytest

from rigd.hosts import supervisor
from tests.hosts.backtest.papermill import Stand
from tests.shared import shared_path

SPAN = ("--start", "2013-10-04", "--end", "2013-10-08", "--symbols", "SPY,IBM,BAC")


@pytest.fixture
def stand(monkeypatch) -> Stand:
    """In the place of papermill."""
    there = Stand()
    monkeypatch.setattr(supervisor, "run_notebook", there)
    return there


def test_the_documents_command_runs(rigd, tmp_path, stand) -> None:
    """``--strategy --start --end --data_source=CSV`` runs: funnel, figures, record (B8)."""
    data = str(shared_path("data"))
    said = rigd(
        tmp_path, "backtest", "--strategy", "mid", *SPAN, "--data", data, "--data_source=CSV"
    )
    assert said.code == 0, said.err
    for part in ("Backtest of mid", "3 sessions", "candidates", "Trades ", "Sharpe", "next: "):
        assert part in said.out
    assert len(stand.jobs) == 1


def test_programs_get_one_object(rigd, tmp_path, stand) -> None:
    """--json prints the summary and where the record lies; it is what Python gives."""
    from rigd.hosts.research import backtest  # noqa: PLC0415 - beside the command

    data = str(shared_path("data"))
    said = rigd(tmp_path, "backtest", "--strategy", "mid", *SPAN, "--data", data, "--json")
    told = json.loads(said.out)
    again = backtest(
        "mid",
        data=data,
        start="2013-10-04",
        end="2013-10-08",
        symbols="SPY,IBM,BAC",
        home=str(tmp_path),
        lane="plain",
    )
    assert told["total_trades"] == again.figures.trades
    assert told["figures"]["sharpe"] == again.figures.sharpe
    assert told["notebook"].endswith("backtest.ipynb")
    assert stand.jobs


def test_no_trade_is_no_error(rigd, tmp_path, stand) -> None:
    """It exits 0 and says why nothing traded."""
    said = rigd(tmp_path, "backtest", "--strategy", "open", "--set", "STRAT_OPEN_BUFFER=0.5")
    assert said.code == 0
    assert "Why nothing traded" in said.out
    assert "needed more than 0.5 (STRAT_OPEN_BUFFER)" in said.out
    assert stand.jobs


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--data_source=SQL",), "--data_source must be CSV"),
        (("--strategy", "opn"), "open, mid, close, all"),
        (("--set", "MAX_TRADS=1"), "did you mean MAX_TRADES?"),
        (("--start", "soon"), "start must be YYYY-MM-DD"),
    ],
)
def test_a_wrong_option_is_refused(rigd, tmp_path, stand, options, told) -> None:
    """Exit code 2, what was expected, and nothing was started or written."""
    said = rigd(tmp_path, "backtest", *options)
    assert said.code == 2
    assert told in said.err
    assert stand.jobs == []
    assert list(tmp_path.iterdir()) == []
