"""``rigd test``: raise the flag of a test and run what it asks for (document 070, TEST_MODE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.cli import session
from rigd.cli.console import CLOCK, IDS, open_bot_of, open_home, say_next
from rigd.config.sources import checkout, environment
from rigd.core.errors import ConfigError, LogicError
from rigd.hosts import operator_audit, supervisor
from rigd.store.control import ControlFolder, flag_of_test

if TYPE_CHECKING:
    from collections.abc import Sequence


def run(names: Sequence[str], *, as_json: bool) -> int:
    """Run single tests, or without a name the dry run of the whole bot.

    Parameters
    ----------
    names
        Tests such as ``env_bot``; empty for the dry run.
    as_json
        Whether the dry run prints one JSON object.

    Returns
    -------
    int
        0 when everything passed.

    Raises
    ------
    ConfigError
        If a name has a form that no test has.
    """
    home = open_home()
    flags = ControlFolder(home.control, CLOCK, IDS)
    if not names:
        flags.raise_test("", operator_audit.name(), "rigd test")
        return session.run(
            data="", day="", symbols="", bar_stamp="start", changes=[], speed=0.0, as_json=as_json
        )
    bot = open_bot_of(home)
    for name in names:
        try:
            flag_of_test(name)
        except LogicError as error:
            raise ConfigError(error.message, fix="rigd test env_bot") from error
    for name in names:
        flags.raise_test(name, operator_audit.name(), "rigd test")
    variables = supervisor.kept_of(environment()) | {"RIGD_HOME": str(home.root)}
    code = supervisor.run_tests(variables, checkout())
    say_next(f"runs/{bot.identity}/logs/test_mode.log; rigd session")
    return code
