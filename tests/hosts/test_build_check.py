"""The build check: files, configuration, chart of accounts, schema."""

from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rigd.config.choices import BuildMode
from rigd.config.sources import checkout
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import build_check
from rigd.hosts.build_check import MANIFEST, REQUIRED, TEMPLATES, checks, is_sealed, require, seal
from rigd.hosts.launch import Launcher
from rigd.ledger import chart
from rigd.store.paths import Home
from tests.factories import settings
from tests.fakes.clock import FakeClock
from tests.fakes.ids import FakeIds
from tests.hosts.homes import SAMPLE, InProcess, bot_of, demo, listing

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.hosts.bot import Bot


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a few modules, which the check takes for its own."""
    root = tmp_path / "checkout"
    for name in (*REQUIRED, "rigd/__init__.py", "rigd/ledger/chart.py", "widgets/__init__.py"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(checkout() / name, root / name)
    monkeypatch.setattr(build_check, "checkout", lambda: root)
    return root


@pytest.fixture
def bot(code: Path, tmp_path: Path) -> Bot:
    """The demo bot of a home that was provisioned from that checkout."""
    assert code.is_dir()
    return bot_of(demo(tmp_path / "home"))


def answers(bot: Bot, mode: str = "release") -> dict[str, tuple[bool, str]]:
    """What the check says, by name."""
    chosen = bot.settings.model_copy(update={"build_mode": BuildMode(mode)})
    found = checks(bot.home, bot.identity, chosen)
    return {check.name: (check.passed, check.detail) for check in found}


def failed(bot: Bot, mode: str = "release") -> dict[str, str]:
    """The reasons of the checks that failed."""
    return {name: text for name, (passed, text) in answers(bot, mode).items() if not passed}


def test_a_provisioned_home_passes(bot: Bot) -> None:
    """INVENTORY E17: four parts are checked, and what lies there is what was sealed."""
    assert answers(bot) == {
        "build.files": (True, "every file is as it was sealed"),
        "build.config": (True, "version and templates fit the code"),
        "build.chart": (True, "the chart fits mapping and books"),
        "build.schema": (True, "the schema fits the books"),
    }


@pytest.mark.parametrize("name", REQUIRED)
def test_a_deleted_file_is_named(bot: Bot, code: Path, name: str) -> None:
    """INVENTORY E17: each required file that is missing refuses, also in a debug build."""
    (code / name).unlink()
    for mode in ("release", "debug"):
        assert f"{name}: is missing" in failed(bot, mode)["build.files"]


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("rigd/ledger/chart.py", lambda path: path.write_text("#\n"), "was changed"),
        ("rigd/ledger/chart.py", lambda path: path.unlink(), "is missing"),
        ("rigd/extra.py", lambda path: path.write_text("#\n"), "was added"),
        ("notebooks/session.ipynb", lambda path: path.write_text("{}"), "was changed"),
    ],
)
def test_code_that_is_not_the_sealed_one_is_named(
    bot: Bot, code: Path, name: str, change: object, told: str
) -> None:
    """INVENTORY X14: a changed, lost or added file refuses; a debug build tells it and goes on."""
    change(code / name)  # type: ignore[operator]
    assert failed(bot) == {"build.files": failed(bot)["build.files"]}
    assert f"{name}: {told}" in failed(bot)["build.files"]
    assert failed(bot, "debug") == {}
    assert name in answers(bot, "debug")["build.files"][1]


def test_many_differences_are_counted(bot: Bot, code: Path) -> None:
    """The message names five and says how many more there are."""
    for number in range(8):
        (code / "rigd" / f"extra{number}.py").write_text("#\n")
    assert failed(bot)["build.files"].endswith("and 3 more")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "is missing"),
        (b"{", "must be what"),
        (b'{"digest": "x", "files": []}', "must be what"),
        (b'{"digest": "x", "files": {}}', "does not fit its own digest"),
    ],
)
def test_a_manifest_that_is_lost_or_changed_refuses(
    bot: Bot, content: bytes | None, told: str
) -> None:
    """Without a whole manifest nothing says what the files must be."""
    path = bot.home.env / MANIFEST
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert told in failed(bot)["build.files"]


def test_a_hand_made_manifest_is_found(bot: Bot, code: Path) -> None:
    """A hash that was put into the manifest by hand breaks the manifest's digest."""
    path = bot.home.env / MANIFEST
    held = json.loads(path.read_bytes())
    held["files"]["rigd/__init__.py"] = "0" * 64
    path.write_text(json.dumps(held))
    assert "digest" in failed(bot)["build.files"]
    assert code.is_dir()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_template_that_does_not_fit_the_schema_refuses(bot: Bot, code: Path, name: str) -> None:
    """INVENTORY E17: configuration and schema are aligned, whatever was sealed."""
    path = code / "env" / name
    path.write_text(path.read_text().replace("MAX_TRADES=", "MAX_TRADED="))
    assert f"env/{name}" in failed(bot, "debug")["build.config"]


def test_another_version_refuses(bot: Bot, code: Path) -> None:
    """VERSION.md must be at the version of the code."""
    (code / "VERSION.md").write_text("# Versions\n\n## 9.9.9\n")
    assert "is at 9.9.9" in failed(bot, "debug")["build.config"]


def test_a_version_file_without_a_version_refuses(bot: Bot, code: Path) -> None:
    """A check that cannot answer has not passed."""
    (code / "VERSION.md").write_text("nothing\n")
    assert "VERSION.md" in failed(bot, "debug")["build.config"]


def test_an_altered_chart_of_accounts_refuses(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    """INVENTORY E17, G17: an account that the mapping needs and the chart lacks is named."""
    short = tuple(account for account in chart.CHART if account.number != chart.BROKER_FEES)
    monkeypatch.setattr(chart, "CHART", short)
    assert failed(bot) == {
        "build.chart": "chart of accounts: commission: the chart has no account 5010"
    }


@pytest.mark.parametrize("name", ["build.chart", "build.schema"])
def test_books_of_another_form_refuse(
    launched: tuple[Home, object], tmp_path: Path, name: str
) -> None:
    """INVENTORY E17, G17: books with another chart or schema than the code's refuse."""
    shutil.copytree(launched[0].root, tmp_path / "home", symlinks=True)
    bot = bot_of(Home(tmp_path / "home"))
    assert failed(bot) == {}
    path = bot.home.bot(bot.identity).ledger_db
    with closing(sqlite3.connect(path)) as books, books:
        triggers = books.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        kept = triggers.fetchall()
        for trigger, _ in kept:
            books.execute(f"DROP TRIGGER {trigger}")
        if name == "build.chart":
            books.execute("UPDATE accounts SET name = 'Mine' WHERE number = 1030")
        else:
            kept.pop()
        for _, sql in kept:
            books.execute(sql)
    assert list(failed(bot)) == [name]
    with pytest.raises(ConfigError, match=name):
        require(checks(bot.home, bot.identity, bot.settings))


def launch(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Launch the sample with a stand-in for papermill, which must not be reached."""
    monkeypatch.setattr("rigd.hosts.supervisor.run_notebook", InProcess())
    Launcher(home, FakeClock(), FakeIds(), lambda _: None).launch(SAMPLE)


def test_a_launch_is_refused_with_the_cause(
    bot: Bot, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """INVENTORY E17, X14: the launch ends with a code other than 0 and names the file."""
    (code / "rigd" / "ledger" / "chart.py").write_text("CHART = ()\n")
    before = listing(bot.home.root)
    with pytest.raises(ConfigError, match=r"rigd/ledger/chart\.py: was changed") as refused:
        launch(bot.home, monkeypatch)
    assert refused.value.exit_code == ExitCode.BAD_INPUT
    assert "rigd build seal" in refused.value.fix
    assert listing(bot.home.root) == before


def test_a_session_records_its_build_check(launched: tuple[Home, object]) -> None:
    """INVENTORY E30: the answers stand in the journal, the same in every home."""
    found = {
        entry.record.name: entry.record.passed
        for entry in launched[1].entries  # type: ignore[attr-defined]
        if type(entry.record).__name__ == "SelfChecked"
    }
    assert {name for name in found if name.startswith("build.")} == {
        *("build.files", "build.config", "build.chart", "build.schema")
    }
    assert all(found.values())


def test_sealing_again_accepts_the_build(bot: Bot, code: Path) -> None:
    """A person who seals the build decides that it may be launched."""
    (code / "rigd" / "extra.py").write_text("#\n")
    assert seal(bot.home, by="me", reason="a new module")
    assert failed(bot) == {}
    held = json.loads((bot.home.env / MANIFEST).read_bytes())
    assert (held["by"], held["reason"]) == ("me", "a new module")


def test_the_same_build_is_sealed_once(bot: Bot) -> None:
    """Nothing is written when nothing changed."""
    before = listing(bot.home.env)
    assert not seal(bot.home, by="me", reason="again")
    assert listing(bot.home.env) == before


def test_a_build_that_is_not_whole_is_not_sealed(tmp_path: Path, code: Path) -> None:
    """A missing file, or a template of another schema, is named and nothing is written."""
    (code / "env" / "requirements.lock").unlink()
    with pytest.raises(ConfigError, match=r"requirements\.lock: is missing"):
        seal(Home(tmp_path / "new"), by="me", reason="x")
    assert not is_sealed(Home(tmp_path / "new"))


def test_the_seal_is_for_the_owner_alone(bot: Bot) -> None:
    """The manifest has the mode of the secrets beside it."""
    assert (bot.home.env / MANIFEST).stat().st_mode & 0o777 == 0o600


def test_the_checkout_itself_can_be_sealed(tmp_path: Path) -> None:
    """The build that these tests run from is whole."""
    home = demo(tmp_path)
    found = checks(home, bot_of(home).identity, settings())
    assert all(check.passed for check in found), found


def test_a_sealed_build_is_told_by_its_digest(tmp_path: Path, code: Path) -> None:
    """The same files, the same digest; without a whole seal there is none."""
    home = Home(tmp_path / "home")
    assert not build_check.sealed_build(home)
    seal(home, by="test", reason="test")
    sealed = build_check.sealed_build(home)
    assert sealed == build_check.build_of(code)
    (code / "rigd" / "__init__.py").write_text("changed")
    assert build_check.sealed_build(home) == sealed != build_check.build_of(code)
    (home.env / MANIFEST).write_text("{}")
    assert not build_check.sealed_build(home)


def test_a_written_file_changes_the_stamp(code: Path) -> None:
    """The stamp follows every write of a sealed file, also one of the same content."""
    before = build_check.stamp_of(code)
    assert build_check.stamp_of(code) == before
    file = code / "rigd" / "__init__.py"
    content = file.read_text(encoding="utf-8")
    file.unlink()
    file.write_text(content, encoding="utf-8")
    assert build_check.stamp_of(code) != before
