"""A past session is reviewed from its record, which stays as it was sealed."""

from __future__ import annotations

import json
import shutil

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts import finishing, review, session, supervisor
from rigd.reporting import review_view, session_view
from rigd.store.control import ControlFolder
from rigd.store.paths import Home
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import ONE_SYMBOL, bot_of, demo, listing, short_report


def test_a_review_renders_every_block_and_writes_nothing(launched) -> None:
    """R19: record, funnel, trades, equity, decisions, orders, errors, summary, books, seal."""
    home, ended = launched
    before = listing(ended.folder)
    record = review.open_record(str(home.root), ended.folder.name)
    assert record.problems == []
    shown = [
        record.show(session_view.heading),
        record.verification(),
        record.show(review_view.lifecycle),
        record.show(session_view.funnel),
        record.show(session_view.trades),
        record.show(review_view.equity),
        record.summary(),
        record.why(),
        record.show(review_view.orders),
        record.show(review_view.errors),
        record.show(session_view.limits),
        record.books(),
        record.seal(),
    ]
    assert all('class="rigd"' in block for block in shown)
    assert "[TEST]" in record.why() or "TEST" in shown[0]
    assert "win_rate" in shown[6]
    assert ended.seal in shown[-1]
    assert listing(ended.folder) == before


def test_a_changed_record_is_told_by_the_review(launched, tmp_path) -> None:
    """One changed byte of a log is named, and the review goes on with what can be read."""
    home, ended = launched
    shutil.copytree(home.root, tmp_path / "home", symlinks=True)
    copy = Home(tmp_path / "home")
    folder = copy.bot(bot_of(copy).identity).sessions / ended.folder.name
    content = (folder / "main_bot.log").read_bytes()
    (folder / "main_bot.log").write_bytes(content.replace(b"started", b"stopped", 1))
    record = review.open_record(str(copy.root), ended.folder.name)
    assert "main_bot.log:record 1" in record.verification()
    assert "<table" in record.show(session_view.trades)


def test_a_session_that_does_not_exist_is_refused(launched, tmp_path) -> None:
    """The sessions that exist are named; a home without a bot is told how to get one."""
    home, ended = launched
    with pytest.raises(ConfigError, match=ended.folder.name):
        review.open_record(str(home.root), "1999-01-04_1")
    with pytest.raises(ConfigError, match="must hold a bot"):
        review.open_record(str(tmp_path / "none"))


def test_a_dry_run_is_reviewed_with_its_own_books(tmp_path, monkeypatch) -> None:
    """A folder below runs/test_mode is verified against the books of the dry run."""
    monkeypatch.setattr(finishing, "report_html", short_report)
    home = demo(tmp_path)
    ControlFolder(home.control, FakeClock(), FakeIds()).raise_test("", "a test", "pytest")
    folder = session.start(str(home.root), ONE_SYMBOL.to_json()).wait().folder
    record = review.open_record(str(home.root), str(folder))
    assert record.bot.home.test_mode is True
    assert record.problems == []
    assert "TEST_MODE" in record.show(session_view.heading)


def test_the_notebook_runs_into_runs(launched, monkeypatch) -> None:
    """papermill executes review.ipynb with home, session and symbol; the copy lies in reviews/."""
    home, ended = launched
    jobs = []

    def execute(job, environment, *, tick_s, on_tick, on_interrupt):
        jobs.append((job, environment, tick_s, on_tick(), on_interrupt()))
        return 0, ""

    monkeypatch.setattr(supervisor, "run_notebook", execute)
    output = review.run_review(home, "latest", "FB")
    assert output == home.bot(bot_of(home).identity).root / "reviews" / f"{ended.folder.name}.ipynb"
    job = jobs[0][0]
    assert job.output == str(output)
    assert job.parameters["symbol"] == "FB"
    cells = json.loads((review.checkout() / "notebooks" / "review.ipynb").read_text())["cells"]
    (parameters,) = [c for c in cells if "parameters" in c["metadata"].get("tags", ())]
    assert all(f"{name} =" in "".join(parameters["source"]) for name in job.parameters)


def test_a_notebook_that_fails_is_told(launched, monkeypatch) -> None:
    """papermill's last line and its exit code reach the person."""
    home, _ = launched
    monkeypatch.setattr(supervisor, "run_notebook", lambda *_, **__: (1, "Traceback\nboom"))
    with pytest.raises(ConfigError, match="boom"):
        review.run_review(home, "latest", "")
