"""K21: no archive of the checkout holds a secret, a key, a record or a database."""

from __future__ import annotations

import fnmatch
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import pytest

from tests.canaries import Canaries
from tests.house.tree import ROOT, repository_files, text

if TYPE_CHECKING:
    from pathlib import Path

SENSITIVE = (
    "env/keys/env.key",
    "env/keys/requests.key",
    "env/keys/retired/20260101T000000000000Z_0123456789abcdef.key",
    "env/secrets/broker.json.enc",
    "env/secrets/generations.json.enc",
    "env/databases/SYSTEM_USERS.db",
    "env/.env",
    "env/.env_bot",
    "env/.env_bot.enc",
    "env/.env_bot.test.enc",
    "env/env_bot.versioned/000001_close.json",
    "env/inverse_etfs.versioned/1.json",
    "env/jupyter/runtime/jpserver-1.json",
    "env/kill_access.json",
    "runs/logs/key_usage.log",
    "runs/control/control_nonces.json",
    "runs/backups/secrets_20260101T000000000000Z/broker.json.enc",
    "runs/RIGD_USA_SIM_01/sessions/2026-01-05_1/journal.log",
    "runs/simulated_broker/RIGD_USA_SIM_01.log",
    "runs/test_mode/logs/main_bot.log",
)
"""What lies in a folder that somebody works in, and belongs in no copy of it."""

NEEDED = ("rigd/__init__.py", "env/requirements.lock", "env/.env_bot.template", "pyproject.toml")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which a bot has run; nothing says what git ignores."""
    root = tmp_path_factory.mktemp("checkout")
    kept = ("rigd/", "widgets/", "env/", "runs/")
    for name in repository_files():
        if name.startswith(kept) or ("/" not in name and name != ".gitignore"):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, root / name)
    canaries = Canaries()
    for name in SENSITIVE:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(canaries.make(name))
    vars(test_a_build_holds_nothing_sensitive)["canaries"] = canaries
    return root


@pytest.mark.parametrize("kind", ["sdist", "wheel"])
def test_a_build_holds_nothing_sensitive(folder: Path, tmp_path: Path, kind: str) -> None:
    """What `pip` builds and anyone may upload: neither the names nor a byte of what is in them."""
    call = f"import hatchling.build as b; b.build_{kind}({str(tmp_path)!r})"
    subprocess.run([sys.executable, "-c", call], cwd=folder, check=True, capture_output=True)
    (made,) = tmp_path.iterdir()
    if kind == "wheel":
        with zipfile.ZipFile(made) as archive:
            held = {name: archive.read(name) for name in archive.namelist()}
    else:
        with tarfile.open(made) as archive:
            held = {
                each.name.partition("/")[2]: archive.extractfile(each).read()  # type: ignore[union-attr]
                for each in archive
                if each.isfile()
            }
    assert "rigd/__init__.py" in held
    assert set(held) & set(SENSITIVE) == set()
    canaries: Canaries = vars(test_a_build_holds_nothing_sensitive)["canaries"]
    assert canaries.hits(held.items()) == []


def test_a_copy_by_the_list_holds_nothing_sensitive(folder: Path, tmp_path: Path) -> None:
    """`tar --exclude-from .scpignore_rigd`, as the list says: the listing has none of them."""
    made = tmp_path / "copy.tar"
    command = ["tar", f"--exclude-from={ROOT / '.scpignore_rigd'}", "-cf", str(made), "."]
    subprocess.run(command, cwd=folder, check=True)
    with tarfile.open(made) as archive:
        names = {name.removeprefix("./") for name in archive.getnames()}
    assert names & set(SENSITIVE) == set()
    assert names >= set(NEEDED)


@pytest.mark.parametrize("name", SENSITIVE)
def test_an_image_and_a_source_distribution_leave_it_out(name: str) -> None:
    """The two other lists know each of them too."""
    parents = [str(each) for each in (PurePosixPath(name), *PurePosixPath(name).parents)]
    image = [line for line in text("env/docker/Dockerfile.dockerignore").split("\n") if line]
    build = tomllib.loads(text("pyproject.toml"))["tool"]["hatch"]["build"]["exclude"]
    for patterns in (image, [each.lstrip("/") for each in build]):
        assert [p for p in patterns for each in parents if fnmatch.fnmatchcase(each, p)], patterns
