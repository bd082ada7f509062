"""Run one of the repository's notebooks by papermill, with parameters as they are typed.

Everything that can be refused is refused before a process starts: a notebook that is not there, a
parameter that it does not declare, a value that is none of its default's kind.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout, environment
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import supervisor
from rigd.hosts.lab import RESEARCH
from rigd.hosts.runner import Job, parameters_cell, require_declared
from rigd.store.files import make_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.store.paths import Home

TICK_S = 0.2
SUFFIX = ".ipynb"
_SWITCH = {"true": True, "false": False}


def run_named(home: Home, name: str, pairs: Sequence[tuple[str, str]]) -> Path:
    """Run a notebook of ``notebooks/``; return the executed copy.

    Parameters
    ----------
    home
        RIGD_HOME of the run.
    name
        Its name, with or without ``.ipynb``.
    pairs
        Parameter and value, as typed.

    Returns
    -------
    Path
        ``runs/research/NAME-N.ipynb``.

    Raises
    ------
    ConfigError
        If it is not there, a parameter or a value does not fit, or it did not run to its end.
    """
    path = find(name)
    values = values_of(path, pairs)
    folder = home.runs / RESEARCH
    make_folder(folder)
    job = Job(
        notebook=str(path),
        output=str(_free(folder, path.stem)),
        folder=str(folder),
        parameters=values,
    )
    with TemporaryDirectory(prefix="rigd-") as runtime:
        variables = supervisor.run_environment(
            environment(),
            home=home.root,
            kernels=checkout() / "env" / "jupyter",
            runtime=Path(runtime),
        )
        code, text = supervisor.run_notebook(
            job, variables, tick_s=TICK_S, on_tick=lambda: None, on_interrupt=lambda: None
        )
    if code != ExitCode.OK:
        last = (text.strip().splitlines() or ["no output"])[-1]
        msg = f"{path.name} must run to its end, papermill ended with {code}: {last}"
        raise ConfigError(msg, fix=f"the executed part: {job.output}")
    return Path(job.output)


def find(name: str) -> Path:
    """Return where a notebook lies.

    Parameters
    ----------
    name
        As of `run_named`.

    Returns
    -------
    Path
        The committed notebook.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest one is named.
    """
    folder = checkout() / "notebooks"
    found = {path.stem: path for path in folder.iterdir() if path.suffix == SUFFIX}
    stem = name.removesuffix(SUFFIX).removeprefix("notebooks/")
    if stem not in found:
        near = difflib.get_close_matches(stem, found, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        msg = f"the notebook must be one of {', '.join(sorted(found))}, was {name!r}{hint}"
        raise ConfigError(msg)
    return found[stem]


def values_of(path: Path, pairs: Sequence[tuple[str, str]]) -> dict[str, str | int | float | bool]:
    """Return parameters in the kind of their defaults.

    Parameters
    ----------
    path
        The notebook.
    pairs
        As of `run_named`.

    Returns
    -------
    dict
        Value by name.

    Raises
    ------
    ConfigError
        If a name is not declared, or a value is none of its default's kind.
    """
    notebook: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    require_declared([name for name, _ in pairs], notebook, f"notebooks/{path.name}")
    defaults = parameters_cell(notebook)
    return {name: _value(name, text, defaults[name]) for name, text in pairs}


def _value(name: str, text: str, default: object) -> str | int | float | bool:
    try:
        if isinstance(default, bool):
            return _SWITCH[text.lower()]
        if isinstance(default, int):
            return int(text)
        if isinstance(default, float):
            return float(text)
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(default, bool) else f"like {default}"
        msg = f"{name} must be {kind}, was {text!r}"
        raise ConfigError(msg) from None
    return text


def _free(folder: Path, stem: str) -> Path:
    """Return the first path ``STEM-N.ipynb`` that is free."""
    number = 1
    while (path := folder / f"{stem}-{number}.ipynb").exists():
        number += 1
    return path
