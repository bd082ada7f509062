"""Find a published universe: the one in force, or one of the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, DataError
from rigd.screener.universe import decode
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.core.universe import Universe
    from rigd.store.paths import Home

_PREFIX = "symbol_universe_"


def published_or_none(home: Home) -> Universe | None:
    """Return the universe in force; None where none was published."""
    content = Registry(home).read("symbol_universe.json")
    return decode(content) if content else None


def published(home: Home) -> Universe:
    """Return the universe in force.

    Parameters
    ----------
    home
        RIGD_HOME.

    Returns
    -------
    Universe
        Its version is right.

    Raises
    ------
    DataError
        If none was published, or it has another form.
    """
    found = published_or_none(home)
    if found is None:
        msg = "a universe must be published, found none in runs/screeners"
        raise DataError(msg, fix="rigd universe build")
    return found


def archived(home: Home) -> list[Path]:
    """Return the archived versions, newest first."""
    folder = Registry(home, stamp="any").path("archived_universe.json").parent
    return sorted(folder.glob(f"{_PREFIX}*.json"), reverse=True)


def stamp_of(path: Path) -> str:
    """Return the stamp in an archived version's name."""
    return path.stem.removeprefix(_PREFIX)


def find(home: Home, name: str) -> Universe:
    """Return one version.

    Parameters
    ----------
    home
        RIGD_HOME.
    name
        ``latest``, ``previous`` (the one before it), a stamp or a version, or the beginning of
        one.

    Returns
    -------
    Universe
        The one that fits.

    Raises
    ------
    ConfigError
        If none fits, or several do.
    DataError
        If the file has another form.
    """
    paths = archived(home)
    places = {"latest": 0, "previous": 1}
    if name in places and len(paths) > places[name]:
        return decode(paths[places[name]].read_bytes())
    fits = [path for path in paths if name and stamp_of(path).startswith(name)]
    if not fits and len(name) >= 8:
        fits = [path for path in paths if decode(path.read_bytes()).version.startswith(name)]
    if len(fits) != 1:
        known = ", ".join(map(stamp_of, paths)) or "none"
        msg = f"{name!r} must name one archived universe, {len(fits)} fit; there are {known}"
        raise ConfigError(msg, fix="rigd universe build publishes one")
    return decode(fits[0].read_bytes())
