"""What an operator reads: a list of troubles with their checks, and the way over from an older bot.

Source: document stability, "Troubleshooting" and "Migration Guide" (INVENTORY MM16). The notebook
``operating`` shows both; each command that is named exists.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from rigd.config.lines import decode
from rigd.config.migration import read_old, told
from rigd.core.errors import ConfigError


class Trouble(NamedTuple):
    """What an operator sees, what to look at in turn, and the commands that look."""

    seen: str
    checks: tuple[str, ...]
    commands: tuple[str, ...]


TROUBLES: tuple[Trouble, ...] = (
    Trouble(
        "The broker does not connect (IBKR: Gateway or TWS)",
        (
            "it runs and is logged in on this machine, with its API switched on",
            "host and port are those of the page Configuration (7497 paper, 7496 live)",
            "no firewall stands between; broker_api.log says what was answered last",
            "while it is down no entry is sent, and exits wait: nothing is repeated blindly",
        ),
        ("rigd health --detailed", "rigd doctor"),
    ),
    Trouble(
        "No mail arrives",
        (
            "a channel is named: CRITICAL_ALERT_CHANNEL, ROUTINE_ALERT_CHANNEL",
            "server, port and password are set (of Gmail an app password, port 465)",
            "alerts.log has a row for each recipient, with the reason where it failed",
            "a session goes on without mail",
        ),
        ("rigd alerts test", "rigd config show"),
    ),
    Trouble(
        "A service refuses for its rate limit",
        (
            "its key is valid, and no other program uses it",
            "screener.log and broker_api.log count what was asked and how long was waited",
            "what it answered is kept for the session; a universe is built before the day",
        ),
        ("rigd health --detailed", "rigd universe show"),
    ),
    Trouble(
        "Health is unhealthy",
        (
            "the part that is ill says why; a service that nobody set up is not used, not ill",
            "the supervisor runs, and beats at most 5 s ago",
            "error_tracebacks.log and main_bot.log hold the error with its code",
        ),
        ("rigd health --detailed", "rigd doctor", "rigd verify latest"),
    ),
    Trouble(
        "Nothing trades",
        (
            "the funnel says at which rule each candidate ended",
            "the documents' thresholds suit volatile small caps",
        ),
        ("rigd why IBM", "rigd config show"),
    ),
)
"""The four troubles of document stability, and the one that is asked about most."""

STEPS: tuple[str, ...] = (
    "keep a copy of the old folder; stop the old bot, and see at the broker that it is flat",
    "make session: sets this one up, and runs a day of the sample",
    "in the old environment: python -c 'import os; print(os.environ)' > environment.txt",
    "rigd config import config.yaml --environment environment.txt: tells where each name goes",
    "the same with --run takes it over; then delete environment.txt, it holds a password",
    "rigd config check; rigd alerts test; rigd test: settings, mail, a dry run of the whole bot",
    "rigd deploy install --run, then rigd up: the service of your user, no root",
)
"""The way over, in order."""

EXAMPLE = """\
email:
  enabled: true
  smtp_server: smtp.gmail.com
  smtp_port: 465
  recipients: [recipient@example.com]
brokers:
  - name: IBKR
    host: 127.0.0.1
    port: 7497
    paper_trading: true
    enabled: true
trading:
  shares_per_trade: 10
  equity_allocation: 0.6
  bond_allocation: 0.3
  crypto_allocation: 0.1
logging:
  level: INFO
  format: json
  file_path: logs/trading_bot.log
"""
"""The ``config.yaml`` of document stability, for readers who have none at hand."""


def troubles() -> str:
    """Return the list of troubles as text."""
    blocks = []
    for trouble in TROUBLES:
        checks = [f"  - {check}" for check in trouble.checks]
        blocks.append("\n".join([trouble.seen, *checks, f"  $ {'; '.join(trouble.commands)}"]))
    return "\n\n".join(blocks)


def way_over(config: str = "") -> str:
    """Return the steps of the way over, and where each name of an old file goes.

    Parameters
    ----------
    config
        Path of an old ``config.yaml``; the document's own example without it.

    Returns
    -------
    str
        Text; nothing is changed.

    Raises
    ------
    ConfigError
        If there is no such file, or it is wrong, with every problem.
    """
    if config and not Path(config).is_file():
        msg = f"a file of the old bot must exist, found none at {config}"
        raise ConfigError(msg)
    text = decode(Path(config).read_bytes(), source=config) if config else EXAMPLE
    steps = [f"{number}. {step}" for number, step in enumerate(STEPS, 1)]
    return "\n".join([*steps, "", *told(read_old(text))])
