"""Kinds of broken ``.env_bot``: a name, the text, and each expected problem (line, key, words)."""

from __future__ import annotations

from typing import NamedTuple

BASE = "VERSION_TAG=0.1.0\nMAX_ORDER_NOTIONAL=5000\nMAX_ORDER_QUANTITY=500\n"
"""The shortest valid file; what is appended to it is line 4."""


class Broken(NamedTuple):
    name: str
    text: str
    expected: tuple[tuple[int, str, str], ...]


def _appended(name: str, line: str, key: str, words: str) -> Broken:
    return Broken(name, f"{BASE}{line}\n", ((4, key, words),))


LINES = (
    _appended("no equals sign", "MAX_TRADES", "MAX_TRADES", "found no '='"),
    _appended("export", "export MAX_TRADES=4", "MAX_TRADES", "no export"),
    _appended("quoted key", "'MAX_TRADES'=4", "MAX_TRADES", "no quotes round the key"),
    _appended("open double quote", 'LOG_FORMAT="json', "LOG_FORMAT", "quotes closed"),
    _appended("open single quote", "LOG_FORMAT='json", "LOG_FORMAT", "quotes closed"),
    _appended("text after quotes", 'LOG_FORMAT="json" csv', "LOG_FORMAT", "nothing after them"),
    _appended("only an equals sign", "=4", "", "KEY=VALUE"),
    _appended("unknown key", "MAX_TRADE=4", "MAX_TRADE", "did you mean MAX_TRADES?"),
    _appended("key in small letters", "max_trades=4", "max_trades", "did you mean MAX_TRADES?"),
    _appended("key like no other", "QQQQ=4", "QQQQ", "is not a known key"),
    _appended("key with a dash", "MAX-TRADES=4", "MAX-TRADES", "capitals, digits and _"),
    _appended("identity key", "BOT_ID=01", "BOT_ID", "bot_identity.json.enc"),
    _appended("holdings key", "TAX_RESERVE_PCT=0.2", "TAX_RESERVE_PCT", "holdings_config.json.enc"),
    _appended("old broker key", "BROKER=SIM", "BROKER", "BROKER_CODE"),
    _appended("NUL", "MAX_TRADES=4\x00", "MAX_TRADES", "U+0000"),
    _appended("vertical tab", "MAX_TRADES=\x0b4", "MAX_TRADES", "U+000B"),
    _appended("carriage return inside", "MAX_TRADES=4\rX=1", "MAX_TRADES", "U+000D"),
    _appended("line separator", "MAX_TRADES=4\u2028", "MAX_TRADES", "U+2028"),
    _appended("full-width digit", "MAX_TRADES=\uff14", "MAX_TRADES", "U+FF14"),
    _appended("arabic digit", "ADX_THRESHOLD=2\u0665", "ADX_THRESHOLD", "U+0665"),
    _appended("no-break space", "MAX_TRADES=4\u00a0", "MAX_TRADES", "U+00A0"),
    _appended("line too long", "MAX_TRADES=" + "4" * 2_000, "MAX_TRADES", "at most 1000"),
    _appended("spaces too many", "MAX_TRADES=4" + " " * 60_000, "MAX_TRADES", "at most 1000"),
)

VALUES = (
    _appended("blank number", "MAX_TRADES=", "MAX_TRADES", "whole number such as 20, found ''"),
    _appended("comment as value", "MAX_TRADES= # four", "MAX_TRADES", "whole number"),
    _appended("word for a number", "MAX_TRADES=four", "MAX_TRADES", "found 'four'"),
    _appended("part of a trade", "MAX_TRADES=4.0", "MAX_TRADES", "whole number"),
    _appended("digits with _", "MAX_TRADES=1_0", "MAX_TRADES", "whole number"),
    _appended("hexadecimal", "MAX_TRADES=0x4", "MAX_TRADES", "whole number"),
    _appended("negative count", "MAX_TRADES=-1", "MAX_TRADES", "greater than or equal to 0"),
    _appended("infinite exponent", "ADX_THRESHOLD=1e999", "ADX_THRESHOLD", "found '1e999'"),
    _appended("not a number", "ADX_THRESHOLD=nan", "ADX_THRESHOLD", "finite number"),
    _appended("infinity", "MAX_PE_RATIO=inf", "MAX_PE_RATIO", "finite number"),
    _appended("NaN as money", "TOTAL_ALLOCATION=NaN", "TOTAL_ALLOCATION", "finite number"),
    _appended("percent sign", "TOTAL_ALLOCATION=2%", "TOTAL_ALLOCATION", "found '2%'"),
    _appended("percent", "TOTAL_ALLOCATION=2", "TOTAL_ALLOCATION", "less than or equal to 1"),
    _appended("decimal comma", "DAILY_LOSS_LIMIT=0,05", "DAILY_LOSS_LIMIT", "found '0,05'"),
    _appended("too many places", "PRICE_COLLAR_PCT=1e-13", "PRICE_COLLAR_PCT", "12 decimal"),
    _appended("zero buffer", "STRAT_OPEN_BUFFER=0", "STRAT_OPEN_BUFFER", "greater than 0"),
    _appended("padded truth", 'FRACTIONAL=" true "', "FRACTIONAL", "true or false"),
    _appended("yes", "FRACTIONAL=yes", "FRACTIONAL", "true or false, found 'yes'"),
    _appended("substitution", "FRACTIONAL=${HOME}", "FRACTIONAL", "found '${HOME}'"),
    _appended("backticks", "FRACTIONAL=`id`", "FRACTIONAL", "found '`id`'"),
    _appended("unknown format", "LOG_FORMAT=xml", "LOG_FORMAT", "'json' or 'csv', found 'xml'"),
    _appended("capital format", "LOG_FORMAT=JSON", "LOG_FORMAT", "'json' or 'csv'"),
    _appended("newline escape", r'LOG_FORMAT="json\n"', "LOG_FORMAT", r"found 'json\n'"),
    _appended("two brokers", "BROKER_CODE=ALPACA,IBKR", "BROKER_CODE", "'ALPACA'"),
    _appended("unknown zone", "TIMEZONE=Mars/Olympus", "TIMEZONE", "time zone"),
    _appended("zone as a path", "TIMEZONE=../../etc/passwd", "TIMEZONE", "time zone"),
    _appended("unknown day", "TRADING_DAYS=mon,someday", "TRADING_DAYS", "weekdays such as"),
    _appended("day twice", "TRADING_DAYS=mon,mon", "TRADING_DAYS", "each weekday once"),
    _appended("days backwards", "TRADING_DAYS=fri..mon", "TRADING_DAYS", "weekdays such as"),
    _appended("unknown strategy", "STRATEGY_SEQUENCE=open,noon", "STRATEGY_SEQUENCE", "open, mid"),
    _appended("strategy twice", "STRATEGY_SEQUENCE=mid,mid", "STRATEGY_SEQUENCE", "once"),
    _appended("no strategy", "STRATEGY_SEQUENCE=", "STRATEGY_SEQUENCE", "open, mid"),
    _appended("start without unit", "START_TIME_OPEN=open+20", "START_TIME_OPEN", "open+20m"),
    _appended("start at 25:00", "START_TIME_MID=25:00Z", "START_TIME_MID", "16:00Z"),
    _appended("no analysis", "OPEN_ANALYSIS_TIME=0", "OPEN_ANALYSIS_TIME", "or equal to 1"),
    _appended("word in weights", "WEIGHTS=0.4,x,0.2,0.2", "WEIGHTS", "finite number"),
    _appended("latency of a minute", "SIMULATED_LATENCY_MS=60000", "SIMULATED_LATENCY_MS", "60000"),
    _appended("version", "# x\nBUILD_MODE=fast", "BUILD_MODE", "'release' or 'debug'")._replace(
        expected=((5, "BUILD_MODE", "'release' or 'debug', found 'fast'"),)
    ),
)

RULES = (
    _appended("logging off", "ENABLE_LOGGING=false", "ENABLE_LOGGING", "must be true"),
    _appended("weights too few", "WEIGHTS=0.5,0.5", "WEIGHTS", "MAX_TRADES=4, found 2"),
    _appended("trades without weights", "MAX_TRADES=3", "WEIGHTS", "MAX_TRADES=3, found 4"),
    _appended("weights above one", "WEIGHTS=0.4,0.4,0.2,0.1", "WEIGHTS", "found 1.1"),
    _appended("weight of nothing", "WEIGHTS=1,0,0,0", "WEIGHTS", "each above 0"),
    _appended(
        "defense above normal",
        "DEFENSE_MODE_TOTAL_ALLOCATION=0.03",
        "DEFENSE_MODE_TOTAL_ALLOCATION",
        "TOTAL_ALLOCATION=0.02, found 0.03",
    ),
    _appended("prices crossed", "MIN_PRICE=300", "MIN_PRICE", "below MAX_PRICE=300"),
    Broken(
        "floats crossed",
        f"{BASE}MIN_FLOAT_SHARES=2e6\nMAX_FLOAT_SHARES=1e6\n",
        ((4, "MIN_FLOAT_SHARES", "below MAX_FLOAT_SHARES=1e+06, found 2e+06"),),
    ),
    _appended("caps crossed", "MAX_MARKET_CAP_MID=1e6", "MIN_MARKET_CAP_MID", "MAX_MARKET_CAP_MID"),
    _appended("put without IBKR", "SHORT_TYPE_MID=LongPut", "SHORT_TYPE_MID", "BROKER_CODE=IBKR"),
    _appended("lease shorter than beat", "LEASE_S=1", "LEASE_S", "HEARTBEAT_INTERVAL_S=1"),
    Broken(
        "simulation beside a real broker",
        f"{BASE}BROKER_CODE=ALPACA\nSIMULATION_SEED=7\nSIM_REJECT_RATE=0.5\n",
        ((5, "SIMULATION_SEED", "BROKER_CODE=SIM alone"), (6, "SIM_REJECT_RATE", "ALPACA")),
    ),
)

FILES = (
    Broken(
        "key twice",
        f"{BASE}MAX_TRADES=4\n\nMAX_TRADES=4\n",
        ((6, "MAX_TRADES", "was set on line 4 already"),),
    ),
    Broken("byte order mark", f"\ufeff{BASE}", ((1, "", "byte order mark"),)),
    Broken("too large", BASE + "#" * 65_536, ((0, "", "at most 65536 bytes"),)),
    Broken(
        "too many keys",
        "".join(f"K{n}=1\n" for n in range(600)),
        ((1, "K0", "known key"), (513, "", "at most 512 keys"), (0, "VERSION_TAG", "required")),
    ),
    Broken(
        "empty",
        "",
        (
            (0, "VERSION_TAG", "must be set"),
            (0, "MAX_ORDER_NOTIONAL", "must be set"),
            (0, "MAX_ORDER_QUANTITY", "must be set"),
        ),
    ),
    Broken(
        "required key missing",
        "VERSION_TAG=0.1.0\nMAX_ORDER_QUANTITY=5\n",
        ((0, "MAX_ORDER_NOTIONAL", "must be set"),),
    ),
    Broken(
        "required key blank",
        "VERSION_TAG=\nMAX_ORDER_QUANTITY=5\nMAX_ORDER_NOTIONAL=\n",
        ((1, "VERSION_TAG", "such as 0.1.0"), (3, "MAX_ORDER_NOTIONAL", "finite number")),
    ),
    Broken(
        "windows lines", f"{BASE}MAX_TRADES=x\n".replace("\n", "\r\n"), ((4, "MAX_TRADES", "x"),)
    ),
    Broken("JSON", '{"MAX_TRADES": 4}', ((1, "", "KEY=VALUE"),)),
)

ALL = (*LINES, *VALUES, *RULES, *FILES)
