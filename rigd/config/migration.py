"""One-way import of what the bot of document stability kept: ``config.yaml`` and its environment.

Pure: texts give the settings and fields of this bot that they stand for, and a sentence for each
that stands for none. Nothing is ever written back to the old form (INVENTORY N15, Y42, Y48).
"""

from __future__ import annotations

import ast
import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import yaml
from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

from rigd.config.credentials import checked
from rigd.config.env_file import SMTP_SSL_PORT
from rigd.config.lines import MAX_BYTES
from rigd.core.errors import ConfigError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

GMAIL_HOST = "smtp.gmail.com"
"""What GMAIL_ADDRESS means where ``email.smtp_server`` says nothing else."""


class Moved(NamedTuple):
    """One old name and where it went: `new` is blank where it has no place, `note` says why."""

    old: str
    new: str
    note: str = ""


class Imported(NamedTuple):
    """What the old files stand for.

    `settings` are keys of ``.env_bot`` and `alerts` fields of ``alerts.json`` (secrets are among
    them), `moved` tells each old name; `broker` is the old bot's broker, blank for none.
    """

    settings: Mapping[str, str]
    alerts: Mapping[str, str]
    broker: str
    moved: tuple[Moved, ...]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


class _Email(_Section):
    enabled: bool = True
    smtp_server: str = ""
    smtp_port: Annotated[int, Field(ge=1, le=65_535)] = SMTP_SSL_PORT
    recipients: list[str] = []


class _Broker(_Section):
    name: Annotated[str, Field(min_length=1)]
    host: str = ""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    client_id: int | None = None
    paper_trading: bool = True
    enabled: bool = True


_Fraction = Annotated[float, Field(ge=0, le=1, strict=False)]


class _Trading(_Section):
    shares_per_trade: Annotated[int, Field(gt=0)] | None = None
    equity_allocation: _Fraction | None = None
    bond_allocation: _Fraction = 0.0
    crypto_allocation: _Fraction = 0.0

    @model_validator(mode="after")
    def _at_most_one(self) -> _Trading:
        total = (self.equity_allocation or 0.0) + self.bond_allocation + self.crypto_allocation
        if total > 1.0 + 1e-9:
            words = "the three allocations must come to at most 1"
            raise PydanticCustomError("allocations", "{words}", {"words": words})
        return self


class _Logging(_Section):
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
    format: Literal["json", "csv", "text"] = "json"
    file_path: str = ""


class _Old(_Section):
    email: _Email | None = None
    brokers: list[_Broker] = []
    trading: _Trading | None = None
    logging: _Logging | None = None

    @model_validator(mode="after")
    def _one_broker(self) -> _Old:
        enabled = [broker.name for broker in self.brokers if broker.enabled]
        if len(enabled) > 1:
            words = f"one broker at most may be enabled, found {', '.join(enabled)}"
            raise PydanticCustomError("brokers", "{words}", {"words": words})
        return self


_LEFT_VARIABLES = {
    "ALPHA_VANTAGE_KEY": "nothing here reads Alpha Vantage",
    "IBKR_HOST": "is set with the broker's credentials, page Configuration",
    "IBKR_PORT": "is set with the broker's credentials, page Configuration",
    "IBKR_CLIENT_ID": "is set with the broker's credentials, page Configuration",
    "USE_PAPER": "a paper and a live account are two bots, each in a RIGD_HOME of its own",
    "SHARES_PER_TRADE": "sizes come from TOTAL_ALLOCATION and WEIGHTS",
}
_MAIL_VARIABLES = {
    "GMAIL_ADDRESS": ("SMTP_USER", "EMAIL_FROM"),
    "GMAIL_APP_PASSWORD": ("SMTP_PASSWORD",),
    "RECIPIENT_EMAIL": ("EMAIL_TO",),
}
_TRUE = frozenset({"1", "true", "yes", "on"})
_LOG_LEVELS = {"CRITICAL": "error"}
"""Old levels that are called otherwise here; the others are the same in small letters."""


def read_old(config: str, environment: str = "", *, source: str = "config.yaml") -> Imported:
    """Return what the old bot's files stand for.

    Parameters
    ----------
    config
        The text of ``config.yaml``; blank for none.
    environment
        Its variables: ``KEY=VALUE`` lines, or what ``python -c "import os; print(os.environ)"``
        prints, as the migration guide has it. They win over the file, as they did there; those of
        other programs are passed over.
    source
        The file's name, for messages.

    Returns
    -------
    Imported
        Fields that keep their rules; whether the settings fit together is told by
        `rigd.config.parse.override`.

    Raises
    ------
    ConfigError
        If a text cannot be read or a value is wrong, with every problem; no value is shown.
    """
    old, variables = _validated(_mapping(config, source), source), _variables(environment)
    settings: dict[str, str] = {}
    alerts: dict[str, str] = {}
    moved = [
        *_email(old.email, settings, alerts),
        *_brokers(old.brokers),
        *_trading(old.trading, settings),
        *_logging(old.logging, settings),
        *_of_environment(variables, settings, alerts),
    ]
    broker = next((each.name.upper() for each in old.brokers if each.enabled), "")
    return Imported(settings, checked("alerts", alerts), broker, tuple(moved))


def told(found: Imported) -> list[str]:
    """Return a line for each old name: where it went, or why it has no place; no value is shown."""
    return [
        f"  {old}: {new or 'left'}{f' ({note})' if note else ''}" for old, new, note in found.moved
    ]


def _email(
    email: _Email | None, settings: dict[str, str], alerts: dict[str, str]
) -> Iterator[Moved]:
    if email is None:
        return
    channel = "email" if email.enabled else ""
    for key in ("CRITICAL_ALERT_CHANNEL", "ROUTINE_ALERT_CHANNEL"):
        settings[key] = channel
        yield Moved("email.enabled", key)
    if email.smtp_server:
        alerts |= _server(email.smtp_server, email.smtp_port)
        yield Moved("email.smtp_server", "alerts.json SMTP_HOST")
        yield Moved("email.smtp_port", "alerts.json SMTP_PORT, SMTP_SECURITY")
    if email.recipients:
        alerts["EMAIL_TO"] = ", ".join(email.recipients)
        yield Moved("email.recipients", "alerts.json EMAIL_TO")


def _server(host: str, port: int) -> dict[str, str]:
    security = "ssl" if port == SMTP_SSL_PORT else "starttls"
    return {"SMTP_HOST": host, "SMTP_PORT": str(port), "SMTP_SECURITY": security}


def _brokers(brokers: list[_Broker]) -> Iterator[Moved]:
    for broker in brokers:
        name = f"brokers[{broker.name}]"
        if not broker.enabled:
            yield Moved(name, "", "was not enabled")
            continue
        yield Moved(f"{name}.name", "BROKER_CODE", "chosen when a bot is provisioned, never after")
        for field in ("host", "port", "client_id"):
            if getattr(broker, field) not in {"", None}:
                yield Moved(f"{name}.{field}", "", _LEFT_VARIABLES["IBKR_HOST"])
        yield Moved(f"{name}.paper_trading", "", _LEFT_VARIABLES["USE_PAPER"])


def _trading(trading: _Trading | None, settings: dict[str, str]) -> Iterator[Moved]:
    if trading is None:
        return
    if trading.equity_allocation is not None:
        settings["TOTAL_ALLOCATION"] = repr(trading.equity_allocation)
        yield Moved("trading.equity_allocation", "TOTAL_ALLOCATION")
    if trading.shares_per_trade is not None:
        yield Moved("trading.shares_per_trade", "", _LEFT_VARIABLES["SHARES_PER_TRADE"])
    for name in ("bond_allocation", "crypto_allocation"):
        if getattr(trading, name):
            yield Moved(f"trading.{name}", "", "equities and ETFs alone are traded: it stays cash")


def _logging(logging: _Logging | None, settings: dict[str, str]) -> Iterator[Moved]:
    if logging is None:
        return
    settings["DEBUG_LOG_LEVEL"] = _LOG_LEVELS.get(logging.level, logging.level.lower())
    yield Moved("logging.level", "DEBUG_LOG_LEVEL")
    if logging.format == "text":
        yield Moved("logging.format", "", "logs are json or csv; LOG_FORMAT stays as it is")
    else:
        settings["LOG_FORMAT"] = logging.format
        yield Moved("logging.format", "LOG_FORMAT")
    if logging.file_path:
        yield Moved("logging.file_path", "", "logs lie under runs/")


def _of_environment(
    variables: Mapping[str, str], settings: dict[str, str], alerts: dict[str, str]
) -> Iterator[Moved]:
    if variables.get("GMAIL_ADDRESS") and "SMTP_HOST" not in alerts:
        alerts |= _server(GMAIL_HOST, SMTP_SSL_PORT)
    for name, fields in _MAIL_VARIABLES.items():
        if text := variables.get(name, "").strip():
            alerts |= dict.fromkeys(fields, text)
            yield Moved(name, f"alerts.json {', '.join(fields)}")
    if "DEBUG" in variables:
        if variables["DEBUG"].strip().lower() in _TRUE:
            settings["DEBUG_LOG_LEVEL"] = "debug"
        yield Moved("DEBUG", "DEBUG_LOG_LEVEL")
    for name, why in _LEFT_VARIABLES.items():
        if name in variables:
            yield Moved(name, "", why)


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # PyYAML has no types
    """Plain values alone, and no key twice."""


def _mapping_once(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        msg = f"the key {twice!r} stands twice"
        raise yaml.constructor.ConstructorError(None, None, msg, node.start_mark)
    found: dict[Any, Any] = loader.construct_mapping(node, deep=True)
    return found


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping_once)


def _mapping(text: str, source: str) -> Mapping[str, object]:
    if len(text.encode()) > MAX_BYTES:
        msg = f"{source} must have at most {MAX_BYTES} bytes, has {len(text.encode())}"
        raise ConfigError(msg)
    line, problem = 0, ""
    try:
        found = _Loader(text).get_single_data() or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, problem = (mark.line + 1 if mark else 0), getattr(error, "problem", "") or "no YAML"
        found = {}
    except (RecursionError, TypeError, ValueError):
        problem, found = "it is nested or typed as no settings file is", {}
    if not problem and not isinstance(found, Mapping):
        problem = "must hold sections such as email and logging"
    if problem:
        where = f"{source}:{line}" if line else source
        msg = f"{source} cannot be read"
        raise ConfigError(msg, problems=[Problem(where, problem)])
    return dict(found)


def _validated(values: Mapping[str, object], source: str) -> _Old:
    problems = []
    try:
        return _Old.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False):
            key = ".".join(str(part) for part in detail["loc"])
            words = detail["msg"].replace("Input should be", "must be")
            problems.append(Problem(source, words.replace("Extra inputs are", "is"), key))
    msg = f"{source}: {len(problems)} problem(s); nothing was imported"
    raise ConfigError(msg, problems=problems)


def _variables(text: str) -> dict[str, str]:
    """Return variables from lines, or from the printed ``environ({...})``."""
    stripped = text.strip()
    if not stripped.startswith(("environ(", "{")):
        read = dotenv_values(stream=io.StringIO(text), interpolate=False)
        return {name: value or "" for name, value in read.items()}
    try:
        found = ast.literal_eval(stripped.removeprefix("environ(").removesuffix(")"))
        return {str(name): str(value) for name, value in dict(found).items()}
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        pass
    msg = "the environment must be KEY=VALUE lines, or what print(os.environ) shows"
    raise ConfigError(msg, fix="python -c 'import os; print(os.environ)' > environment.txt")
