"""Ticker blocklist: one entry per symbol and session, over all strategies (SPEC §3a.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.values import SelfCheck
from rigd.enhancements.contract import allow, block

if TYPE_CHECKING:
    from rigd.config.schema import Settings
    from rigd.core.values import Candidate, Verdict
    from rigd.enhancements.contract import FilterView

NAME = "ticker_blocklist"


class TickerBlocklist:
    """Blocks a symbol that had a fill in this session; rejected orders do not count.

    It keeps nothing: the symbols come from the fills of the journal, so a restart inside a session
    changes nothing and the next session begins with an empty list.
    """

    name = NAME

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter is asked about candidates of a strategy: of every one."""
        del strategy
        return True

    def self_check(self, settings: Settings) -> SelfCheck:
        """Pass: the filter has no settings and needs nothing."""
        del settings
        detail = "one entry per symbol and session"
        return SelfCheck(name=f"enhancements.{NAME}", passed=True, detail=detail)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Block a symbol that was traded in this session.

        Parameters
        ----------
        candidate
            The signal.
        view
            With the symbols that had a fill.
        settings
            Not read.

        Returns
        -------
        Verdict
            Reasons ``ok`` and ``already_traded``.
        """
        del settings
        if candidate.symbol in view.traded:
            return block(NAME, "already_traded", f"{candidate.symbol} was filled in this session")
        return allow(NAME)
