"""The build check: no launch with files that are missing, changed or do not fit (document 050).

What belongs to the build is sealed in ``env/build_manifest.json``: when a home is provisioned, by
``make session``, and by a person with ``rigd build seal``. Every launch compares. A release refuses
any difference; with BUILD_MODE=debug changed code is told and only what is missing or does not fit
refuses, for those who edit the code that they run.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from rigd import __version__
from rigd.config.choices import BuildMode
from rigd.config.release import newest_version
from rigd.config.sources import checkout
from rigd.config.template import text_of
from rigd.core.errors import ConfigError, Problem, RigdError
from rigd.core.values import SelfCheck
from rigd.ledger.alignment import chart_problems, schema_problems
from rigd.store.files import SECRET_MODE, LocalFiles
from rigd.store.hashing import hash_files, names_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from rigd.config.schema import Settings
    from rigd.core.values import BotIdentity
    from rigd.store.paths import Home

MANIFEST = "build_manifest.json"
"""In ``env/``."""

TEMPLATES = (".env_bot.template", ".env_bot.template-test")
"""Generated, never edited; ``.env_bot.test`` is a person's to change."""

REQUIRED = (
    "VERSION.md",
    "pyproject.toml",
    "notebooks/session.ipynb",
    "env/requirements.lock",
    "env/jupyter/kernels/rigd-bot/kernel.json",
    *(f"env/{name}" for name in TEMPLATES),
)
"""What a launch needs beside the packages, from the checkout's folder."""

SEALED = (*REQUIRED, "rigd/**/*.py", "widgets/**/*.py")
"""What the manifest lists."""

SEAL = "rigd build seal --reason '…'"
_SHOWN = 5


def seal(
    home: Home,
    *,
    by: str,
    reason: str,
    code: Path | None = None,
    before: Callable[[], None] = lambda: None,
) -> bool:
    """Put the build that lies there into the manifest.

    Parameters
    ----------
    home
        Whose manifest.
    by, reason
        Who seals it, and why; kept in the manifest.
    code
        The checkout; this package's own when None.
    before
        Called when it is about to be written, and only then.

    Returns
    -------
    bool
        True when it was written, False when the same build was sealed before.

    Raises
    ------
    ConfigError
        If a required file is missing, or files do not fit each other: such a build is not sealed.
    """
    root = code or checkout()
    _refuse(
        [*_absent(root), *_config_problems(root)],
        "a build with these faults is not sealed",
        fix="restore what is named (git status), then seal again",
    )
    files = hash_files(root, SEALED)
    door = _door(home)
    if door.exists(MANIFEST) and _sealed(door)[0] == files:
        return False
    content = {"version": __version__, "by": by, "reason": reason, "files": files}
    text = json.dumps(content | {"digest": _digest(content)}, indent=1, sort_keys=True)
    before()
    door.replace(MANIFEST, text.encode() + b"\n")
    return True


def is_sealed(home: Home) -> bool:
    """Tell whether a home has a manifest."""
    return _door(home).exists(MANIFEST)


def sealed_build(home: Home) -> str:
    """Return the digest of the build that was sealed; blank when none was, or the seal is broken.

    Parameters
    ----------
    home
        Whose manifest.

    Returns
    -------
    str
        As `build_of` gives it.
    """
    try:
        files, problems = _sealed(_door(home))
    except RigdError:
        return ""
    return "" if problems else _digest(files)


def build_of(code: Path) -> str:
    """Return the digest of the build that lies in a checkout.

    Parameters
    ----------
    code
        The checkout.

    Returns
    -------
    str
        64 hexadecimal digits over names and contents of all that is sealed.
    """
    return _digest(hash_files(code, SEALED))


def stamp_of(code: Path) -> str:
    """Return what changes whenever a file of the build is written; it reads no content.

    Parameters
    ----------
    code
        The checkout.

    Returns
    -------
    str
        64 hexadecimal digits over names, sizes and instants of all that is sealed.
    """
    looks = {name: (code / name).stat() for name in names_of(code, SEALED)}
    return _digest({
        name: [look.st_ino, look.st_size, look.st_mtime_ns, look.st_ctime_ns]
        for name, look in looks.items()
    })


def checks(
    home: Home, identity: BotIdentity, settings: Settings, *, code: Path | None = None
) -> tuple[SelfCheck, ...]:
    """Return what the build check says about a launch; nothing is written.

    Parameters
    ----------
    home, identity, settings
        The bot that is launched.
    code
        The checkout; this package's own when None.

    Returns
    -------
    tuple of SelfCheck
        Files, configuration, chart of accounts and schema, in this order.
    """
    root = code or checkout()
    books = home.bot(identity).ledger_db
    debug = settings.build_mode is BuildMode.DEBUG
    rules: tuple[tuple[str, Callable[[], Iterable[Problem]], str], ...] = (
        ("config", lambda: _config_problems(root), "version and templates fit the code"),
        ("chart", lambda: chart_problems(books), "the chart fits mapping and books"),
        ("schema", lambda: schema_problems(books), "the schema fits the books"),
    )
    parts = (_checked(name, problems, good) for name, problems, good in rules)
    return (_files(home, root, debug=debug), *parts)


def require(answers: Iterable[SelfCheck]) -> None:
    """Do nothing when the build may be launched.

    Parameters
    ----------
    answers
        What `checks` returned.

    Raises
    ------
    ConfigError
        If a check failed; it names each cause.
    """
    failed = [check for check in answers if not check.passed]
    problems = [Problem(check.name, check.detail) for check in failed]
    _refuse(
        problems,
        "build check failed: the launch is refused",
        fix=f"restore what is named (git status), or accept the code as it lies there: {SEAL}",
    )


def _refuse(problems: list[Problem], message: str, *, fix: str) -> None:
    if problems:
        raise ConfigError(message, problems=problems, fix=fix)


def _files(home: Home, root: Path, *, debug: bool) -> SelfCheck:
    """Compare the files with the manifest."""
    absent = _absent(root)
    if absent:
        return _answer("files", absent, "")
    try:
        sealed, problems = _sealed(_door(home))
    except RigdError as error:
        sealed, problems = {}, [Problem(MANIFEST, error.message)]
    changed = problems or list(_differences(sealed, hash_files(root, SEALED)))
    if changed and debug:
        text = f"BUILD_MODE=debug runs code that is not sealed: {_listed(changed)}"
        return SelfCheck(name="build.files", passed=True, detail=text)
    return _answer("files", changed, "every file is as it was sealed")


def _checked(name: str, look: Callable[[], Iterable[Problem]], good: str) -> SelfCheck:
    try:
        return _answer(name, list(look()), good)
    except (RigdError, OSError) as error:
        return SelfCheck(name=f"build.{name}", passed=False, detail=str(error))


def _answer(name: str, problems: list[Problem], good: str) -> SelfCheck:
    detail = _listed(problems) if problems else good
    return SelfCheck(name=f"build.{name}", passed=not problems, detail=detail)


def _listed(problems: list[Problem]) -> str:
    more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
    return "; ".join(map(str, problems[:_SHOWN])) + more


def _absent(root: Path) -> list[Problem]:
    return [Problem(name, "is missing") for name in REQUIRED if not (root / name).is_file()]


def _config_problems(root: Path) -> list[Problem]:
    """Return in what version and templates differ from the code's."""
    problems = []
    version = root / "VERSION.md"
    newest = newest_version(version.read_text(encoding="utf-8")) if version.is_file() else ""
    if newest != __version__:
        problems.append(Problem(version.name, f"must be at {__version__}, is at {newest}"))
    for name in TEMPLATES:
        path = root / "env" / name
        if path.is_file() and path.read_text(encoding="utf-8") != text_of(name):
            problems.append(Problem(f"env/{name}", "differs from what the settings' schema gives"))
    return problems


def _differences(sealed: Mapping[str, str], found: Mapping[str, str]) -> Iterable[Problem]:
    for name in sorted(sealed.keys() | found.keys()):
        if name not in found:
            yield Problem(name, "is missing")
        elif name not in sealed:
            yield Problem(name, "was added after the build was sealed")
        elif found[name] != sealed[name]:
            yield Problem(name, "was changed after the build was sealed")


def _sealed(door: LocalFiles) -> tuple[dict[str, str], list[Problem]]:
    """Return the files that the manifest lists, and what is wrong with it."""
    if not door.exists(MANIFEST):
        return {}, [Problem(f"env/{MANIFEST}", "is missing")]
    try:
        held = json.loads(door.read(MANIFEST))
        digest = held.pop("digest")
        files = {str(name): str(value) for name, value in held["files"].items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}, [Problem(f"env/{MANIFEST}", "must be what `rigd build seal` wrote")]
    if digest != _digest(held):
        return {}, [Problem(f"env/{MANIFEST}", "does not fit its own digest: it was changed")]
    return files, []


def _digest(content: Mapping[str, object]) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _door(home: Home) -> LocalFiles:
    return LocalFiles(home.env, mode=SECRET_MODE)
