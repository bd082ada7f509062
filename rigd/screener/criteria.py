"""Which symbols may be in the universe: the thresholds of the settings, one rule after another.

Source: document 090 (R8: volume, float, price, fundamentals, ``.env_bot`` filters) and SPEC §6. A
number that no provider knows lets a symbol pass with a counted warning, or keeps it out where
FUNDAMENTALS_MISSING_POLICY is ``block``; without a price nothing passes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple, Self

from rigd.config.choices import MissingPolicy
from rigd.core.errors import DataError
from rigd.core.money import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rigd.config.schema import Settings
    from rigd.core.universe import Details

MISSING_PRICE = "missing_price"


class Judged(NamedTuple):
    """The rule that a symbol broke, blank for none, and which of its numbers were missing."""

    reason: str
    warned: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Criteria:
    """The thresholds, each inclusive; None where a key is blank.

    Parameters
    ----------
    min_price, max_price
        [USD/share].
    min_volume
        Least mean volume of a session [shares].
    min_float, max_float
        Freely traded shares.
    min_market_cap, max_market_cap
        The widest band of the strategies that run [USD]: what none of them may take is left out.
    min_market_cap_fundamental
        Least market value of the fundamentals guard [USD].
    max_pe, max_debt_equity
        Ratios of the fundamentals guard.
    missing
        What a number that nobody knows means.
    """

    min_price: Decimal
    max_price: Decimal
    min_volume: float
    min_float: float | None
    max_float: float | None
    min_market_cap: float
    max_market_cap: float
    min_market_cap_fundamental: float
    max_pe: float
    max_debt_equity: float
    missing: MissingPolicy

    @classmethod
    def of(cls, settings: Settings, running: Sequence[str] = ()) -> Self:
        """Return the thresholds of a bot's settings.

        Parameters
        ----------
        settings
            The bot's.
        running
            The strategies that run; with none, the bands of all of the sequence count.

        Returns
        -------
        Criteria
            The thresholds.
        """
        names = running or settings.strategy_sequence
        views = [settings.strategy(name) for name in names]
        return cls(
            min_price=settings.min_price,
            max_price=settings.max_price,
            min_volume=settings.min_volume_threshold,
            min_float=settings.min_float_shares,
            max_float=settings.max_float_shares,
            min_market_cap=min(view.min_market_cap for view in views),
            max_market_cap=max(view.max_market_cap for view in views),
            min_market_cap_fundamental=settings.min_market_cap_fundamental,
            max_pe=settings.max_pe_ratio,
            max_debt_equity=settings.max_debt_equity,
            missing=settings.fundamentals_missing_policy,
        )

    def as_texts(self) -> dict[str, str]:
        """Return the thresholds as texts by name, blank where a key is; `from_texts` reads them."""
        return {field.name: _text(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def from_texts(cls, texts: Mapping[str, str]) -> Self:
        """Return the thresholds that `as_texts` wrote.

        Parameters
        ----------
        texts
            By name.

        Returns
        -------
        Criteria
            The thresholds.

        Raises
        ------
        DataError
            If a name is missing or unknown, or a text has another form.
        """
        try:
            values: dict[str, object] = {
                "min_price": Decimal(texts["min_price"]),
                "max_price": Decimal(texts["max_price"]),
                "missing": MissingPolicy(texts["missing"]),
            }
            for name in {field.name for field in fields(cls)} - values.keys():
                text = texts[name]
                values[name] = float(text) if text else None
            return cls(**values)  # type: ignore[arg-type] # each was made of its own type
        except (KeyError, TypeError, ValueError, InvalidOperation) as error:
            msg = f"the thresholds of a universe must be what rigd wrote, found {error!r}"
            raise DataError(msg) from error


def judge(details: Details, criteria: Criteria) -> Judged:
    """Return whether a symbol passes every rule.

    Parameters
    ----------
    details
        What is known of it.
    criteria
        The thresholds.

    Returns
    -------
    Judged
        The first rule that is broken, in a fixed order: price, volume, float, market value,
        fundamentals.
    """
    if details.price is None:
        return Judged(MISSING_PRICE, ())
    if details.price < criteria.min_price:
        return Judged("price_below_min", ())
    if details.price > criteria.max_price:
        return Judged("price_above_max", ())
    warned = []
    for rule in _rules(details, criteria):
        if rule.low is None and rule.high is None:
            continue
        if rule.value is None:
            missing = f"missing_{rule.name}"
            if criteria.missing is MissingPolicy.BLOCK:
                return Judged(missing, ())
            if missing not in warned:
                warned.append(missing)
        elif rule.low is not None and rule.value < rule.low:
            return Judged(f"{rule.name}_below_{rule.of}min", ())
        elif rule.high is not None and rule.value > rule.high:
            return Judged(f"{rule.name}_above_{rule.of}max", ())
    return Judged("", tuple(warned))


class _Rule(NamedTuple):
    """A number and the inclusive band that it must lie in; `of` tells two bands of one apart."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    of: str = ""


def _rules(details: Details, criteria: Criteria) -> Iterator[_Rule]:
    yield _Rule("volume", details.average_volume, criteria.min_volume, None)
    yield _Rule("float", details.float_shares, criteria.min_float, criteria.max_float)
    cap = details.market_cap
    yield _Rule("market_cap", cap, criteria.min_market_cap, criteria.max_market_cap)
    least = criteria.min_market_cap_fundamental
    yield _Rule("market_cap", cap, least, None, "fundamental_")
    yield _Rule("pe", details.pe_ratio, None, criteria.max_pe)
    yield _Rule("debt_equity", details.debt_equity, None, criteria.max_debt_equity)


def _text(value: Decimal | float | str | None) -> str:
    if value is None:
        return ""
    if isinstance(value, Decimal):
        return plain(value)
    return str(value)
