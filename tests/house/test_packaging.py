"""pyproject, environment, lock, Makefile, README, licence and version say the same."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
import yaml

import rigd
from rigd.config.release import newest_version
from rigd.config.schema import Settings
from tests.house.tree import ROOT, repository_files, text

PYPROJECT = tomllib.loads(text("pyproject.toml"))
PROJECT = PYPROJECT["project"]
LOCK = text("env/requirements.lock")
BENCH_LOCK = text("env/bench.lock")


def test_one_version() -> None:
    """The package, pyproject and the first heading of VERSION.md name the same version."""
    assert rigd.__version__ == PROJECT["version"] == newest_version(text("VERSION.md"))


def test_python_range_and_test_tools() -> None:
    """Python 3.11 to 3.13, with pytest and pydantic (V19)."""
    assert PROJECT["requires-python"] == ">=3.11,<3.14"
    assert any(item.startswith("pytest>=") for item in PROJECT["optional-dependencies"]["dev"])
    assert any(item.startswith("pydantic>=") for item in PROJECT["dependencies"])


def test_environment_agrees() -> None:
    """environment.yml holds python in the same range, pip, and this project; nothing else."""
    environment = yaml.safe_load(text("environment.yml"))
    assert environment["name"] == PROJECT["name"]
    assert environment["dependencies"] == [
        f"python {PROJECT['requires-python']}",
        "pip",
        {"pip": ["-e .[all]"]},
    ]


def test_all_means_every_extra() -> None:
    """The extra `all` is every other extra, and the agreed ones exist."""
    extras = PROJECT["optional-dependencies"]
    named = re.search(r"\[(.*)\]", extras["all"][0])
    assert named is not None
    assert set(named[1].split(",")) == set(extras) - {"all"}
    assert set(extras) == {"research", "ofx", "brokers", "signals", "cluster", "dev", "all"}


def pins(lock: str = LOCK) -> dict[str, str]:
    """Name and block of each pinned package; a package may be pinned per Python version."""
    blocks = re.split(r"\n(?=[A-Za-z0-9])", lock)
    found: dict[str, str] = {}
    for block in blocks:
        name = re.match(r"[A-Za-z0-9._-]+", block)
        assert name is not None, block[:80]
        found[re.sub(r"[-_.]+", "-", name[0]).lower()] = block
    return found


@pytest.mark.parametrize("lock", [LOCK, BENCH_LOCK], ids=["ours", "the peers'"])
def test_each_pin_has_a_version_and_hashes(lock: str) -> None:
    """Every line of a lock is an exact version with SHA-256 hashes, and no other option."""
    for name, block in pins(lock).items():
        assert re.match(r"\S+==[^\s;]+( ;[^\\]*)? \\\n", block), name
        assert re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\)?\n?)+", block.split("\n", 1)[1])


def test_the_lock_is_universal() -> None:
    """Markers choose between Python versions, so that one lock serves 3.11 to 3.13."""
    assert re.search(r"; .*python_full_version", LOCK)
    assert re.search(r"; .*sys_platform|; .*platform_", LOCK)


def test_every_dependency_is_pinned() -> None:
    """Each package that pyproject asks for is in the lock, and so is what builds this one."""
    wanted = [*PROJECT["dependencies"]]
    for name, items in PROJECT["optional-dependencies"].items():
        wanted += items if name != "all" else []
    wanted += [*PYPROJECT["build-system"]["requires"], "editables"]
    names = {re.sub(r"[-_.]+", "-", re.split(r"[\[<>=;! ]", item)[0]).lower() for item in wanted}
    assert names - set(pins()) == set()


def test_licence_is_mit() -> None:
    """The licence file is the MIT text and pyproject names it (Z11)."""
    assert text("LICENSE").startswith("MIT License\n")
    assert PROJECT["license"] == "MIT"
    assert PROJECT["license-files"] == ["LICENSE"]


def make_targets() -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z][a-z-]*):", text("Makefile"), re.MULTILINE))


def test_make_has_the_agreed_targets() -> None:
    """Each agreed target exists and is shown by `make help`."""
    agreed = {"session", "test", "test-system", "check", "notebooks", "lock", "clean"}
    agreed |= {"bench", "bench-core"}
    assert agreed <= make_targets()
    shown = subprocess.run(
        ["make", "-s", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    assert agreed <= set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE))


def test_a_fresh_checkout_is_set_up_first() -> None:
    """Every target that runs something depends on the installed environment."""
    for target in (
        "session",
        "tests",
        "test-notebooks",
        "test-system",
        "gates",
        "bench",
        "bench-core",
    ):
        assert re.search(rf"^{target}: \$\(STAMP\)$", text("Makefile"), re.MULTILINE), target


def test_the_peers_are_pinned_and_never_ours() -> None:
    """Each peer of `make bench` is in the peers' lock alone, and no dependency of this package."""
    peers = {line for line in text("env/bench.in").splitlines() if not line.startswith("#")}
    assert peers == {"backtesting", "backtrader", "nautilus_trader", "piecash"}
    named = {peer.replace("_", "-") for peer in peers}
    assert named <= set(pins(BENCH_LOCK))
    assert not named & set(pins())


@pytest.mark.parametrize("name", ["README.md", "tests/README.md"])
def test_documented_make_commands_exist(name: str) -> None:
    """Every `make …` of a text is a target."""
    used = set(re.findall(r"(?:^|`)make ([a-z][a-z-]*)", text(name), re.MULTILINE))
    assert used
    assert used <= make_targets()


def test_documented_rigd_commands_exist() -> None:
    """Every `rigd …` command of the README is one of the command line's."""
    from typer.main import get_command  # noqa: PLC0415 - only this test needs the command line

    from rigd.cli.app import app  # noqa: PLC0415 - only this test needs the command line

    root = get_command(app)
    used = re.findall(r"(?:^    |`)rigd ((?:[a-z]+ ?)+)", text("README.md"), re.MULTILINE)
    assert used
    for words in used:
        command = root
        for word in words.split():
            inner = getattr(command, "commands", {})
            if not inner:
                break
            assert word in inner, f"rigd {words}"
            command = inner[word]


def test_the_readme_gives_the_gate_command() -> None:
    """The README's test command is what the continuous gate runs."""
    assert "make test" in text("README.md")
    gate = text(".ci/run")
    assert "for target in gates test test-system" in gate
    assert "set -euo pipefail" in gate
    assert "export CI=true" in gate


def test_scripts_may_be_run() -> None:
    """The gate's script carries the executable bit."""
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111


def test_the_readme_names_the_hard_licences() -> None:
    """The README names the two licences that bind whoever distributes a bundle."""
    readme = text("README.md")
    for word in ("vectorbt", "Commons Clause", "ofxtools", "GPL-3", "MIT"):
        assert word in readme


def test_version_md_names_what_it_comes_from() -> None:
    """VERSION.md names the document versions it grew from and the module that is not shipped."""
    told = text("VERSION.md")
    for word in ("070 v0476", "050 v046", "015 v045", "090 v041", "float_bot"):
        assert word in told
    assert [name for name in repository_files() if "float_bot" in name] == []


def test_the_keys_of_version_md_exist() -> None:
    """Each settings key that VERSION.md names is one of the schema's."""
    keys = set(re.findall(r"`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)`", text("VERSION.md")))
    assert keys
    assert keys <= {name.upper() for name in Settings.model_fields}


def test_what_a_run_leaves_is_ignored() -> None:
    """Outputs, secrets, caches and executed notebooks never reach a commit (Z10)."""
    places = [
        "runs/latest",
        "runs/control/control_stop.flag",
        "env/keys/env.key",
        "env/secrets/broker.json.enc",
        "env/.env",
        "env/.env_bot",
        "env/.env_bot.enc",
        "env/build_manifest.json",
        "env/databases/SYSTEM_USERS.db",
        ".venv/x",
        ".pytest_cache/tests.xml",
        "notebooks/.ipynb_checkpoints/session.ipynb",
        "rigd/__pycache__/x.pyc",
    ]
    ignored = subprocess.run(
        ["git", "check-ignore", *places], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split()
    assert ignored == places
