"""Who starts what: the supervisor alone, and it runs no strategy (document 070, INVENTORY P)."""

from __future__ import annotations

import ast

from tests.house.tree import imported, modules, text, walk

PRODUCT = modules("rigd", "widgets")
DOOR = "rigd/hosts/supervisor.py"
RESEARCH = {
    "rigd/hosts/sweep/",
    "rigd/hosts/simulate/",
    "rigd/hosts/crashes/",
    "rigd/hosts/kernels/",
}
"""Farms of research and of the crash tests: they reach no broker of a bot."""
ENTRIES = {
    "rigd/__main__.py": "the command line; `rigd up` is the supervisor",
    "rigd/hosts/runner.py": "worker: papermill of one run, started by the supervisor",
    "rigd/hosts/warm_parent.py": "worker: forks runs for the supervisor",
    "rigd/hosts/devserver.py": "a loopback broker for demos and tests",
    "rigd/hosts/panel/__main__.py": "user interface: writes flags and requests",
    "rigd/config/template.py": "prints a generated file, for those who change the code",
    "rigd/calendar/table_refresh.py": "prints a generated module",
}
"""Modules that are started as a process, and what each is (P1, P3)."""


def is_entry(module: str) -> bool:
    return module.endswith("__main__.py") or any(
        isinstance(node, ast.If) and "__main__" in ast.dump(node.test) for node in walk(module)
    )


def test_each_process_is_known_by_its_duty() -> None:
    """P1, P3: whatever can be started is in the table; everything else is imported only."""
    ours = [m for m in PRODUCT if not m.startswith(tuple(RESEARCH))]
    assert {module for module in ours if is_entry(module)} <= set(ENTRIES)


def test_only_the_supervisors_door_starts_processes() -> None:
    """P2, P7: a utility never does; farms of research have their own."""
    spawning = {"subprocess", "multiprocessing", "pty"}
    found = {
        module
        for module in PRODUCT
        if (
            spawning & {name.split(".")[0] for name in imported(module)}
            or "ProcessPoolExecutor" in text(module)
        )
        and not module.startswith(tuple(RESEARCH))
    }
    assert found == {DOOR}


def test_the_resident_supervisor_runs_no_strategy() -> None:
    """P4: it starts, watches and closes; nothing of it imports what decides or trades."""
    parts = ("strategy", "engine", "enhancements", "screener", "broker", "ledger")
    for module in PRODUCT:
        if module.startswith("rigd/hosts/up/"):
            wrong = [n for n in imported(module) if n.startswith(tuple(f"rigd.{p}" for p in parts))]
            assert not wrong, f"{module}: {wrong}"


def test_the_state_of_the_bot_has_one_writer_in_each_process() -> None:
    """T22: one object a process, handed on; only who owns the launch makes one."""
    makers = {
        module
        for module in PRODUCT
        for node in walk(module)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "BotStateFile"
    }
    assert makers == {"rigd/hosts/launch.py", "rigd/hosts/kill.py", "rigd/hosts/up/service.py"}


def test_the_runner_of_tests_starts_no_part_of_the_bot() -> None:
    """P8: it neither launches a session nor a supervisor."""
    names = set(imported("tests/integration_test_runner.py"))
    assert not [name for name in names if name.startswith(("rigd.hosts.up", "rigd.hosts.launch"))]
    assert "Launcher" not in text("tests/integration_test_runner.py")
