from __future__ import annotations

import json
import sys

import pytest

from rigd.cli import app
from rigd.cli import doctor as doctor_command
from rigd.core.errors import ExitCode
from tests.hosts.homes import listing

COMMANDS = (
    ("session",),
    ("verify",),
    ("why",),
    ("review",),
    ("tuning",),
    ("doctor",),
    ("test",),
    ("backtest",),
    ("compare",),
    ("chaos",),
    ("crashmatrix",),
    ("powerloss",),
    ("build", "check"),
    ("build", "seal"),
    ("config", "check"),
    ("config", "show"),
    ("config", "set"),
    ("config", "import"),
    ("config", "encrypt"),
    ("config", "decrypt"),
    ("keys", "rotate"),
    ("alerts", "test"),
    ("kill",),
    ("up",),
    ("health",),
    ("deploy", "install"),
    ("deploy", "start"),
    ("deploy", "docker"),
    ("deploy", "status"),
    ("ledger", "check"),
    ("ledger", "export"),
    ("ledger", "gains"),
    ("risk", "show"),
    ("risk", "reset"),
    ("defense", "show"),
    ("defense", "on"),
    ("defense", "off"),
    ("mapping", "show"),
    ("mapping", "set"),
    ("flags", "raise"),
    ("flags", "clear"),
    ("universe", "build"),
    ("universe", "refilter"),
    ("universe", "show"),
    ("universe", "diff"),
    ("universe", "blocklist", "list"),
    ("universe", "blocklist", "add"),
    ("universe", "blocklist", "remove"),
    ("lab",),
    ("run",),
    ("warm",),
    ("sweep",),
    ("warmup",),
    ("backtest",),
    ("compare",),
    ("optimize",),
    ("proposal", "list"),
    ("proposal", "show"),
    ("proposal", "approve"),
    ("proposal", "reject"),
    ("proposal", "activate"),
    ("proposal", "rollback"),
    ("ledger", "recount"),
    ("users", "list"),
    ("users", "add"),
    ("users", "role"),
    ("users", "disable"),
    ("users", "enable"),
    ("users", "remove"),
    ("users", "password"),
)


def every_command(group=app.app, names: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    """What typer knows, read from its own tables, groups inside groups as well."""
    found = {(*names, c.name or c.callback.__name__) for c in group.registered_commands}
    for inner in group.registered_groups:
        found |= every_command(inner.typer_instance, (*names, inner.name))
    return found


def test_the_list_of_commands_is_whole() -> None:
    """Each command is tried below."""
    assert every_command() == set(COMMANDS)


def test_help_names_every_command_and_exit_code(rigd, tmp_path) -> None:
    """rigd --help shows the commands, what the exit codes mean and how to begin."""
    said = rigd(tmp_path, "--help")
    assert said.code == 0
    text = " ".join(said.out.split())
    for command in COMMANDS:
        assert command[0] in text
    for code in ExitCode:
        assert str(code.value) in text
    assert "rigd session" in text
    assert listing(tmp_path) == {}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_each_command_explains_itself(rigd, tmp_path, command) -> None:
    """--help of each command ends with exit code 0 and writes nothing."""
    said = rigd(tmp_path, *command, "--help")
    assert said.code == 0
    assert "Usage" in said.out
    assert said.err == ""
    assert listing(tmp_path) == {}


ON_A_HOME = (
    ("verify",),
    ("why", "FB"),
    ("tuning",),
    ("compare",),
    ("doctor",),
    ("build", "check"),
    ("config", "check"),
    ("config", "show"),
    ("ledger", "check"),
    ("ledger", "export", "--format", "csv"),
    ("risk", "show"),
)


@pytest.mark.parametrize("command", ON_A_HOME, ids=" ".join)
def test_each_command_ends_with_a_next_step(rigd, launched_home, tmp_path, command) -> None:
    """The last line of text says what to do next."""
    more = ("--out", str(tmp_path / "x.csv")) if command[:2] == ("ledger", "export") else ()
    said = rigd(launched_home, *command, *more)
    assert (said.code, said.err) == (0, "")
    assert said.out.splitlines()[-1].startswith("next: ")


JSON = (
    *(("verify",), ("tuning",), ("doctor",), ("build", "check")),
    *(("config", "show"), ("ledger", "check")),
)


@pytest.mark.parametrize("command", JSON, ids=" ".join)
def test_json_is_one_object_and_nothing_else(rigd, launched_home, command) -> None:
    """Programs read standard output as it comes."""
    said = rigd(launched_home, *command, "--json")
    assert said.code == 0
    assert isinstance(json.loads(said.out), dict)


@pytest.mark.parametrize("command", [c for c in ON_A_HOME if c != ("doctor",)], ids=" ".join)
def test_without_a_bot_each_command_says_how_to_get_one(rigd, tmp_path, command) -> None:
    """Exit code 2, the error, the fix, and nothing written."""
    said = rigd(tmp_path, *command)
    assert said.code == ExitCode.BAD_INPUT
    assert "must hold a bot, found none" in said.err
    assert said.err.splitlines()[-1].startswith("next: run `rigd session` once")
    assert listing(tmp_path) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ("sesion",),
        ("session", "--speeds", "1"),
        ("session", "--speed", "fast"),
        ("why",),
        ("risk",),
    ],
)
def test_a_mistyped_command_is_bad_input(rigd, tmp_path, arguments) -> None:
    """Usage errors have exit code 2 as well, and write nothing."""
    assert rigd(tmp_path, *arguments).code == ExitCode.BAD_INPUT
    assert listing(tmp_path) == {}


def test_ctrl_c_has_its_own_exit_code(monkeypatch, capsys) -> None:
    """Interrupted outside a session: 7, and one line that says so."""

    def interrupt(**_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor_command, "run", interrupt)
    monkeypatch.setattr(sys, "argv", ["rigd", "doctor"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == ExitCode.INTERRUPTED
    told = capsys.readouterr().err
    assert told.startswith("interrupted")
    assert "Traceback" not in told


def test_what_the_system_refuses_is_told_without_a_traceback(monkeypatch, capsys) -> None:
    """A folder where a file should be, a disk that is read-only: the reason, the file, exit 1."""

    def refuse(**_: object) -> int:
        raise IsADirectoryError(21, "Is a directory", "runs/risk_state.json")

    monkeypatch.setattr(doctor_command, "run", refuse)
    monkeypatch.setattr(sys, "argv", ["rigd", "doctor"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == ExitCode.ERROR
    said = capsys.readouterr().err
    assert said == "error: Is a directory: runs/risk_state.json\nnext: rigd doctor\n"
