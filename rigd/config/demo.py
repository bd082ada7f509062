"""The demo profile: a bot that trades the built-in sample at the simulated broker, marked TEST."""

from __future__ import annotations

from rigd import __version__
from rigd.config.identity import IdentityFile
from rigd.core.values import Profile

DEMO: tuple[tuple[str, str, str], ...] = (
    ("BROKER_CODE", "SIM", "the simulated broker: no account, no money"),
    ("MAX_ORDER_NOTIONAL", "5000", "well above one slice: 100000 × 0.02 × 0.4 = 800 USD"),
    ("MAX_ORDER_QUANTITY", "500", "well above one slice of the cheapest symbol"),
    ("MAX_PRICE", "1000", "GOOG cost about 800 USD in early 2013"),
    ("MAX_MARKET_CAP_OPEN", "1e13", "the sample is five of the largest companies"),
    ("MAX_MARKET_CAP_MID", "1e13", "as above"),
    ("MAX_MARKET_CAP_CLOSE", "1e13", "as above"),
    ("STRAT_OPEN_BUFFER", "0.001", "large caps leave their opening range by tenths of a percent"),
    ("STRAT_MID_VWAP_THRESHOLD", "0.001", "and stray from VWAP by as little"),
    ("STRAT_CLOSE_THRESHOLD", "0.001", "and move by as little in five minutes"),
    ("ADX_THRESHOLD", "60", "a seeded path trends more often than a market does"),
    ("STRAT_CLOSE_VIX_THRESHOLD", "5", "VIX was 12 to 20 in early 2013; let close trade"),
    ("SHORT_TYPE_OPEN", "ShortSell", "both sides trade, so a falling day shows trades too"),
    ("SHORT_TYPE_MID", "ShortSell", "as above"),
    ("SHORT_TYPE_CLOSE", "ShortSell", "as above"),
    ("SLIPPAGE_SIMULATION_TYPE", "randomized", "fills that look like a broker's"),
    ("SLIPPAGE_MEAN_PCT", "0.0002", "2 cents on 100 USD"),
    ("SLIPPAGE_STDDEV_PCT", "0.0001", "most fills slip by 1 to 3 cents on 100 USD"),
    ("SIMULATION_SEED", "7", "the same seed, the same fills"),
    ("SIMULATED_LATENCY_MS", "250", "a quarter of a second from decision to fill"),
)
"""Key, value and why: what the demo sets away from the defaults."""


def demo_identity() -> IdentityFile:
    """Return the identity ``RIGD_USA_SIM_01``, marked TEST."""
    return IdentityFile(
        entity_code="RIGD",
        jurisdiction_code="USA",
        bot_id="01",
        profile=Profile.TEST,
        risk_free_rates={"USA": 0.045},
        ofx_account_id="RIGD-USA-SIM-01",
    )


def demo_env_text() -> str:
    """Return the demo's ``.env_bot``: one line per key, each with its reason."""
    head = (
        "# TEST profile: settings of the demo bot RIGD_USA_SIM_01. Keys not named here have their",
        "# defaults; env/.env_bot.template explains every key.",
        f"VERSION_TAG={__version__} # the version that these settings were written for",
    )
    rows = (f"{key}={value} # {why}" for key, value, why in DEMO)
    return "\n".join((*head, *rows)) + "\n"
