"""Small pieces of work, cut at every boundary; readers and backups beside a busy writer."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from rigd.core.values import Side
from rigd.ledger.book import Ledger
from rigd.store.database import backup_database, open_database, open_for_reading
from rigd.store.images import workplace
from tests.ledger.books import ACCOUNT, BOT, KEY, entry, fill, started

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.system

CUTS = {"backup": 200, "state": 10, "epoch": 10}
"""Each work of `cut_writes`, and how many cuts it has at least."""


@pytest.mark.parametrize("work", CUTS)
def test_a_work_cut_anywhere_leaves_the_old_or_the_new(
    figure: Callable[[str, str], None], work: str
) -> None:
    """Killed, torn, refused by a full or failing disk: what was good stays good (R11, R12)."""
    with workplace() as folder:
        done = subprocess.run(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-m", "tests.system.cut_writes", work, str(folder)],
            cwd=checkout(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrongs"] == []
    assert found["cuts"] >= CUTS[work]
    figure(f"{work} cut", f"{found['cuts']} cuts, 0 wrong")


POLLS, WRITES = 10_000, 1_000

_WRITER = f"""
import json, sys
from pathlib import Path
from rigd.store.files import replace
path = Path(sys.argv[1])
for number in range({WRITES}):
    replace(path, json.dumps({{"number": number, "text": "x" * (number % 700)}}).encode())
print("done")
"""


def test_a_reader_never_sees_half_a_state_file(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """10,000 polls during 1,000 writes: each read is a whole document, never an older one (R12)."""
    path = tmp_path / "status.json"
    path.write_text(json.dumps({"number": -1}), encoding="utf-8")
    polls, last = 0, -1
    with subprocess.Popen(  # noqa: S603 - our own interpreter and code
        [sys.executable, "-c", _WRITER, str(path)], cwd=checkout(), stdout=subprocess.PIPE
    ) as writer:
        while writer.poll() is None or polls < POLLS:
            number = json.loads(path.read_bytes())["number"]
            assert number >= last
            last, polls = number, polls + 1
    assert writer.returncode == 0
    assert last == WRITES - 1
    figure("reads of a state file beside its writer", f"{polls} polls, {WRITES} writes, 0 torn")


BACKUPS = 100


def test_backups_beside_a_busy_writer_restore_with_everything_acknowledged(
    tmp_path: Path, figure: Callable[[str, str], None]
) -> None:
    """Each of 100 copies is sound and holds every transaction whose commit had returned (R10)."""
    path = tmp_path / "ledger.db"
    Ledger(open_database(path), identity=BOT, account=ACCOUNT).close()
    acked, ended, waits = [0], threading.Event(), []

    def post() -> None:
        with closing(Ledger(open_database(path), identity=BOT, account=ACCOUNT)) as books:
            books.post(entry(1, started()), KEY)
            seq = 1
            while not ended.is_set():
                seq += 1
                began = time.monotonic()
                books.post(entry(seq, fill(str(seq), Side.BUY, "1", "10", minute=1)), KEY)
                waits.append(time.monotonic() - began)
                acked[0] = seq

    writer = threading.Thread(target=post)
    writer.start()
    try:
        for number in range(BACKUPS):
            before, copy = acked[0], tmp_path / f"{number}.db"
            with closing(open_for_reading(path)) as source:
                backup_database(source, copy)
            with closing(open_database(copy, wal_reserve=False)) as restored:
                (count,) = restored.execute("SELECT count(*) FROM transactions").fetchone()
            assert count >= before
            copy.unlink()
    finally:
        ended.set()
        writer.join()
    with closing(Ledger(open_database(path), identity=BOT, account=ACCOUNT)) as books:
        assert books.check() == []
        assert books.head[0] == acked[0]
    waits.sort()
    slow = waits[int(len(waits) * 0.99)] * 1000.0
    figure(
        "backups beside a busy writer", f"{BACKUPS} of {BACKUPS} whole; commit p99 {slow:.0f} ms"
    )
