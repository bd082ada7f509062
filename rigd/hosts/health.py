"""The checks of ``rigd doctor``, each with its fix."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from rigd.config.sources import checkout, environment
from rigd.core.errors import RigdError
from rigd.hosts import deploy
from rigd.hosts.bot import build_checks, env_door, is_provisioned, keyring, open_bot
from rigd.hosts.build_check import SEAL
from rigd.vault.security import launch_checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from rigd.store.paths import Home

NEEDED = ("numpy", "pandas", "papermill", "ipykernel", "nbformat", "bokeh", "cryptography")
OPTIONAL = ("ofxtools", "numba", "vectorbt", "jupyterlab")
FREE_MB = 512
"""Room for a session's reserves and its backup [MB]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check, its answer, and what to do when it failed."""

    name: str
    passed: bool
    detail: str
    fix: str = ""


def examine(home: Home) -> list[Finding]:
    """Return every check of this machine and home; nothing is written."""
    checks: tuple[Callable[[Home], list[Finding]], ...] = (
        _python,
        _packages,
        _disk,
        _kernelspec,
        _service,
        _bot,
    )
    return [finding for check in checks for finding in check(home)]


def _python(_home: Home) -> list[Finding]:
    found = platform.python_version()
    return [
        Finding(
            name="python",
            passed=(3, 11) <= sys.version_info[:2] < (3, 14),
            detail=f"{found}; 3.11 to 3.13 are supported",
            fix="install Python 3.11, 3.12 or 3.13 and run `make session` again",
        )
    ]


def _packages(_home: Home) -> list[Finding]:
    missing = [name for name in NEEDED if not _version(name)]
    lacking = [name for name in OPTIONAL if not _version(name)]
    detail = f"{len(NEEDED) - len(missing)} of {len(NEEDED)} needed packages"
    if lacking:
        detail += f"; optional ones missing: {', '.join(lacking)}"
    return [
        Finding(
            name="packages",
            passed=not missing,
            detail=detail if not missing else f"missing: {', '.join(missing)}",
            fix="run `make session`: it installs env/requirements.lock",
        )
    ]


def _disk(home: Home) -> list[Finding]:
    place = home.root if home.root.exists() else home.root.parent
    free = shutil.disk_usage(place).free // 1_000_000
    return [
        Finding(
            name="disk",
            passed=free >= FREE_MB,
            detail=f"{free} MB free, {FREE_MB} MB needed",
            fix="free some room, or point RIGD_HOME to another disk",
        )
    ]


def _kernelspec(_home: Home) -> list[Finding]:
    spec = checkout() / "env" / "jupyter" / "kernels" / "rigd-bot" / "kernel.json"
    return [
        Finding(
            name="kernelspec",
            passed=spec.is_file(),
            detail="rigd-bot is in env/jupyter/kernels",
            fix="restore env/jupyter from git",
        )
    ]


def _service(_home: Home) -> list[Finding]:
    return [
        Finding(name=name, passed=passed, detail=detail, fix=fix)
        for name, passed, detail, fix in deploy.problems(environment())
    ]


def _bot(home: Home) -> list[Finding]:
    if not is_provisioned(home):
        return [Finding(name="bot", passed=True, detail="none yet; the first session makes a demo")]
    found = [
        Finding(
            name=f"security: {check.name}",
            passed=check.passed,
            detail=check.detail,
            fix="restore env/ from a backup",
        )
        for check in launch_checks(env_door(home), keyring(home))
    ]
    try:
        bot = open_bot(home, checkout() / "VERSION.md")
    except RigdError as error:
        found.append(Finding(name="settings", passed=False, detail=str(error), fix=error.fix))
    else:
        detail = f"{bot.identity} [{bot.profile.value}], {bot.settings_source} is valid"
        found.append(Finding(name="settings", passed=True, detail=detail))
        found += [
            Finding(name=check.name, passed=check.passed, detail=check.detail, fix=SEAL)
            for check in build_checks(bot)
        ]
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
