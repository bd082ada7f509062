"""Files printed from tables are as fresh as the tables."""

from __future__ import annotations

import re

import pytest

from rigd.config.schema import Settings, marks
from rigd.config.template import names, text_of
from rigd.core.errors import ExitCode
from rigd.store.control import FLAGS
from rigd.store.registry import COPIED, OUTPUTS, OWN_PART
from tests.house.tree import text
from tests.refresh_tables import BEGIN, page


@pytest.mark.parametrize("name", [*names(), ".env.template"])
def test_the_settings_files_are_fresh(name: str) -> None:
    """Each generated file of env/ equals what its schema gives now (K7, K9)."""
    assert text(f"env/{name}") == text_of(name)


@pytest.mark.parametrize("name", names())
def test_each_key_stands_there_once_under_its_comment(name: str) -> None:
    """A generated file holds each key of the schema once, with a comment line above it (K7)."""
    lines = text(f"env/{name}").splitlines()
    keys = [line.split("=", 1)[0] for line in lines if re.match(r"[A-Z][A-Z0-9_]*=", line)]
    assert len(keys) == len(set(keys))
    assert set(keys) <= {key.upper() for key in Settings.model_fields}
    for number, line in enumerate(lines):
        if re.match(r"[A-Z][A-Z0-9_]*=", line):
            assert lines[number - 1].startswith("#"), line


def test_the_template_holds_every_key() -> None:
    """The test template has every key, the other one all but the simulated broker's (K9)."""
    simulated = {key for key in Settings.model_fields if marks(key)["test_only"]}
    for name, left_out in ((".env_bot.template-test", set()), (".env_bot.template", simulated)):
        keys = set(re.findall(r"^([A-Z][A-Z0-9_]*)=", text(f"env/{name}"), re.MULTILINE))
        assert keys == {key.upper() for key in set(Settings.model_fields) - left_out}, name


def test_the_readme_has_every_exit_code() -> None:
    """The README's table of exit codes has one row per code."""
    table = text("README.md").split("## Exit codes")[1].split("##")[0]
    assert [int(code) for code in re.findall(r"^\| (\d+) \|", table, re.MULTILINE)] == [*ExitCode]


def test_the_page_of_conventions_is_what_the_code_says() -> None:
    """P11: every output with its one writer, every flag with writer and reader, none left out."""
    fresh = page(text("runs/README.md"))
    assert text("runs/README.md") == fresh, "next: python -m tests.refresh_tables"
    printed = text("runs/README.md").partition(BEGIN)[2]
    for row in OUTPUTS:
        if not row.name.startswith(OWN_PART):
            assert f"| `{row.path_template}` | `{row.writer}` | {row.alias} |" in printed
    for flag in FLAGS:
        assert f"| `{flag.name}` | `{flag.also}` | {flag.command.value} |" in printed
    assert printed.count("\n| `") == len(OUTPUTS) - len(COPIED) + len(FLAGS)
