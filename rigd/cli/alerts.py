"""``rigd alerts``: try the channels."""

from __future__ import annotations

from rigd.cli.console import CLOCK, open_bot_of, open_home, say, say_next
from rigd.core.errors import ExitCode
from rigd.hosts.notifying import try_channels


def test() -> int:
    """Send a trial alert to each channel that is set up; say what came of each recipient.

    Returns
    -------
    int
        0 when all were told, or no channel is set up; else 1.
    """
    home = open_home()
    bot = open_bot_of(home)
    found = try_channels(home, bot.identity, bot.profile.value, CLOCK)
    for channel, sent in found.items():
        for each in sent:
            say(f"{channel:10s} {each.who:30s} {'sent' if each.ok else f'not sent: {each.why}'}")
    if not found:
        say("no channel is set up: alerts go to the logs alone")
    used = {bot.settings.critical_alert_channel, bot.settings.routine_alert_channel} - {None}
    missing = sorted(str(channel) for channel in used if channel not in found)
    if missing:
        say(f"the settings name {', '.join(missing)}, which is not set up")
    say_next("set up channels on the configuration page, secret alerts", "rigd config show")
    told = all(each.ok for sent in found.values() for each in sent)
    return int(ExitCode.OK if told and not missing else ExitCode.ERROR)
