"""W4 in piecash: one trade posted to a book on disk, a save for each ``run``."""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

warnings.simplefilter("ignore")
import piecash  # noqa: E402 - it warns when it is imported

from tests.bench.peers import serving  # noqa: E402 - after the peer


def main() -> None:
    """Keep a book in the folder named by the first argument."""
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        path = Path(folder) / "book.gnucash"
        book = piecash.create_book(sqlite_file=str(path), currency="USD")
        dollar, day = book.default_currency, datetime(2024, 1, 2, tzinfo=UTC).date()
        share = piecash.Commodity(namespace="NASDAQ", mnemonic="AAPL", fullname="Apple", book=book)
        cash, fees = (
            piecash.Account(name, kind, dollar, parent=book.root_account)
            for name, kind in (("Cash", "ASSET"), ("Fees", "EXPENSE"))
        )
        held = piecash.Account("AAPL", "STOCK", share, parent=book.root_account)
        book.save()
        serving.answer({
            "version": f"piecash {piecash.__version__}",
            "python": sys.version.split()[0],
        })
        for number, _ in enumerate(sys.stdin):
            price, fee = Decimal(100 + number % 83), Decimal("0.35")
            began = time.perf_counter()
            piecash.Transaction(
                currency=dollar,
                description=f"E{number}",
                post_date=day,
                splits=[
                    piecash.Split(account=held, value=price * 10, quantity=Decimal(10)),
                    piecash.Split(account=fees, value=fee),
                    piecash.Split(account=cash, value=-price * 10 - fee),
                ],
            )
            book.save()
            serving.answer({"seconds": time.perf_counter() - began, "trades": 1, "pnl": 0.0})
        book.close()


if __name__ == "__main__":
    main()
