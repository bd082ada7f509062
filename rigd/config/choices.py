"""The closed choices of the settings."""

from __future__ import annotations

from enum import StrEnum


class BuildMode(StrEnum):
    """What a launch does with code that is not the sealed build."""

    RELEASE = "release"
    DEBUG = "debug"


class LogFormat(StrEnum):
    """The format of every log and trade file (document 070)."""

    JSON = "json"
    CSV = "csv"


class LogLevel(StrEnum):
    """The least severe record that is written."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Weekday(StrEnum):
    """A day of the week, Monday first."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


class BrokerCode(StrEnum):
    """The broker of the bot; SIM is the simulated one."""

    SIM = "SIM"
    ALPACA = "ALPACA"
    IBKR = "IBKR"
    TRADIER = "TRADIER"


class CloseMode(StrEnum):
    """Whether the close strategy follows the move or trades against it."""

    MOMENTUM = "momentum"
    FADE = "fade"


class ShortType(StrEnum):
    """How a strategy takes the short side (SPEC §3)."""

    DISABLED = "disabled"
    SHORT_SELL = "ShortSell"
    INVERSE_ETF = "InverseETF"
    LONG_PUT = "LongPut"


class MissingPolicy(StrEnum):
    """What missing data means to a filter."""

    ALLOW = "allow"
    BLOCK = "block"


class FailPolicy(StrEnum):
    """What a filter that fails means to the candidate: open lets it pass, closed blocks it."""

    OPEN = "open"
    CLOSED = "closed"


class AlertChannel(StrEnum):
    """Where alerts go."""

    EMAIL = "email"
    SLACK = "slack"
    SMS = "sms"
    PAGERDUTY = "pagerduty"


class OptimizerAlgorithm(StrEnum):
    """How the optimiser searches."""

    GRID = "grid"
    BAYESIAN = "bayesian"
    GENETIC = "genetic"


class SlippageType(StrEnum):
    """How the simulated broker moves a market fill against us (document 090)."""

    NONE = "none"
    RULE_BASED = "rule_based"
    RANDOMIZED = "randomized"
