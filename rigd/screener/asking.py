"""Ask the providers of a universe, in order, each until it fails for good."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from rigd.core.errors import ConfigError, DataError, RigdError
from rigd.core.universe import DETAIL_NAMES
from rigd.core.values import require_symbol
from rigd.net.calls import RETRYABLE
from rigd.screener.universe import Known, detail_fields

if TYPE_CHECKING:
    from datetime import date

    from rigd.core.ports import UniverseProvider
    from rigd.core.universe import Answer
    from rigd.net.calls import Calls

_T = TypeVar("_T")

Note = Callable[[str, str, str, Mapping[str, object]], None]
"""Takes a row of the log: level, event, message, details."""


class Source(NamedTuple):
    """A provider and the door through which it is asked."""

    provider: UniverseProvider
    calls: Calls


class NobodyAnswered(RigdError):  # noqa: N818 - what happened
    """Every provider failed; the build waits."""


class Desk:
    """Asks for one build: the next provider is asked what those before it do not know.

    Parameters
    ----------
    sources
        Whom to ask, in this order.
    day
        The exchange day.
    note
        Takes the rows of the log.
    """

    __slots__ = ("_day", "_note", "_sources", "lost")

    def __init__(self, sources: Sequence[Source], day: date, note: Note) -> None:
        self._sources = sources
        self._day = day
        self._note = note
        self.lost: set[str] = set()
        """Who failed after every repetition, and is not asked any more."""

    def list_symbols(self) -> dict[str, Any]:
        """Return every symbol that the first provider to answer lists.

        Returns
        -------
        dict
            The raw stage, as JSON.

        Raises
        ------
        NobodyAnswered
            If every provider fails or lists nothing.
        """
        causes = []
        for source in self._sources:
            name = source.provider.name
            answer, cause = self._ask(source, lambda provider: provider.symbols(self._day))
            if answer:
                usable, unusable = _sorted_out(answer)
                return {
                    "provider": name,
                    "day": self._day.isoformat(),
                    "symbols": usable,
                    "unusable": unusable,
                    "lost": sorted(self.lost),
                    "calls": {each.provider.name: _counts(each) for each in self._sources},
                }
            causes.append(f"{name}: {cause or 'it lists no symbol'}")
        raise NobodyAnswered("; ".join(causes))

    def add_batch(self, symbols: Sequence[str], progress: dict[str, Any]) -> None:
        """Ask for the details of one batch and add them to the enriched stage.

        Parameters
        ----------
        symbols
            The batch.
        progress
            The stage; see `no_progress`.

        Raises
        ------
        NobodyAnswered
            If no provider is left that answers; the stage is untouched.
        """
        lost_before = set(self.lost)
        counted = {each.provider.name: _counts(each) for each in self._sources}
        batch = _Batch(symbols)
        causes = []
        for source in self._sources:
            name, wanted = source.provider.name, batch.wanted()
            if name in self.lost or not wanted:
                continue
            answer, cause = self._ask_details(source, wanted)
            if answer is None:
                causes.append(f"{name}: {cause}")
            else:
                batch.take(answer, name, wanted)
        if not batch.dated:
            failed = f"{', '.join(sorted(self.lost))} failed before"
            raise NobodyAnswered("; ".join(causes) or failed)
        batch.add_to(progress)
        number = progress["batches"]
        progress["lost"].extend([number, name] for name in sorted(self.lost - lost_before))
        progress["batches"] = number + 1
        for source in self._sources:
            self._count(source, counted[source.provider.name], progress["calls"])

    def _ask_details(self, source: Source, wanted: Sequence[str]) -> tuple[Answer | None, str]:
        return self._ask(source, lambda provider: provider.details(wanted, self._day))

    def _ask(
        self, source: Source, request: Callable[[UniverseProvider], _T]
    ) -> tuple[_T | None, str]:
        """Return an answer, or None and why; a provider that fails is not asked again."""
        try:
            return source.calls.ask(lambda: request(source.provider)), ""
        except (*RETRYABLE, DataError) as error:
            name = source.provider.name
            self.lost.add(name)
            message = f"{name} is not asked any more in this build: {error}"
            details = {"provider": name, "failed": source.calls.failed, "code": error.error_code}
            self._note("WARNING", "universe_provider_failed", message, details)
            return None, str(error)

    def _count(self, source: Source, before: list[int], calls: dict[str, list[int]]) -> None:
        so_far = calls.get(source.provider.name, [0, 0])
        now = _counts(source)
        calls[source.provider.name] = [
            total + after - earlier
            for total, after, earlier in zip(so_far, now, before, strict=True)
        ]


def no_progress() -> dict[str, Any]:
    """Return the enriched stage before the first batch, as JSON.

    Returns
    -------
    dict
        ``batches`` done; ``known`` details and ``refused`` reasons by symbol; the providers
        ``lost``, each with the batch; ``dated``, the oldest day of the data; ``calls``, per
        provider how many were made and how many failed.
    """
    return {"batches": 0, "known": {}, "refused": {}, "lost": [], "dated": "", "calls": {}}


class _Batch:
    """What the providers answered so far for one batch."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._symbols = symbols
        self._known: dict[str, Known] = {}
        self._refused: dict[str, list[str]] = {}
        self.dated = ""

    def wanted(self) -> list[str]:
        """Return the symbols of which a number is missing."""
        return [
            symbol
            for symbol in self._symbols
            if symbol not in self._refused and not _complete(self._known.get(symbol))
        ]

    def take(self, answer: Answer, provider: str, wanted: Sequence[str]) -> None:
        """Take in an answer; what was known before it stays."""
        asked = frozenset(wanted)
        for symbol, reason in answer.refused.items():
            if symbol in asked and symbol not in self._known:
                self._refused[symbol] = [reason, provider]
        for symbol, details in answer.details.items():
            if symbol not in asked or symbol in self._refused:
                continue
            known = self._known.get(symbol)
            if known is None:
                self._known[symbol] = Known(details, provider)
            elif (both := known.details.or_else(details)) != known.details:
                self._known[symbol] = Known(both, f"{known.provider}+{provider}")
        dated = answer.dated.isoformat()
        self.dated = min(self.dated or dated, dated)

    def add_to(self, progress: dict[str, Any]) -> None:
        """Add what is known and refused to the enriched stage."""
        for symbol, known in sorted(self._known.items()):
            progress["known"][symbol] = detail_fields(known.details) | {"provider": known.provider}
        progress["refused"].update(sorted(self._refused.items()))
        progress["dated"] = min(progress["dated"] or self.dated, self.dated)


def _complete(known: Known | None) -> bool:
    return known is not None and all(
        getattr(known.details, name) is not None for name in DETAIL_NAMES
    )


def _counts(source: Source) -> list[int]:
    return [source.calls.asked, source.calls.failed]


def _sorted_out(symbols: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the symbols of our form, and those of another, each once and in order."""
    usable, unusable = [], []
    for symbol in sorted(set(symbols)):
        try:
            usable.append(require_symbol(symbol))
        except ConfigError:
            unusable.append(symbol)
    return usable, unusable
