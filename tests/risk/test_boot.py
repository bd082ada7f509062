"""The launch answers of the safety modules."""

from __future__ import annotations

from types import MappingProxyType

import pytest

from rigd.core.values import SelfCheck
from rigd.risk import boot
from rigd.risk.boot import SELF_CHECKS, self_checks
from tests.factories import settings


@pytest.mark.parametrize("name", SELF_CHECKS)
def test_every_safety_module_answers_at_launch(name):
    """INVENTORY S13: each one has a self-check that passes with good settings."""
    check = SELF_CHECKS[name](settings())
    assert (check.name, check.passed) == (name, True)
    assert check.detail


@pytest.mark.parametrize("name", SELF_CHECKS)
def test_each_broken_module_is_named(name, monkeypatch):
    """INVENTORY S13, S14: break one in turn; it alone fails, with its cause."""

    def broken(settings):
        del settings
        msg = "disk on fire"
        raise OSError(msg)

    monkeypatch.setattr(boot, "SELF_CHECKS", MappingProxyType({**SELF_CHECKS, name: broken}))
    failed = [check for check in self_checks(settings()) if not check.passed]
    assert failed == [SelfCheck(name=name, passed=False, detail="OSError: disk on fire")]


def test_running_out_of_memory_passes_through(monkeypatch):
    """A fatal error is never a self-check's answer."""

    def broken(_):
        raise MemoryError

    monkeypatch.setattr(boot, "SELF_CHECKS", MappingProxyType({"risk.limits": broken}))
    with pytest.raises(MemoryError):
        self_checks(settings())
