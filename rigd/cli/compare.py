"""``rigd compare``: a session against the backtest of its day, trade by trade."""

from __future__ import annotations

from rigd.cli.console import open_home, say, say_json, say_next
from rigd.core.errors import ExitCode
from rigd.core.money import CENT
from rigd.hosts.backtest.clearance import code_digest
from rigd.hosts.backtest.compare import compare_session
from rigd.reporting.comparison import comparison_table, fields_of, total
from rigd.reporting.session_summary import text_table


def run(session: str, *, as_json: bool) -> int:
    """Compare one session; return 1 when a cent of a difference stays unexplained.

    Parameters
    ----------
    session
        ``latest``, a session such as ``2013-10-07_1``, or a folder.
    as_json
        Print one JSON object.

    Returns
    -------
    int
        0 when every difference is explained.
    """
    found = compare_session(open_home(), session, code_digest())
    left = total(found.splits).residual
    unexplained = abs(left).quantize(CENT) != 0
    if as_json:
        say_json({
            "session": found.folder.name,
            "way": str(found.way),
            "same_code": found.same_code,
            "trades": [fields_of(split) for split in found.splits],
            "total": fields_of(total(found.splits)),
        })
        return int(ExitCode.ERROR if unexplained else ExitCode.OK)
    say(f"Session {found.folder.name} against its backtest (run: {found.way})")
    say("\n".join(text_table(comparison_table(found.splits))))
    if not found.same_code:
        say("The session ran other code than lies here now.")
    say(f"Unexplained residual {left.quantize(CENT)}")
    say_next(f"rigd why SYMBOL --session {found.folder.name}")
    return int(ExitCode.ERROR if unexplained else ExitCode.OK)
