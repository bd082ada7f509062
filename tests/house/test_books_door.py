"""The books have one door: who opens them, who writes them, and who may not (090)."""

from __future__ import annotations

import ast
import re

from tests.house.tree import imported, modules, text, walk

PRODUCT = modules("rigd", "widgets")
OPENERS = {"rigd/hosts/engine_run.py", "rigd/hosts/books.py"}
"""A session's own host, and the commands that check and export."""
WARM_PARENT = "rigd/hosts/warm_parent.py"
PANEL = ("rigd/hosts/panel/", "rigd/hosts/lab_access.py")
HEALTH_PORT = "rigd/hosts/up/server.py"
"""It reads: tests/hosts/up/test_server.py asks each route by every method."""
PORTS = "rigd/hosts/ports.py"
PROBE = "rigd/hosts/up/panel.py"
"""The first binds for the panel and the health port; the second closes at once what it bound."""
SERVERS = {"http", "socketserver", "tornado", "flask", "aiohttp", "xmlrpc", "uvicorn", "fastapi"}


def names_of(module: str) -> set[str]:
    """Return every name that a module imports, with its package."""
    return {
        f"{node.module}.{alias.name}"
        for node in walk(module)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def test_the_ledger_has_one_route() -> None:
    """Only two hosts open the books; everybody else meets them as values (R16, G4)."""
    openers = {
        module
        for module in PRODUCT
        if {"rigd.ledger.book.Ledger", "rigd.store.database.open_database"} <= names_of(module)
        and not module.startswith("rigd/ledger/")
    }
    runtime = {
        module for module in PRODUCT if "rigd.store.database.open_database" in names_of(module)
    }
    assert openers == OPENERS
    assert runtime - OPENERS == {"rigd/access/directory.py"}, (
        "who opens another database than the books"
    )


def test_only_the_ledger_knows_sql() -> None:
    """No statement that changes the books stands outside ledger and store (R16).

    The users have a database of their own.
    """
    found = [
        module
        for module in PRODUCT
        if not module.startswith(("rigd/ledger/", "rigd/store/", "rigd/access/"))
        and any(word in text(module) for word in ("INSERT INTO", "UPDATE ", "DELETE FROM"))
    ]
    assert not found


def test_the_ledger_reads_no_log() -> None:
    """Logs and trade files are never read back into the books (G5, L40)."""
    found = [
        module
        for module in PRODUCT
        if module.startswith("rigd/ledger/")
        and any(name.startswith(("rigd.reporting", "rigd.store")) for name in imported(module))
    ]
    assert not found


def test_nothing_from_outside_can_write_settings_or_secrets() -> None:
    """No module answers requests but the loopback broker of tests and demos, and what reads (G18).

    The warm parent is asked by this user's own processes alone, which the next test holds it to.
    """
    found = [
        module
        for module in PRODUCT
        if SERVERS & {name.split(".")[0] for name in imported(module)}
        or ".listen(" in text(module)
        or "create_server(" in text(module)
        or " listening(" in text(module)
    ]
    elsewhere = {module for module in found if not module.startswith(PANEL)}
    assert elsewhere <= {"rigd/hosts/devserver.py", WARM_PARENT, HEALTH_PORT, PORTS, PROBE}


def test_the_panels_server_knows_neither_keys_nor_settings() -> None:
    """It answers requests, and holds nothing with which it could write settings or secrets."""
    found = [
        (module, name)
        for module in PRODUCT
        if module.startswith(PANEL)
        for name in imported(module)
        if name.startswith(("rigd.vault", "rigd.engine", "rigd.broker", "rigd.config"))
        and not name.startswith("rigd.config.sources")
    ]
    assert found == []


def test_the_warm_parent_is_reached_from_this_machine_by_this_user() -> None:
    """Its one socket is a Unix socket, each caller's user is looked at, and it holds no secret."""
    code = text(WARM_PARENT)
    sockets = re.findall(r"socket\.socket\(([^,)=]+)", code)
    assert set(sockets) == {"socket.AF_UNIX", "fileno"}
    assert sockets.count("socket.AF_UNIX") == 1
    assert code.count(".accept()") == code.count("warm.is_ours(line)") == 1
    assert not [name for name in imported(WARM_PARENT) if name.startswith("rigd.vault")]
