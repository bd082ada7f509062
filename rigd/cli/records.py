"""``rigd verify``, ``rigd why`` and ``rigd review``: look into a session's record."""

from __future__ import annotations

from rigd.cli.console import open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts import records
from rigd.hosts.books import verify_books
from rigd.hosts.review import find, run_review
from rigd.reporting.funnel import why as tell_why


def verify(name: str, *, as_json: bool) -> int:
    """Check a record and the books; return 0 when nothing was changed, else 6."""
    bot, folder = find(open_home(), name)
    problems = records.verify_record(folder, bot.identity)
    problems += verify_books(bot, folder)
    if as_json:
        say_json({"record": str(folder), "problems": [str(problem) for problem in problems]})
    else:
        for problem in problems:
            say(f"changed: {problem}")
        found = f"{len(problems)} problem(s)" if problems else "whole: every byte is as sealed"
        say(f"{folder.name}: {found}")
        if problems:
            say_next("restore the record and the books from runs/backups, then verify again")
        else:
            say_next("rigd why SYMBOL", "rigd ledger check")
    return int(ExitCode.TAMPERED if problems else ExitCode.OK)


def why(symbol: str, name: str) -> int:
    """Tell the chain of decisions about a symbol."""
    bot, folder = find(open_home(), name)
    say(tell_why(records.entries_of(folder, bot.identity), symbol.upper()))
    say_next(f"open {folder.name}/report.html", "rigd ledger check")
    return int(ExitCode.OK)


def review(name: str, symbol: str) -> int:
    """Execute the review notebook over a record."""
    home = open_home()
    output = run_review(home, name, symbol)
    say(f"reviewed: {output.relative_to(home.root)}")
    say_next("open it in JupyterLab", "rigd verify", "rigd why SYMBOL")
    return int(ExitCode.OK)
