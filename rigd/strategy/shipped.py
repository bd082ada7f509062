"""A strategy that ships with the bot: its definition, its check of settings, and a run alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rigd.strategy import checks, stepper
from rigd.strategy.definition import Strategy

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rigd.config.schema import Settings
    from rigd.core.values import Bar, SelfCheck
    from rigd.strategy.exits import ExitRules
    from rigd.strategy.stepper import StepPlan, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippedStrategy(Strategy):
    """A definition with what document 050 asks of each strategy's module."""

    def self_check(self, settings: Settings) -> SelfCheck:
        """Tell whether the settings let this strategy run.

        Parameters
        ----------
        settings
            The bot's.

        Returns
        -------
        SelfCheck
            Failed with every problem named.
        """
        return checks.check(settings.strategy(self.name))

    def simulate(
        self,
        days: Iterable[Sequence[Bar]],
        params: Any,  # noqa: ANN401 - each strategy has its own class of parameters
        rules: ExitRules,
        plan: StepPlan,
    ) -> tuple[Trade, ...]:
        """Run the strategy over days of one symbol (document 050, ``.simulate()``).

        Parameters
        ----------
        days
            The regular bars of each day, in time order.
        params, rules, plan
            What decides, what ends a trade, and how fills are simulated.

        Returns
        -------
        tuple of Trade
            At most one a day; `day` counts from 0.
        """
        return stepper.walk_days(self, days, params, rules, plan)
