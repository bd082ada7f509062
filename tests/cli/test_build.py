"""``rigd build``."""

from __future__ import annotations

import json

from rigd.core.errors import ExitCode
from rigd.hosts.build_check import MANIFEST
from tests.hosts.homes import demo, listing


def test_a_sound_build_is_told(rigd, tmp_path) -> None:
    """INVENTORY E17: the check has a door on the command line; all parts passed, code 0."""
    home = demo(tmp_path)
    said = rigd(home, "build", "check")
    assert said.code == 0
    assert [line.split(":")[0] for line in said.out.splitlines()[:4]] == [
        *("ok   build.files", "ok   build.config", "ok   build.chart", "ok   build.schema")
    ]
    assert said.out.splitlines()[-1] == "next: rigd session"


def test_a_lost_manifest_has_a_code_and_a_cause(rigd, tmp_path) -> None:
    """INVENTORY E17: exit ≠ 0 and the named cause, as text and as JSON."""
    home = demo(tmp_path)
    (home.env / MANIFEST).unlink()
    said = rigd(home, "build", "check")
    assert said.code == ExitCode.BAD_INPUT
    assert f"FAIL build.files: env/{MANIFEST}: is missing" in said.out
    said = rigd(home, "build", "check", "--json")
    assert said.code == ExitCode.BAD_INPUT
    assert json.loads(said.out)["build.files"] == [False, f"env/{MANIFEST}: is missing"]


def test_a_launch_says_how_to_go_on(rigd, tmp_path, door) -> None:
    """INVENTORY E17: `rigd session` refuses, names the cause and the two ways out."""
    home = demo(tmp_path)
    (home.env / MANIFEST).unlink()
    said = rigd(home, "session")
    assert said.code == ExitCode.BAD_INPUT
    assert f"build.files: env/{MANIFEST}: is missing" in said.err
    assert "rigd build seal" in said.err
    assert door is not None


def test_sealing_is_audited(rigd, tmp_path) -> None:
    """Who accepted the build, and why, is on record; the same build is sealed once."""
    home = demo(tmp_path)
    (home.env / MANIFEST).unlink()
    said = rigd(home, "build", "seal", "--reason", "moved to a new machine")
    assert (said.code, said.out.splitlines()[0]) == (0, "the build is sealed")
    row = json.loads((home.logs / "operator_audit.log").read_text().splitlines()[-1])
    assert (row["event"], row["reason"], row["profile"]) == (
        "build_sealed",
        "moved to a new machine",
        "TEST",
    )
    assert rigd(home, "build", "check").code == 0
    said = rigd(home, "build", "seal", "--reason", "again")
    assert said.out.splitlines()[0] == "the same build was sealed before"


def test_a_seal_needs_a_reason(rigd, tmp_path) -> None:
    """A blank reason is bad input, and nothing is written."""
    home = demo(tmp_path)
    before = listing(home.root)
    assert rigd(home, "build", "seal", "--reason", " ").code == ExitCode.BAD_INPUT
    assert listing(home.root) == before


def test_a_build_can_be_sealed_before_there_is_a_bot(rigd, tmp_path) -> None:
    """Whoever builds seals; the first session finds the seal and keeps it."""
    assert rigd(tmp_path, "build", "seal", "--reason", "make session").code == 0
    assert (tmp_path / "env" / MANIFEST).is_file()
