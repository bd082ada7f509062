"""The process environment, and where RIGD_HOME lies. Nothing else reads the environment."""

from __future__ import annotations

import os
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HOME_VARIABLE = "RIGD_HOME"
"""Names the folder that holds ``env/`` and ``runs/``; unset or blank means the checkout."""


def environment() -> Mapping[str, str]:
    """Return a read-only copy of the process environment."""
    return MappingProxyType(dict(os.environ))


def replace_environment(variables: Mapping[str, str]) -> None:
    """Give this process another environment: a fork gets the one that its run was given.

    Parameters
    ----------
    variables
        The whole environment; nothing else is left of the old one.
    """
    os.environ.clear()
    os.environ.update(variables)


def take_variable(name: str) -> str:
    """Return a variable and remove it: what this process starts later does not inherit it.

    Parameters
    ----------
    name
        The variable.

    Returns
    -------
    str
        Its value; blank when it is not set.
    """
    return os.environ.pop(name, "")


def rigd_home(variables: Mapping[str, str] | None = None) -> Path:
    """Return the folder that holds ``env/`` and ``runs/``, absolute.

    Parameters
    ----------
    variables
        The environment to read; the process's own when None.

    Returns
    -------
    Path
        RIGD_HOME, else the checkout that this package lies in.
    """
    named = (environment() if variables is None else variables).get(HOME_VARIABLE, "").strip()
    return Path(named).expanduser().absolute() if named else checkout()


def checkout() -> Path:
    """Return the checkout that this package lies in."""
    return Path(__file__).resolve().parents[2]
