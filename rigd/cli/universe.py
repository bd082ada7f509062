"""``rigd universe build|refilter|show|diff|blocklist``: the symbols that a session may trade."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from rigd.cli.console import CLOCK, open_bot_of, open_home, say, say_json, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import operator_audit
from rigd.hosts import universe as host
from rigd.screener import blocklist, versions
from rigd.screener.build import read_state
from rigd.screener.plan import Phase
from rigd.screener.universe import NOT_LISTED, detail_fields
from rigd.screener.universe import diff as compare
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rigd.core.universe import Universe
    from rigd.hosts.bot import Bot
    from rigd.screener.build import Outcome
    from rigd.screener.plan import State
    from rigd.screener.universe import Change

SHOWN = 10
"""Changes of each kind that are printed; ``--json`` gives all of them."""
USE = "rigd session --universe latest"


def build(folders: Sequence[str], day: str, *, fresh: bool, as_json: bool) -> int:
    """Build and publish; return 0, or 1 and 2 where it waits for a provider that fails or lacks."""
    bot = open_bot_of(open_home())
    asked = host.providers(bot.home, folders)
    outcome = host.build(bot, asked, CLOCK, day=_day(day), fresh=fresh)
    _print_outcome(bot, outcome, as_json=as_json)
    if outcome.state.phase is Phase.WAITING:
        return int(ExitCode.ERROR if asked else ExitCode.BAD_INPUT)
    return int(ExitCode.OK)


def refilter(*, as_json: bool) -> int:
    """Publish what was fetched under other thresholds."""
    bot = open_bot_of(open_home())
    _print_outcome(bot, host.refilter(bot, CLOCK), as_json=as_json)
    return int(ExitCode.OK)


def show(symbol: str, *, as_json: bool) -> int:
    """Show where the universe stands, or one symbol of it."""
    bot = open_bot_of(open_home())
    if symbol:
        return _show_symbol(bot, symbol.upper(), as_json=as_json)
    published = versions.published_or_none(bot.home)
    state = read_state(bot.home)
    if as_json:
        say_json(_fields(bot, state, published))
    else:
        _print(bot, state, published)
    return int(ExitCode.OK)


def diff(old: str, new: str, *, as_json: bool) -> int:
    """Show what changed between two universes."""
    home = open_home()
    before, after = versions.find(home, old), versions.find(home, new)
    found = compare(before, after)
    if as_json:
        kinds = {"added": found.added, "removed": found.removed, "changed": found.changed}
        say_json({
            "old": before.stamp,
            "new": after.stamp,
            **{name: {each.symbol: each.reason for each in rows} for name, rows in kinds.items()},
        })
        return int(ExitCode.OK)
    say(f"from {before.stamp} to {after.stamp}")
    for name, rows in (
        ("added", found.added),
        ("removed", found.removed),
        ("changed", found.changed),
    ):
        _print_changes(name, rows)
    say_next("all of it: rigd universe diff --json", USE)
    return int(ExitCode.OK)


def blocklist_list(*, as_json: bool) -> int:
    """List the blocked symbols."""
    lines = [each.line() for each in blocklist.read(Registry(open_home())).values()]
    if as_json:
        say_json({"blocklist": lines})
        return int(ExitCode.OK)
    for line in lines:
        say(line)
    say(f"{len(lines)} blocked")
    say_next("rigd universe blocklist add SYMBOL --reason '…'")
    return int(ExitCode.OK)


def blocklist_add(symbol: str, reason: str) -> int:
    """Block a symbol."""
    bot = open_bot_of(open_home())
    line = host.block(bot, symbol.upper(), reason, CLOCK, by=operator_audit.name())
    say(line.line() if line else f"{symbol.upper()} is blocked already")
    say_next("rigd universe refilter takes it out of the published universe")
    return int(ExitCode.OK)


def blocklist_remove(symbol: str) -> int:
    """Unblock a symbol."""
    bot = open_bot_of(open_home())
    gone = host.unblock(bot, symbol.upper(), CLOCK, by=operator_audit.name())
    say(f"unblocked: {gone.line()}")
    say_next("rigd universe build fetches what is known of it")
    return int(ExitCode.OK)


def _print_outcome(bot: Bot, outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        fields = _fields(bot, outcome.state, outcome.published)
        say_json(fields | {"resumed": outcome.resumed})
        return
    if outcome.resumed:
        say("a build that was cut off is taken up")
    _print(bot, outcome.state, outcome.published)


def _print(bot: Bot, state: State, published: Universe | None) -> None:
    cause = f": {state.cause}" if state.cause else ""
    say(f"universe of {bot.identity} [{bot.profile.value}]: {state.phase.value}{cause}")
    if published is not None:
        facts = (
            ("published", f"{published.stamp}, version {published.version[:16]}"),
            ("data of", str(published.dated)),
            ("providers", ", ".join(published.providers) or "none"),
            ("symbols", str(len(published.members))),
            *((f"  {reason}", str(count)) for reason, count in published.warned.items()),
            ("rejected", str(len(published.rejected))),
            *((f"  {reason}", str(count)) for reason, count in _counts(published).items()),
        )
        for name, value in facts:
            say(f"  {name.ljust(24)}  {value}")
    say_next(*_next(bot, state, published))


def _next(bot: Bot, state: State, published: Universe | None) -> tuple[str, ...]:
    if state.phase is not Phase.PUBLISHED:
        return (state.next_step,)
    if published is not None and host.criteria_of(bot.settings).as_texts() != published.criteria:
        return ("the thresholds changed since: rigd universe refilter",)
    return (USE, "rigd universe diff")


def _fields(bot: Bot, state: State, published: Universe | None) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "phase": state.phase.value,
        "cause": state.cause,
        "next": "; ".join(_next(bot, state, published)),
        "published": None,
    }
    if published is not None:
        fields["published"] = {
            "stamp": published.stamp,
            "version": published.version,
            "dated": published.dated.isoformat(),
            "providers": list(published.providers),
            "criteria": dict(published.criteria),
            "symbols": list(published.members),
            "warned": published.warned,
            "rejected": _counts(published),
        }
    return fields


def _show_symbol(bot: Bot, symbol: str, *, as_json: bool) -> int:
    published = versions.published(bot.home)
    member = published.members.get(symbol)
    reason = "" if member else published.rejected.get(symbol, NOT_LISTED)
    details = detail_fields(member.details) if member else {}
    if as_json:
        fields: dict[str, Any] = {"symbol": symbol, "member": member is not None}
        say_json(fields | {"reason": reason, "details": details})
        return int(ExitCode.OK)
    say(f"{symbol} is in universe {published.stamp}" if member else f"{symbol} is out: {reason}")
    for name, value in details.items():
        say(f"  {name.ljust(24)}  {value}")
    say_next(
        USE
        if member
        else "rigd universe blocklist list"
        if reason == "blocklisted"
        else "rigd config show has the thresholds"
    )
    return int(ExitCode.OK)


def _print_changes(name: str, rows: Sequence[Change]) -> None:
    say(f"  {name} {len(rows)}")
    for each in rows[:SHOWN]:
        say(f"    {each.symbol.ljust(12)}  {each.reason}")


def _counts(published: Universe) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in published.rejected.values():
        counts[reason] = counts.get(reason, 0) + 1
    return dict(sorted(counts.items()))


def _day(text: str) -> date | None:
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"--date must be YYYY-MM-DD, was {text!r}"
        raise ConfigError(msg) from None
