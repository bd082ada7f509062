"""The forms in which the books leave the program: the configuration of ledger outputs.

What document 090 calls ``accounting_config``: which formats there are, and what renders each. Where
the files lie is in the table of outputs (`rigd.store.registry`, ``ledger.*``).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError
from rigd.ledger import beancount, ofx, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rigd.ledger.statement import Statement

FORMS: Mapping[str, Callable[[Statement], bytes]] = MappingProxyType({
    "ofx": ofx.render,
    "beancount": lambda statement: beancount.render(statement).encode(),
    "csv": lambda statement: tables.to_csv(statement).encode(),
    "json": lambda statement: tables.to_json(statement).encode(),
})
"""Every form of export."""


def render(statement: Statement, form: str) -> bytes:
    """Return the books in one form.

    Parameters
    ----------
    statement
        The whole ledger.
    form
        One of `FORMS`; ofx needs ofxtools.

    Returns
    -------
    bytes
        The whole file.

    Raises
    ------
    ConfigError
        If there is no such form.
    """
    if form not in FORMS:
        msg = f"a form of the books must be one of {', '.join(FORMS)}, was {form!r}"
        raise ConfigError(msg)
    return FORMS[form](statement)
