"""``rigd ledger check|export|gains|recount``: the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.cli.console import open_bot_of, open_home, say, say_json, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.core.money import plain
from rigd.hosts import books
from rigd.store.files import replace

if TYPE_CHECKING:
    from pathlib import Path

    from rigd.store.paths import Home


def check(*, as_json: bool) -> int:
    """Check the books; return 0 when they balance and their chain is whole, else 6."""
    bot = open_bot_of(open_home())
    problems, facts = books.check_books(bot)
    if as_json:
        say_json({"problems": [str(problem) for problem in problems], "facts": dict(facts)})
    else:
        width = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            say(f"  {name.ljust(width)}  {value:>20}")
        for problem in problems:
            say(f"problem: {problem}")
        say("the books do not check out" if problems else "the books balance, their chain is whole")
        if problems:
            say_next("restore the books from runs/backups, then: rigd ledger check")
        else:
            say_next("rigd ledger export --format ofx")
    return int(ExitCode.TAMPERED if problems else ExitCode.OK)


def export(form: str, out: Path | None) -> int:
    """Export the books to a file."""
    if form not in books.FORMATS:
        msg = f"--format must be one of {', '.join(books.FORMATS)}, was {form!r}"
        raise ConfigError(msg)
    bot = open_bot_of(open_home())
    if out:
        _refuse_inside(bot.home, out)
    content = books.export_books(bot, form)
    path = out or bot.home.bot(bot.identity).ledgers / f"{bot.identity}.{form}"
    replace(path, content)
    say(f"{len(content)} bytes written to {path}")
    say_next("rigd ledger check")
    return int(ExitCode.OK)


def gains(year: int | None, out: Path | None) -> int:
    """Write the realised gains lot by lot: holding period, term, possible wash sales."""
    bot = open_bot_of(open_home())
    if out:
        _refuse_inside(bot.home, out)
    content = books.export_gains(bot, year)
    span = str(year) if year else "all"
    ledgers = bot.home.bot(bot.identity).ledgers
    path = out or ledgers / f"{bot.identity}_realised_gains_{span}.csv"
    replace(path, content)
    rows = content.count(b"\n") - 1
    say(f"{rows} closed lot(s) written to {path}")
    say("wash_sale says 'possible' at a loss with another entry of the symbol within 30 days;")
    say("nothing is disallowed: have it judged with all of the owner's accounts")
    say_next("rigd ledger check")
    return int(ExitCode.OK)


def recount(session: str) -> int:
    """Count a session's PnL again with vectorbt; return 0 when both agree, else 6."""
    from rigd.hosts.recount import recount_session  # noqa: PLC0415 - only this command needs it

    found = recount_session(open_bot_of(open_home()), session)
    for row in found:
        sign = "agrees" if row.agrees else f"DIFFERS by {plain(row.difference)}"
        told = f"{plain(row.booked)} booked, {plain(row.counted)} counted"
        say(f"  {row.symbol.ljust(8)}  {row.trades} trade(s), {told}: {sign}")
    agreed = all(row.agrees for row in found)
    say("both accountings agree" if found and agreed else "nothing traded" if agreed else "DIFFERS")
    say_next("rigd ledger check")
    return int(ExitCode.OK if agreed else ExitCode.TAMPERED)


def _refuse_inside(home: Home, out: Path) -> None:
    """Refuse a path among what the bot keeps: an export must write over no secret, no record."""
    place = out.resolve()
    kept = ((home.env, "env/, where keys and secrets are"), (home.runs, "runs/, where records are"))
    for folder, what in kept:
        if place.is_relative_to(folder.resolve()):
            msg = f"--out must lie outside {what}, was {out}"
            raise ConfigError(msg, fix="leave --out away: the export goes beside the books")
