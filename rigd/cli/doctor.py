"""``rigd doctor``: look at this machine and this home; name a fix for each finding."""

from __future__ import annotations

from rigd.cli.console import open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.hosts.health import examine


def run(*, as_json: bool) -> int:
    """Print every check; return 0 when all passed, else 1."""
    findings = examine(open_home())
    failed = [finding for finding in findings if not finding.passed]
    if as_json:
        say_json({finding.name: [finding.passed, finding.detail] for finding in findings})
    else:
        for finding in findings:
            mark = "ok  " if finding.passed else "FAIL"
            say(f"{mark} {finding.name}: {finding.detail}")
            if not finding.passed and finding.fix:
                say(f"     fix: {finding.fix}")
        say_next("mend what failed, then: rigd doctor" if failed else "rigd session")
    return int(ExitCode.ERROR if failed else ExitCode.OK)
