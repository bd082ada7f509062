"""What an operator reads: troubles, and the way over from the older bot."""

from __future__ import annotations

import re

import pytest

from rigd.core.errors import ConfigError
from rigd.hosts import operating
from tests.cli.test_app import COMMANDS
from tests.config.test_migration import DOCUMENT

NAMED = [
    *(command for trouble in operating.TROUBLES for command in trouble.commands),
    *(found for step in operating.STEPS for found in re.findall(r"rigd [a-z]+(?: [a-z]+)?", step)),
]


@pytest.mark.parametrize("words", ["IBKR", "mail", "rate limit", "Health"])
def test_each_trouble_of_the_document_has_its_checks(words: str) -> None:
    """MM16: the four of document stability, each with something to look at and a command."""
    (trouble,) = [each for each in operating.TROUBLES if words in each.seen]
    assert len(trouble.checks) >= 3
    assert trouble.commands
    assert all(check in operating.troubles() for check in trouble.checks)


@pytest.mark.parametrize("command", sorted(set(NAMED)))
def test_a_command_that_is_named_exists(command: str) -> None:
    """MM16: no operator is sent to a command that is not there."""
    words = tuple(command.split()[1:])
    assert words[:2] in COMMANDS or words[:1] in COMMANDS


def test_the_way_over_tells_where_an_old_file_goes(tmp_path) -> None:
    """MM16: the steps, then every name of the operator's own file; the example without one."""
    path = tmp_path / "config.yaml"
    path.write_text(DOCUMENT)
    text = operating.way_over(str(path))
    assert text == operating.way_over()
    assert "rigd config import config.yaml --environment environment.txt" in text
    assert "  trading.equity_allocation: TOTAL_ALLOCATION" in text.splitlines()
    with pytest.raises(ConfigError, match="found none at"):
        operating.way_over(str(tmp_path / "none.yaml"))
