"""``bot_identity.json``: who the bot is, and what its jurisdiction means."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rigd.core.errors import ConfigError, Problem
from rigd.core.values import BotIdentity, Profile

Code = Annotated[str, Field(pattern=r"^[A-Z0-9]{2,12}\z")]
Rate = Annotated[float, Field(gt=-1, lt=1)]


class IdentityFile(BaseModel):
    """The content of ``bot_identity.json``; its keys are the attributes in capitals.

    The broker is no part of it: BROKER_CODE comes from ``.env_bot``.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        alias_generator=str.upper,
        populate_by_name=True,
    )

    entity_code: Code
    jurisdiction_code: Code
    bot_id: Annotated[str, Field(pattern=r"^[A-Z0-9]{1,8}\z")]
    profile: Annotated[Profile, Field(strict=False)]
    risk_free_rates: dict[Code, Rate]
    ofx_account_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,22}\z")]

    def identity(self, broker_code: str) -> BotIdentity:
        """Return the identity of the bot with its broker.

        Parameters
        ----------
        broker_code
            BROKER_CODE.

        Returns
        -------
        BotIdentity
            ``{ENTITY_CODE}_{JURISDICTION_CODE}_{BROKER_CODE}_{BOT_ID}``.
        """
        return BotIdentity(
            entity_code=self.entity_code,
            jurisdiction_code=self.jurisdiction_code,
            broker_code=broker_code,
            bot_id=self.bot_id,
        )

    def risk_free_rate(self) -> float:
        """Return the yearly risk-free rate of the bot's jurisdiction [fraction].

        Returns
        -------
        float
            The rate.

        Raises
        ------
        ConfigError
            If the table has no rate for the jurisdiction.
        """
        try:
            return self.risk_free_rates[self.jurisdiction_code]
        except KeyError:
            known = ", ".join(sorted(self.risk_free_rates))
            msg = (
                f"RISK_FREE_RATES must hold the jurisdiction {self.jurisdiction_code}, has {known}"
            )
            raise ConfigError(msg) from None

    def text(self) -> str:
        """Return the file as JSON."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2) + "\n"


def read_identity(content: bytes, *, source: str = "bot_identity.json") -> IdentityFile:
    """Return the identity that a file holds.

    Parameters
    ----------
    content
        JSON, UTF-8.
    source
        Its name, for messages.

    Returns
    -------
    IdentityFile
        The validated identity.

    Raises
    ------
    ConfigError
        If it is no JSON object, a key is unknown, doubled, missing or wrong, or the table has no
        rate for the jurisdiction; values are not shown.
    """
    problems: list[Problem] = []
    try:
        values = json.loads(content.decode(), object_pairs_hook=_unique)
        found = IdentityFile.model_validate(values)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False):
            key = ".".join(str(part) for part in detail["loc"][:1])
            message = detail["msg"].replace("Input should be", "must be")
            problems.append(Problem(source, message, key))
    except (ValueError, RecursionError):
        problems.append(Problem(source, "must be one JSON object in UTF-8 with each key once"))
    else:
        found.risk_free_rate()
        return found
    raise ConfigError(f"{source}: the identity is not valid", problems=problems)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; ValueError when a key comes twice."""
    found = dict(pairs)
    if len(found) < len(pairs):
        msg = "a key comes twice"
        raise ValueError(msg)
    return found
