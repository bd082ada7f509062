"""``rigd tuning``: what each strategy made of its trigger, over all sessions."""

from __future__ import annotations

from rigd.cli.console import open_bot_of, open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts import tuning
from rigd.reporting.session_summary import text_table
from rigd.reporting.tables import Table
from rigd.reporting.tuning import COLUMNS


def run(*, rebuild: bool, as_json: bool) -> int:
    """Print the table and the recommendation of each strategy; return 0."""
    bot = open_bot_of(open_home())
    if rebuild:
        count = tuning.rebuild(bot)
        if not as_json:
            say(f"made again from {count} sealed session(s)")
    found = tuning.tables(bot)
    if as_json:
        say_json(dict(found))
        return int(ExitCode.OK)
    for name, document in found.items():
        say(f"{name}: {document['trigger']}")
        say("\n".join(text_table(_table(document["table"]))))
        advice = document["recommendation"]
        if isinstance(advice, dict):
            value = f"{advice['key']}={advice['value']}: " if advice["value"] else ""
            say(f"  {value}{advice['reason']}")
    if not found:
        say("no closed session yet")
    say_next("rigd session --set KEY=VALUE tries a value")
    return int(ExitCode.OK)


def _table(rows: object) -> Table:
    cells = [
        tuple(_cell(row[column]) for column in COLUMNS)
        for row in (rows if isinstance(rows, list) else [])
    ]
    return Table("tuning", COLUMNS, tuple(cells), frozenset(range(len(COLUMNS) - 1)))


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, dict):
        return " ".join(f"{symbol}:{count}" for symbol, count in value.items()) or "-"
    return str(value)
