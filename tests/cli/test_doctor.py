from __future__ import annotations

import json

from rigd.cli import doctor
from rigd.core.errors import ExitCode
from rigd.hosts.health import Finding
from tests.hosts.homes import demo, listing


def test_a_sound_machine_is_told_to_begin(rigd, tmp_path) -> None:
    """All checks pass on an empty home; nothing is written."""
    said = rigd(tmp_path, "doctor")
    assert said.code == 0
    assert "FAIL" not in said.out
    assert said.out.splitlines()[-1] == "next: rigd session"
    assert listing(tmp_path) == {}


def test_a_failed_check_has_exit_code_1_and_its_fix(rigd, tmp_path) -> None:
    """A broken secret is named; the last line says to mend it and look again."""
    home = demo(tmp_path)
    (home.env / ".env_bot.enc").write_bytes(b"junk")
    said = rigd(home, "doctor")
    assert said.code == ExitCode.ERROR
    assert "FAIL security: .env_bot.enc" in said.out
    assert "fix: restore env/ from a backup" in said.out
    assert said.out.splitlines()[-1] == "next: mend what failed, then: rigd doctor"


def test_json_pairs_each_check_with_its_answer(rigd, tmp_path, monkeypatch) -> None:
    """Name, passed, detail; the exit code counts failures."""
    found = [
        Finding(name="python", passed=True, detail="3.12"),
        Finding(name="disk", passed=False, detail="0 MB", fix="free some"),
    ]
    monkeypatch.setattr(doctor, "examine", lambda _: found)
    said = rigd(tmp_path, "doctor", "--json")
    assert said.code == ExitCode.ERROR
    assert json.loads(said.out) == {"python": [True, "3.12"], "disk": [False, "0 MB"]}
