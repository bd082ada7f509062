"""Versions of the chart of accounts: accounts are added and renamed, never removed (INVENTORY G14).

The first version is the template of `rigd.ledger.chart`, by which the books post; a later one says
how accounts are called and which ones stand beside them in exports.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rigd.core.errors import LedgerError
from rigd.ledger.chart import CHART, VERSION, Account

if TYPE_CHECKING:
    from collections.abc import Iterable

NAME_LENGTH = range(2, 61)
MOST_ACCOUNTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartVersion:
    """One version of the chart.

    Parameters
    ----------
    version, follows
        Its number, and that of the one before.
    accounts
        Every account, by number.
    at, by, why
        When (ISO 8601 UTC), by whom and why it was saved; blank for the template.

    Raises
    ------
    LedgerError
        If a number stands twice, or a name has another length or hidden characters.
    """

    version: int
    follows: int
    accounts: tuple[Account, ...]
    at: str = ""
    by: str = ""
    why: str = ""

    def find(self, number: int) -> Account:
        """Return an account.

        Parameters
        ----------
        number
            Of the account.

        Returns
        -------
        Account
            As it is called here.

        Raises
        ------
        LedgerError
            If this version has no such account.
        """
        for account in self.accounts:
            if account.number == number:
                return account
        msg = f"account must be one of the chart's {len(self.accounts)}, was {number}"
        raise LedgerError(msg)

    def __post_init__(self) -> None:
        numbers = [account.number for account in self.accounts]
        if numbers != sorted(set(numbers)) or len(numbers) > MOST_ACCOUNTS:
            msg = f"a chart must have each account once, by number, at most {MOST_ACCOUNTS}"
            raise LedgerError(msg)
        for account in self.accounts:
            if len(account.name) not in NAME_LENGTH or not account.name.isprintable():
                msg = f"account {account.number} must be named by 2-60 characters"
                raise LedgerError(msg)


TEMPLATE = ChartVersion(version=VERSION, follows=0, accounts=CHART)


def parsed(content: bytes | str) -> ChartVersion:
    """Return the version that a JSON document holds.

    Parameters
    ----------
    content
        ``version``, ``follows``, ``accounts`` with ``number`` and ``name``, and for a saved one
        ``at``, ``by`` and ``why``.

    Returns
    -------
    ChartVersion
        Valid by itself.

    Raises
    ------
    LedgerError
        If it has another form.
    """
    try:
        held = json.loads(content)
        accounts = (Account(number=int(a["number"]), name=str(a["name"])) for a in held["accounts"])
        return ChartVersion(
            version=int(held["version"]),
            follows=int(held["follows"]),
            accounts=tuple(sorted(accounts, key=lambda account: account.number)),
            at=str(held.get("at", "")),
            by=str(held.get("by", "")),
            why=str(held.get("why", "")),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = "a version of the chart must hold version, follows and accounts, was something else"
        raise LedgerError(msg) from error


def document(version: ChartVersion) -> bytes:
    """Return a version as a JSON document, the same for the same version."""
    held = {
        "version": version.version,
        "follows": version.follows,
        "at": version.at,
        "by": version.by,
        "why": version.why,
        "accounts": [
            {"number": account.number, "name": account.name} for account in version.accounts
        ],
    }
    return json.dumps(held, indent=1).encode() + b"\n"


def changes(old: ChartVersion, new: ChartVersion) -> tuple[tuple[int, str, str], ...]:
    """Return number, old name (blank for none) and new name of each account that differs.

    Parameters
    ----------
    old
        The version in force.
    new
        The one that is to follow it.

    Returns
    -------
    tuple
        By number.

    Raises
    ------
    LedgerError
        If it does not follow the one in force, lacks one of its accounts, or changes nothing.
    """
    if (new.version, new.follows) != (old.version + 1, old.version):
        msg = f"the version after {old.version} must be {old.version + 1}, was {new.version}"
        raise LedgerError(msg, fix="read the chart again: somebody else saved a version")
    before = {account.number: account.name for account in old.accounts}
    after = {account.number: account.name for account in new.accounts}
    if gone := sorted(before.keys() - after.keys()):
        msg = f"every account must stay in the chart, {_listed(gone)} would go"
        raise LedgerError(msg)
    found = tuple(
        (n, before.get(n, ""), name) for n, name in after.items() if before.get(n) != name
    )
    if not found:
        msg = "a new version of the chart must change something, it does not"
        raise LedgerError(msg)
    return found


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(str(number) for number in numbers)
