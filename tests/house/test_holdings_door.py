"""Holdings and transfers: nothing in the core writes the one or starts the other (070, 090)."""

from __future__ import annotations

import ast

from rigd.core.ports import Broker
from tests.house.tree import modules, walk

PRODUCT = modules("rigd", "widgets")


def test_no_code_path_but_provisioning_writes_holdings() -> None:
    """R20: HOLDINGS is named by the vault alone, which makes the file once, empty."""
    found = [
        module
        for module in PRODUCT
        if "HOLDINGS" in {node.id for node in walk(module) if isinstance(node, ast.Name)}
    ]
    assert found == ["rigd/vault/secrets.py"]


def test_no_code_path_calls_a_transfer() -> None:
    """R26: no port and no adapter knows a withdrawal, a deposit or a transfer of money."""
    words = ("transfer", "withdraw", "deposit", "ach")
    named = {name for name in dir(Broker) if not name.startswith("_")}
    called = {
        node.func.attr
        for module in PRODUCT
        if module.startswith(("rigd/broker/", "rigd/engine/", "rigd/hosts/"))
        for node in walk(module)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not [n for n in named | called if n.lower().split("_")[0] in words]
