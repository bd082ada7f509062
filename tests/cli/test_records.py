from __future__ import annotations

import json
import shutil

from rigd.core.errors import ExitCode
from rigd.hosts.records import find_record
from rigd.store.paths import Home
from tests.hosts.homes import bot_of, listing


def spoilt(launched_home, tmp_path) -> tuple[Home, object]:
    shutil.copytree(launched_home.root, tmp_path / "home", symlinks=True)
    home = Home(tmp_path / "home")
    return home, find_record(home, bot_of(home).identity, "latest")


def test_a_whole_record_is_told_to_be_whole(rigd, launched_home) -> None:
    """Exit code 0, by any of its names; verifying changes nothing."""
    sessions = launched_home.bot(bot_of(launched_home).identity).sessions
    before = listing(sessions)
    for name in ((), ("latest",), ("2012-11-14_1",)):
        said = rigd(launched_home, "verify", *name)
        assert said.code == 0
        assert "2012-11-14_1: whole: every byte is as sealed" in said.out
    assert listing(sessions) == before


def test_a_changed_record_has_exit_code_6(rigd, launched_home, tmp_path) -> None:
    """File and record of each change, and the way back."""
    home, folder = spoilt(launched_home, tmp_path)
    lines = (folder / "journal.log").read_bytes().splitlines(keepends=True)
    lines[4], lines[5] = lines[5], lines[4]
    (folder / "journal.log").write_bytes(b"".join(lines))
    log = (folder / "open.log").read_bytes().splitlines(keepends=True)
    (folder / "open.log").write_bytes(b"".join(log[:-1]))
    said = rigd(home, "verify")
    assert said.code == ExitCode.TAMPERED
    assert "changed: journal.log:record 5" in said.out
    assert f"changed: open.log:record {len(log)}" in said.out
    assert said.out.splitlines()[-1].startswith("next: restore")
    fields = json.loads(rigd(home, "verify", "--json").out)
    assert len(fields["problems"]) == 2
    assert rigd(home, "why", "FB").code == ExitCode.TAMPERED


def test_an_unknown_record_is_bad_input(rigd, launched_home) -> None:
    """Those that exist are named."""
    said = rigd(launched_home, "verify", "2012-11-14_9")
    assert said.code == ExitCode.BAD_INPUT
    assert "found 2012-11-14_1" in said.err


def test_why_tells_the_whole_chain(rigd, launched_home) -> None:
    """A symbol that traded is followed to its exit; one that nobody knows is said so."""
    said = rigd(launched_home, "why", "fb")
    assert said.code == 0
    assert "FB" in said.out
    assert "open" in said.out
    assert "stop_loss" in said.out or "timeout" in said.out or "target" in said.out
    assert "ZZZ" in rigd(launched_home, "why", "ZZZ").out
    again = rigd(launched_home, "why", "FB", "--session", "2012-11-14_1")
    assert again.out == said.out
