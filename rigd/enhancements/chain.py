"""The chain of filters: built from the settings, asked in order, stopped by the first no.

A filter that fails lets the candidate pass with a warning, or blocks it in defense mode or when
ENHANCEMENT_FAIL_POLICY is ``closed`` (INVENTORY E5). A fatal error passes through.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from rigd.config.choices import BrokerCode
from rigd.core.errors import LogicError, TamperError
from rigd.core.values import FAILED_CLOSED, FAILED_OPEN, STRATEGIES, SelfCheck, Verdict
from rigd.enhancements.contract import NO_SOURCES, allow, block, fails_closed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rigd.config.schema import Settings
    from rigd.core.values import Candidate
    from rigd.enhancements.contract import Enhancement, FilterView, Sources

DISABLED = "disabled"


class Plug(NamedTuple):
    """One row of the table of filters.

    `toggle` is the settings attribute that switches the filter off, blank for one that is always
    on; `load` imports and makes it over its sources, so that a filter which is off need not exist;
    `broker` is the only broker at which it is asked, None for every one.
    """

    name: str
    strategies: tuple[str, ...]
    toggle: str
    load: Callable[[Sources], Enhancement]
    broker: BrokerCode | None = None


def _adx(_sources: Sources) -> Enhancement:
    from rigd.enhancements.adx import AdxFilter  # noqa: PLC0415 - a filter that is off is not loaded

    return AdxFilter()


def _bollinger(_sources: Sources) -> Enhancement:
    from rigd.enhancements.bollinger import (  # noqa: PLC0415 - loaded with its chain
        BollingerFilter,
    )

    return BollingerFilter()


def _vix(_sources: Sources) -> Enhancement:
    from rigd.enhancements.vix import VixFilter  # noqa: PLC0415 - loaded with its chain

    return VixFilter()


def _imbalance(sources: Sources) -> Enhancement:
    from rigd.enhancements.imbalance import (  # noqa: PLC0415 - loaded with its chain
        ImbalanceFilter,
    )

    return ImbalanceFilter(sources)


def _fundamentals(sources: Sources) -> Enhancement:
    from rigd.enhancements.fundamentals import (  # noqa: PLC0415 - loaded with its chain
        FundamentalsGuard,
    )

    return FundamentalsGuard(sources)


def _black_scholes(sources: Sources) -> Enhancement:
    from rigd.enhancements.black_scholes import (  # noqa: PLC0415 - loaded with its chain
        BlackScholesFilter,
    )

    return BlackScholesFilter(sources)


def _ticker_blocklist(_sources: Sources) -> Enhancement:
    from rigd.enhancements.ticker_blocklist import (  # noqa: PLC0415 - loaded with its chain
        TickerBlocklist,
    )

    return TickerBlocklist()


PLUGS = (
    Plug("adx", ("mid",), "adx_filter_enabled", _adx),
    Plug("bollinger", ("mid",), "", _bollinger),
    Plug("vix", ("close",), "", _vix),
    Plug("imbalance", ("close",), "enable_imbalance_scanner", _imbalance, BrokerCode.IBKR),
    Plug("fundamentals", STRATEGIES, "enable_fundamental_guard", _fundamentals),
    Plug("black_scholes", STRATEGIES, "enable_bsm_filter", _black_scholes),
    Plug("ticker_blocklist", STRATEGIES, "", _ticker_blocklist),
)
"""Every filter, in the order in which they are asked (SPEC §3)."""


@dataclass(frozen=True, slots=True)
class DisabledFilter:
    """Stands in the chain for a filter that is not asked, and says why.

    Its key switches it off, or it belongs to another broker: then it applies to no strategy.
    """

    name: str
    strategies: tuple[str, ...]
    why: str = DISABLED

    def applies_to(self, strategy: str) -> bool:
        """Tell whether the filter would be asked about candidates of a strategy."""
        return strategy in self.strategies

    def self_check(self, settings: Settings) -> SelfCheck:
        """Pass: nothing runs."""
        del settings
        return SelfCheck(name=f"enhancements.{self.name}", passed=True, detail=self.why)

    def check(self, candidate: Candidate, view: FilterView, settings: Settings) -> Verdict:
        """Allow, with the reason ``disabled``."""
        del candidate, view, settings
        return allow(self.name, reason=DISABLED)


def build_chain(settings: Settings, sources: Sources = NO_SOURCES) -> tuple[Enhancement, ...]:
    """Return the filters in the order in which they are asked.

    Parameters
    ----------
    settings
        The session's settings; after a hot change of a toggle the chain is built again.
    sources
        Who knows what the filters ask beyond bars.

    Returns
    -------
    tuple of Enhancement
        One per row of `PLUGS`; a disabled one is represented by a `DisabledFilter`, and so is one
        of another broker, which is asked about no strategy.
    """
    return tuple(_made(plug, settings, sources) for plug in PLUGS)


def _made(plug: Plug, settings: Settings, sources: Sources) -> Enhancement:
    if plug.broker not in {None, settings.broker_code}:
        return DisabledFilter(plug.name, (), f"asked at {plug.broker} alone")
    if plug.toggle and not getattr(settings, plug.toggle):
        return DisabledFilter(plug.name, plug.strategies)
    return plug.load(sources)


def decide(
    candidate: Candidate, view: FilterView, settings: Settings, chain: Sequence[Enhancement]
) -> tuple[Verdict, ...]:
    """Ask the filters that apply to a candidate, in order, up to the first no.

    Parameters
    ----------
    candidate
        The signal.
    view
        What the filters may see.
    settings
        The session's settings.
    chain
        The filters, from `build_chain`.

    Returns
    -------
    tuple of Verdict
        One per filter asked; only the last one can be a no. A filter that failed is marked by the
        reason ``failed_open`` or ``failed_closed``, which the caller counts and warns of.
    """
    verdicts: list[Verdict] = []
    for filter_ in chain:
        verdict = _ask(filter_, candidate, view, settings)
        if verdict is None:
            continue
        verdicts.append(verdict)
        if not verdict.allow:
            break
    return tuple(verdicts)


def allows(verdicts: Sequence[Verdict]) -> bool:
    """Tell whether no filter said no."""
    return all(verdict.allow for verdict in verdicts)


def failures(verdicts: Sequence[Verdict]) -> tuple[Verdict, ...]:
    """Return the verdicts of filters that failed: each is one warning, and counted."""
    return tuple(v for v in verdicts if v.reason in {FAILED_OPEN, FAILED_CLOSED})


def self_checks(settings: Settings, chain: Sequence[Enhancement]) -> tuple[SelfCheck, ...]:
    """Return the launch answer of every filter; one that fails to answer has not passed.

    Parameters
    ----------
    settings
        The session's settings.
    chain
        The filters, from `build_chain`.

    Returns
    -------
    tuple of SelfCheck
        In the order of the chain; any that did not pass refuses the launch.
    """
    return tuple(_check_one(filter_, settings) for filter_ in chain)


def is_fatal(error: BaseException) -> bool:
    """Tell whether an error inside a filter must stop the session instead of being counted.

    Parameters
    ----------
    error
        What a filter raised.

    Returns
    -------
    bool
        True for an exhausted or broken interpreter, a tampered record, and any error whose
        attribute ``fatal`` is true.
    """
    return isinstance(error, MemoryError | SystemError | TamperError) or (
        getattr(error, "fatal", False) is True
    )


def _ask(
    filter_: Enhancement, candidate: Candidate, view: FilterView, settings: Settings
) -> Verdict | None:
    """Return a filter's verdict, None where it does not apply, or what its failure means."""
    try:
        if not filter_.applies_to(candidate.strategy):
            return None
        return _require_verdict(filter_.check(candidate, view, settings))
    except Exception as error:
        if is_fatal(error):
            raise
        measured = f"{type(error).__name__}: {error}"
        if fails_closed(view, settings):
            return block(filter_.name, FAILED_CLOSED, measured)
        return allow(filter_.name, measured, reason=FAILED_OPEN)


def _require_verdict(answer: object) -> Verdict:
    if not isinstance(answer, Verdict):
        msg = f"a filter must answer with a Verdict, answered {answer!r}"
        raise LogicError(msg)
    return answer


def _check_one(filter_: Enhancement, settings: Settings) -> SelfCheck:
    try:
        return filter_.self_check(settings)
    except Exception as error:
        if is_fatal(error):
            raise
        detail = f"{type(error).__name__}: {error}"
        return SelfCheck(name=f"enhancements.{filter_.name}", passed=False, detail=detail)
