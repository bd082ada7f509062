"""``rigd mapping show|set``: the versioned table of inverse ETFs."""

from __future__ import annotations

from rigd.cli.console import CLOCK, open_bot_of, open_home, say, say_json, say_next
from rigd.core.errors import ConfigError, ExitCode
from rigd.hosts import operator


def show(*, as_json: bool) -> int:
    """Show the table in force."""
    table = open_bot_of(open_home()).inverse_etfs
    if as_json:
        fields = {"version": table.version, "dated": table.dated, "pairs": dict(table.pairs)}
        say_json(fields | {"digest": table.digest})
        return int(ExitCode.OK)
    say(f"inverse ETFs {table.name}: bought for a short signal where SHORT_TYPE is InverseETF")
    for symbol, fund in table.pairs:
        say(f"  {symbol.ljust(12)}  {fund}")
    say_next("rigd mapping set SPY=SH", "take a symbol out: rigd mapping set SPY=")
    return int(ExitCode.OK)


def change(pairs: list[str], reason: str) -> int:
    """Change pairs; the table gets its next version."""
    changes = dict(_pair(text) for text in pairs)
    if len(changes) < len(pairs):
        msg = f"a symbol must be named once, was {' '.join(pairs)}"
        raise ConfigError(msg)
    say(operator.change_mapping(open_bot_of(open_home()), changes, reason, CLOCK))
    say_next("rigd mapping show")
    return int(ExitCode.OK)


def _pair(text: str) -> tuple[str, str]:
    symbol, sign, fund = text.partition("=")
    if not sign:
        msg = f"a pair must be SYMBOL=FUND, or SYMBOL= to take it out, was {text!r}"
        raise ConfigError(msg, fix="rigd mapping set SPY=SH")
    return symbol.strip(), fund.strip()
