"""``rigd build check|seal``: whether what would be launched is whole, unchanged and fitting."""

from __future__ import annotations

from rigd.cli.console import CLOCK, open_bot_of, open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts import operator
from rigd.hosts.bot import build_checks, is_provisioned
from rigd.hosts.build_check import SEAL
from rigd.hosts.gate_stamp import refuse_after_failure


def check(*, as_json: bool) -> int:
    """Print every part of the build check; return 0 when all passed, else 2."""
    answers = build_checks(open_bot_of(open_home()))
    failed = [answer for answer in answers if not answer.passed]
    if as_json:
        say_json({answer.name: [answer.passed, answer.detail] for answer in answers})
    else:
        for answer in answers:
            say(f"{'ok  ' if answer.passed else 'FAIL'} {answer.name}: {answer.detail}")
        say_next(f"restore what is named, or: {SEAL}" if failed else "rigd session")
    return int(ExitCode.BAD_INPUT if failed else ExitCode.OK)


def seal(reason: str) -> int:
    """Seal the build that lies there."""
    home = open_home()
    profile = ""
    if is_provisioned(home):
        bot = open_bot_of(home)
        profile = bot.profile.value
        refuse_after_failure(bot.settings, "a seal of changed code")
    done = operator.seal_build(home, reason, CLOCK, profile=profile)
    say("the build is sealed" if done else "the same build was sealed before")
    say_next("rigd build check", "rigd session")
    return int(ExitCode.OK)
