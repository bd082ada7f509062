"""The digest of everything whose form is locked: settings, books, records, trade and log fields.

`python -m tests.house.schema_digest` prints the line that VERSION.md must hold (R25, Z12).
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from dataclasses import fields

from rigd.config.schema import Settings
from rigd.core import events
from rigd.ledger import schema
from rigd.reporting import errors, logs, trades

LINE = re.compile(r"^Schema digest: `([0-9a-f]{64})`$", re.MULTILINE)


def described() -> dict[str, object]:
    """Every locked form as names, types and defaults."""
    return {
        "settings": {
            name: [re.sub(r" at 0x[0-9a-f]+", "", str(field.annotation)), str(field.default)]
            for name, field in Settings.model_fields.items()
        },
        "books": [
            schema.VERSION,
            sorted(re.sub(r"\s+", " ", sql) for sql in schema.expected_objects().values()),
        ],
        "records": {
            name: [[field.name, str(field.type)] for field in fields(record)]
            for name, record in sorted(vars(events).items())
            if isinstance(record, type) and hasattr(record, "__dataclass_fields__")
        },
        "rows": {
            "trades": names(trades),
            "logs": names(logs),
            "errors": names(errors),
        },
    }


def names(module: object) -> list[str]:
    """The names of the columns in a module's tables of fields."""
    return [
        column.name
        for table, value in sorted(vars(module).items())
        if table.endswith("_FIELDS") and isinstance(value, tuple)
        for column in value
    ]


def digest() -> str:
    """The SHA-256 of all of it, hexadecimal."""
    return hashlib.sha256(json.dumps(described(), sort_keys=True).encode()).hexdigest()


if __name__ == "__main__":
    sys.stdout.write(f"Schema digest: `{digest()}`\n")
