"""``rigd tuning``: what each strategy made of its trigger, over all sessions."""

from __future__ import annotations

from rigd.cli.console import open_bot_of, open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts import tuning
from rigd.reporting.session_summary import text_table
from rigd.reporting.tuning_view import advice, tuning_table


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
        say("\n".join(text_table(tuning_table(document["table"]))))
        say(f"  {advice(document)}")
    if not found:
        say("no closed session yet")
    say_next("rigd session --set KEY=VALUE tries a value")
    return int(ExitCode.OK)
