"""The ports and their shapes, and what importing `rigd.core` costs."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rigd.core import ports
from rigd.core.clock import MarketClock, SystemClock
from rigd.core.ids import SystemIds
from rigd.engine.alerting import JournalAlerts
from rigd.engine.broker_line import BrokerLine
from tests.fakes.broker import FakeBroker
from tests.fakes.clock import FakeClock
from tests.fakes.files import MemoryFiles
from tests.fakes.ids import FakeIds
from tests.fakes.sources import FakeFundamentals, FakeImbalance, FakeOptions

ROOT = Path(__file__).parents[2]
MODULES = sorted(
    f"rigd.core.{path.stem}"
    for path in (ROOT / "rigd" / "core").glob("*.py")
    if path.stem != "__init__"
)

# BROKERS §6.1 for the broker; the others as ARCHITECTURE needs them. A star marks a coroutine.
METHODS = {
    "Clock": "now",
    "ControlClock": "now monotonic sleep wait*",
    "IdSource": "nonce",
    "Journal": "append sync entries",
    "Files": "read replace exists",
    "Feed": "slices reference spread vix",
    "Connection": "last_heard",
    "Alerts": "raise_alert",
    "Broker": (
        "connect* close* self_check* submit* cancel* replace* find* open_orders* fills* "
        "positions* account* clock* poll"
    ),
    "Projection": "advance",
    "UniverseProvider": "symbols details",
    "FundamentalsSource": "fundamentals",
    "ImbalanceSource": "imbalance",
    "OptionSource": "put closes",
}

STANDS_ON = "base64, dataclasses, datetime, decimal, hashlib, secrets, statistics, typing"

PROBE = """
import json, sys, time
started = time.process_time()
{imports}
used = time.process_time() - started
print(json.dumps([used, sorted(sys.modules)]))
"""


def methods(cls: type) -> dict[str, Any]:
    """Return the public methods of a class."""
    found = inspect.getmembers(cls, inspect.isfunction)
    return {name: method for name, method in found if not name.startswith("_")}


def parameters(method: Any) -> list[tuple[str, Any, Any]]:
    """Return name, kind and default of each parameter of a method."""
    found = inspect.signature(method).parameters.values()
    return [(each.name, each.kind, each.default) for each in found]


def fresh(imports: str) -> tuple[float, list[str]]:
    """Run imports in a new process without site packages: CPU seconds and what is loaded."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n" + PROBE.format(imports=imports)
    told = subprocess.run(  # noqa: S603 - this Python with a fixed text
        [sys.executable, "-I", "-S", "-W", "error", "-c", code],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    used, loaded = json.loads(told)
    return used, loaded


@pytest.mark.parametrize("port", METHODS)
def test_port_has_exactly_these_methods(port: str) -> None:
    """A port is what the layers agreed on: these methods, and these of them are coroutines."""
    found = methods(getattr(ports, port))
    told = {f"{name}*" if inspect.iscoroutinefunction(m) else name for name, m in found.items()}
    assert told == set(METHODS[port].split())


def test_there_is_no_other_port() -> None:
    """Every protocol of the module is in the list above."""
    found = inspect.getmembers(ports, lambda member: getattr(member, "_is_protocol", False))
    assert {name for name, cls in found if cls.__module__ == ports.__name__} == set(METHODS)


@pytest.mark.parametrize(
    ("port", "cls"),
    [
        (ports.Clock, MarketClock),
        (ports.Clock, SystemClock),
        (ports.ControlClock, SystemClock),
        (ports.ControlClock, FakeClock),
        (ports.IdSource, SystemIds),
        (ports.IdSource, FakeIds),
        (ports.Files, MemoryFiles),
        (ports.Broker, FakeBroker),
        (ports.Broker, BrokerLine),
        (ports.Alerts, JournalAlerts),
        (ports.FundamentalsSource, FakeFundamentals),
        (ports.ImbalanceSource, FakeImbalance),
        (ports.OptionSource, FakeOptions),
    ],
    ids=lambda cls: cls.__name__,
)
def test_real_part_and_fake_have_the_shape_of_their_port(port: type, cls: type) -> None:
    """Each method takes the port's parameters and is a coroutine exactly where the port's is."""
    for name, wanted in methods(port).items():
        found = methods(cls)[name]
        assert parameters(found) == parameters(wanted), name
        assert inspect.iscoroutinefunction(found) is inspect.iscoroutinefunction(wanted), name


@pytest.mark.parametrize(
    ("method", "names"),
    [
        (ports.Journal.append, "self at record durable"),
        (ports.Feed.slices, "self first_minute"),
        (ports.Feed.reference, "self symbol"),
        (ports.Feed.spread, "self symbol minute"),
        (ports.Feed.vix, "self day"),
        (ports.Projection.advance, "self entry"),
        (ports.UniverseProvider.symbols, "self day"),
        (ports.UniverseProvider.details, "self symbols day"),
    ],
    ids=lambda value: getattr(value, "__qualname__", ""),
)
def test_port_takes_exactly_these_parameters(method: Any, names: str) -> None:
    """What a port is asked with has these names, in this order."""
    assert [name for name, *_ in parameters(method)] == names.split()


def test_durability_is_asked_for_by_name() -> None:
    """`durable` can never be given by position, and is off by default."""
    durable = inspect.signature(ports.Journal.append).parameters["durable"]
    assert durable.kind is inspect.Parameter.KEYWORD_ONLY
    assert durable.default is False


def test_every_domain_value_of_core_is_frozen() -> None:
    """Each dataclass of the package is frozen and slotted (STYLE §2)."""
    found = {
        cls
        for module in MODULES
        for _, cls in inspect.getmembers(importlib.import_module(module), inspect.isclass)
        if dataclasses.is_dataclass(cls) and cls.__module__.startswith("rigd.core.")
    }
    assert len(found) > 30
    for cls in found:
        assert cls.__dataclass_params__.frozen, cls  # type: ignore[attr-defined]
        assert "__slots__" in vars(cls), cls


@pytest.mark.parametrize("module", MODULES)
def test_module_needs_the_standard_library_alone(module: str) -> None:
    """Each module of core, imported alone in a bare Python, loads nothing but Python's own."""
    _, loaded = fresh(f"import {module}")
    assert module in loaded
    own = {name for name in loaded if name == "rigd" or name.startswith("rigd.core")}
    foreign = {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names}
    assert foreign - own - {"__main__"} == set()


def test_core_is_light() -> None:
    """Importing all of core loads no event loop or network module and costs little.

    It takes about three times the CPU time of the modules of Python that it stands on; the rest
    is the making of its dataclasses.
    """
    every = f"import {', '.join(MODULES)}"
    loaded = set(fresh(every)[1])
    assert not loaded & {"asyncio", "ssl", "socket", "logging", "unittest", "multiprocessing"}
    core = min(fresh(every)[0] for _ in range(3))
    below = min(fresh(f"import {STANDS_ON}")[0] for _ in range(3))
    assert core < 10 * below
