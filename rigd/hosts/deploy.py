"""Install rigd as a service of the user's own manager, or in a container; no root (document 070).

The unit files lie in ``env/systemd`` and are linked, so that an update of the checkout is an update
of the service. What the service is started with besides (`rigd up`'s options) lies in a file beside
the link, which systemd reads with the unit. Nothing is done that was not printed before.
"""

from __future__ import annotations

import getpass
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rigd.config.sources import checkout
from rigd.core.errors import ConfigError
from rigd.hosts import supervisor
from rigd.store.files import make_folder, read_plain, remove, replace, repoint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

UNITS = ("rigd.service", "rigd-lab.service")
MAIN = UNITS[0]
OPTIONS = "rigd-options.conf"
"""The file of the service's options, in the folder of additions to its unit."""
_MADE = "# Made by `rigd deploy install` from its options; install again to change them."
LINGER = Path("/var/lib/systemd/linger")
"""Where the system keeps the names of users whose services outlive their log-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the user's units belong.

    Parameters
    ----------
    units
        The folder of the user's units.
    own
        rigd's own folder of the user's configuration.
    runtime
        XDG_RUNTIME_DIR; blank where it is not set.
    """

    units: Path
    own: Path
    runtime: str

    @property
    def options(self) -> Path:
        """Where the service's options lie."""
        return self.units / f"{MAIN}.d" / OPTIONS

    @property
    def is_installed(self) -> bool:
        """Tell whether the supervisor's unit is linked."""
        return (self.units / MAIN).is_symlink()


def place_of(variables: Mapping[str, str]) -> Place:
    """Return where a user's units belong, by the XDG variables.

    Parameters
    ----------
    variables
        The environment.

    Returns
    -------
    Place
        Below XDG_CONFIG_HOME, else ``~/.config``.
    """
    home = Path(variables.get("HOME", "") or Path.home())
    config = Path(variables.get("XDG_CONFIG_HOME", "") or home / ".config")
    return Place(
        units=config / "systemd" / "user",
        own=config / "rigd",
        runtime=variables.get("XDG_RUNTIME_DIR", ""),
    )


def links(place: Place, root: Path) -> dict[Path, Path]:
    """Return the links of an installation, and where each leads."""
    units = {place.units / unit: root / "env" / "systemd" / unit for unit in UNITS}
    return {place.own / "checkout": root} | units


def install_steps() -> tuple[list[str], ...]:
    """Return the commands that follow the links."""
    return (
        ["systemctl", "--user", "daemon-reexec"],
        ["systemctl", "--user", "daemon-reload"],
        ["systemctl", "--user", "enable", MAIN],
        ["loginctl", "enable-linger"],
    )


def start_steps() -> tuple[list[str], ...]:
    """Return the commands that start the service and show it."""
    return (
        ["systemctl", "--user", "restart", MAIN],
        ["systemctl", "--user", "--no-pager", "status", MAIN],
    )


def docker_steps() -> tuple[list[str], ...]:
    """Return the commands that build and start the container."""
    file = str(checkout() / "env" / "docker" / "compose.yaml")
    return (
        ["docker", "compose", "--file", file, "build"],
        ["docker", "compose", "--file", file, "up", "--detach", "--wait"],
    )


def install(
    variables: Mapping[str, str],
    tell: Callable[[str], None],
    *,
    really: bool,
    options: Sequence[str] = (),
) -> int:
    """Link the units and the checkout, then let the user's manager read them.

    Parameters
    ----------
    variables
        The environment.
    tell
        Called with each step before it is taken.
    really
        Whether the steps are taken; else they are told alone.
    options
        What the service gives to `rigd up`, checked before; those of an earlier installation go.

    Returns
    -------
    int
        The exit code of the first step that failed; 0.

    Raises
    ------
    ConfigError
        If something that is not ours is in the way, or an option cannot stand in a unit.
    """
    place = place_of(variables)
    content = addition(options)
    _require_ours(place.options)
    wanted = links(place, checkout())
    for link, target in wanted.items():
        if link.exists() and not link.is_symlink():
            msg = f"{link} must be free for a link, found a file or folder"
            raise ConfigError(msg, fix="move it away")
        tell(f"ln --symbolic --force --no-dereference {target} {link}")
        if really:
            make_folder(link.parent)
            repoint(link, target)
    _keep(place.options, content, tell, really=really)
    return take(install_steps(), tell, really=really)


def addition(options: Sequence[str]) -> str:
    """Return the addition to the unit that starts `rigd up` with options; blank without any.

    Parameters
    ----------
    options
        As typed.

    Returns
    -------
    str
        An ExecStart in place of the unit's own, each word quoted for systemd.

    Raises
    ------
    ConfigError
        If an option has a character that cannot be printed.

    References
    ----------
    systemd.service(5), "Command lines"; systemd.unit(5), "Specifiers".
    """
    if not options:
        return ""
    for option in options:
        if not option.isprintable():
            msg = f"an option of the service must be printable, was {option!r}"
            raise ConfigError(msg, fix="rename the file")
    words = " ".join(_quoted(option) for option in options)
    start = f"ExecStart=%E/rigd/checkout/env/systemd/run.sh up {words}"
    return f"{_MADE}\n[Service]\nExecStart=\n{start}\n"


def _quoted(word: str) -> str:
    for special, escaped in (("\\", "\\\\"), ('"', '\\"'), ("%", "%%"), ("$", "$$")):
        word = word.replace(special, escaped)
    return f'"{word}"'


def _require_ours(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not _is_ours(path)):
        msg = f"{path} must be free for the service's options, found something else"
        raise ConfigError(msg, fix="move it away")


def _is_ours(path: Path) -> bool:
    return read_plain(path).startswith(_MADE.encode())


def _keep(path: Path, content: str, tell: Callable[[str], None], *, really: bool) -> None:
    """Tell of the file of options and write it, or remove the one of an earlier installation."""
    if content:
        tell(f"{content.splitlines()[-1]} > {path}")
        if really:
            make_folder(path.parent)
            replace(path, content.encode())
    elif path.exists():
        tell(f"rm {path}")
        if really:
            remove(path)


def take(steps: tuple[list[str], ...], tell: Callable[[str], None], *, really: bool) -> int:
    """Tell each command and run it; stop at the first that fails.

    Parameters
    ----------
    steps
        The commands.
    tell, really
        As of `install`.

    Returns
    -------
    int
        Its exit code; 0 when all went well or none was run.
    """
    for step in steps:
        tell(shlex.join(step))
        if really and (code := supervisor.run_step(step)):
            return code
    return 0


def problems(variables: Mapping[str, str]) -> list[tuple[str, bool, str, str]]:
    """Return what keeps an installed service from running after a start of the machine.

    Parameters
    ----------
    variables
        The environment.

    Returns
    -------
    list of tuple
        Name, whether it passed, what was found, and the fix (INVENTORY Z3).
    """
    place = place_of(variables)
    if not place.is_installed:
        return [("service", True, "not installed; rigd deploy install", "")]
    runtime = bool(place.runtime) and Path(place.runtime).is_dir()
    lingers = (LINGER / getpass.getuser()).exists()
    led = (place.own / "checkout").resolve() == checkout().resolve()
    return [
        (
            "service",
            led,
            f"{MAIN} is linked, the checkout {'is this one' if led else 'is another one'}",
            "rigd deploy install --run",
        ),
        (
            "XDG_RUNTIME_DIR",
            runtime,
            place.runtime or "not set: systemctl --user finds no manager",
            "log in anew, or: export XDG_RUNTIME_DIR=/run/user/$(id -u)",
        ),
        (
            "linger",
            lingers,
            "services outlive the log-in" if lingers else "the bot would end with the log-in",
            "loginctl enable-linger",
        ),
    ]
