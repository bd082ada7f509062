"""The small plain ``.env``: where the key lies, and what the panel listens on."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from rigd.config.fields import Flag, Whole  # noqa: TC001 - pydantic reads them at run time
from rigd.config.lines import read_lines

KEY_PATH = "env/keys/env.key"
"""The single valid key path (document 090)."""


class EnvFile(BaseModel):
    """The content of ``.env``; a missing file means the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    env_bot_key: Annotated[str, Field(pattern=r"^env/keys/env\.key\z")] = KEY_PATH
    encryption_key: SecretStr = SecretStr("")
    ip: Annotated[str, Field(pattern=r"^(127\.0\.0\.1|localhost|::1|0\.0\.0\.0|::)\z")] = (
        "127.0.0.1"
    )
    port: Annotated[Whole, Field(ge=1024, le=65_535)] = 8866
    login_required: Flag = True
    debug: Flag = False
    smtp_host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]{0,253}\z")] = ""
    smtp_port: Annotated[Whole, Field(ge=1, le=65_535)] = 587
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")


def parse_env_file(text: str, *, source: str = ".env") -> EnvFile:
    """Return the settings that a ``.env`` text holds.

    Parameters
    ----------
    text
        The whole file; blank for the defaults.
    source
        Its name, for messages.

    Returns
    -------
    EnvFile
        The validated settings.

    Raises
    ------
    ConfigError
        If anything is wrong, with every problem; no value is ever shown.
    """
    known = {name.upper(): name for name in EnvFile.model_fields}
    reading = read_lines(text, source=source, known=known)
    found: EnvFile | None = None
    try:
        found = EnvFile.model_validate(reading.values)
    except ValidationError as error:
        for detail in error.errors(include_input=False, include_url=False):
            key = str(detail["loc"][0]).upper()
            message = detail["msg"].replace("Input should be", "must be")
            reading.refuse(reading.lines.get(key, 0), key, message)
    if found is None or reading.problems:
        refused = reading.refusal()
        raise refused
    return found
