"""Run the tests that flags in the control folder ask for (document 070): one run per flag.

``python -m tests.integration_test_runner`` runs the modules of the ``test_mode_<test>.flag`` files
that lie there; where only ``test_mode.flag`` lies there, every test that the documents call by
name. The flags are used up before the first test. It starts no process; it writes rows of
test_mode.log and a JUnit file per test under ``runs/test_mode/results/``; failures go to stdout.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from rigd.config.sources import checkout, rigd_home
from rigd.core.clock import SystemClock
from rigd.core.ids import SystemIds
from rigd.hosts.bot import is_provisioned, open_bot
from rigd.hosts.test_mode import DryRunLog
from rigd.store.control import ControlFolder, flag_of_test
from rigd.store.paths import Home
from tests.flags import REFUSED, flag_name

TESTS = Path(__file__).parent


def modules() -> dict[str, Path]:
    """Every test module by the name that its flag carries."""
    found = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        module = ".".join(path.relative_to(TESTS.parent).with_suffix("").parts)
        flag = flag_name(module)
        found[flag.removeprefix("test_mode_").removesuffix(".flag")] = path
    return found


def named() -> list[str]:
    """The tests that the documents call by name: they lie at the top of tests/."""
    return [name for name, path in modules().items() if path.parent == TESTS]


def chosen(asked: tuple[str, ...]) -> list[str]:
    """Return the tests to run: single flags come first, the whole flag asks for all named ones."""
    single = [name for name in asked if name]
    return single or (named() if asked else [])


def main() -> int:
    """Run what the flags ask for; return 0 when every test passed, 2 when there is no flag."""
    home, clock = Home(rigd_home()), SystemClock()
    flags = ControlFolder(home.control, clock, SystemIds())
    asked = flags.tests()
    if not asked or not is_provisioned(home):
        what = "no flag of a test lies in runs/control" if not asked else "the home holds no bot"
        sys.stderr.write(f"refused: {what}\nnext: rigd test NAME\n")
        return REFUSED
    names = chosen(asked)
    flags.take_tests(*asked)
    identity = open_bot(home, checkout() / "VERSION.md").identity
    return max(run(home, DryRunLog(home, identity, clock, name), name) for name in names)


def run(home: Home, log: DryRunLog, name: str) -> int:
    """Run one test; its start, its end and what it answered stand in test_mode.log."""
    log.start()
    path = modules().get(name)
    if path is None:
        sys.stderr.write(f"refused: {flag_of_test(name)} names no test\n")
        log.end(passed=False, detail="no such test")
        log.close()
        return REFUSED
    results = home.dry.runs / "results" / f"{name}.xml"
    options = ("-p", "no:cacheprovider", f"--junitxml={results}")
    code = int(pytest.main([str(path), *options]))
    log.end(passed=code == 0, detail=f"pytest ended with {code}, results/{results.name}")
    log.close()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
