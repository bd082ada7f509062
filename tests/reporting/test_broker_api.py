"""broker_api.log: each message a row, without a secret, in the form of LOG_FORMAT."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from rigd.config.choices import LogFormat
from rigd.core.api_messages import ApiKind, ApiMessage
from rigd.core.errors import ForeignWriter, OrderRejected, Unavailable
from rigd.core.orders import Account, CancelAck, OrderRequest, OrdType
from rigd.core.values import BotIdentity, Profile, Side
from rigd.reporting import logs
from rigd.reporting.broker_api import COPY, NAME, ApiSession, BrokerApiLog, api_row
from rigd.reporting.logs import LOG_FIELDS
from tests.fakes.outputs import FakeOutputs

AT = datetime(2013, 10, 7, 13, 30, tzinfo=UTC)
SECRET = "PKABCDEF0123456789"  # noqa: S105 - made up
ORDER = OrderRequest(
    cl_ord_id="20131007-1",
    symbol="IBM",
    side=Side.BUY,
    qty=Decimal(10),
    ord_type=OrdType.STOP,
    stop_price=Decimal("99.50"),
)


def session(log_format: LogFormat = LogFormat.JSON) -> ApiSession:
    """The session whose messages they are."""
    return ApiSession(
        key="2013-10-07_1",
        bot=BotIdentity(
            entity_code="RIGD", jurisdiction_code="USA", broker_code="SIM", bot_id="01"
        ),
        profile=Profile.TEST,
        test_mode=False,
        log_format=log_format,
    )


def message(body: object, kind: ApiKind = ApiKind.RESPONSE, call: str = "submit") -> ApiMessage:
    """One message."""
    return ApiMessage(at=AT, kind=kind, call=call, number=7, body=body)


def test_a_request_shows_the_whole_order() -> None:
    """L35: ticker and size in their columns, and every field of the order among the details."""
    row = api_row(message({"order": ORDER}, ApiKind.REQUEST), session(), seq=3)
    assert (row["event"], row["ticker"], row["size"]) == ("api_request", "IBM", Decimal(10))
    assert (row["timestamp"], row["seq"], row["broker"]) == (AT, 3, "SIM")
    details = row["details"]
    assert (details["call"], details["number"]) == ("submit", 7)
    assert details["body"]["order"] == {
        "is": "OrderRequest",
        "cl_ord_id": "20131007-1",
        "symbol": "IBM",
        "side": "buy",
        "qty": Decimal(10),
        "ord_type": "stop",
        "limit_price": None,
        "stop_price": Decimal("99.50"),
        "trail_fraction": None,
        "tif": "day",
        "oco_group": "",
        "contract": None,
    }


def test_a_refusal_is_a_warning_with_the_brokers_code() -> None:
    """L35: an error of the broker is a row as well, with code and text."""
    row = api_row(message(OrderRejected("40310000", "no funds")), session(), seq=1)
    assert (row["level"], row["error_code"]) == ("WARNING", "40310000")
    assert "no funds" in row["details"]["error"]["text"]


@pytest.mark.parametrize(
    "body",
    [
        Unavailable(f"GET https://me:{SECRET}@broker.example/v2 failed"),
        Unavailable(f"Authorization: Bearer {SECRET}"),
        OrderRejected(f"api_key={SECRET}", f"secret: {SECRET}"),
        Account(
            account_id=SECRET,
            currency="USD",
            cash=Decimal(1),
            equity=Decimal(1),
            buying_power=Decimal(1),
        ),
        {"cl_ord_id": f"token={SECRET}"},
        [CancelAck.REQUESTED, f"password={SECRET}"],
    ],
)
def test_no_secret_and_no_account_number_is_in_a_row(body: object) -> None:
    """L35: whatever a broker puts into its texts, keys and account numbers are hidden."""
    out = FakeOutputs()
    BrokerApiLog(out, session()).write([message(body)])
    text = out.read(NAME).decode() + out.read(COPY).decode()
    assert SECRET not in text
    assert text.count("[redacted]") >= 2


def test_each_message_is_a_row_of_both_files() -> None:
    """L35: the standing log and the session's own part hold the same rows, numbered from 1."""
    out = FakeOutputs()
    log = BrokerApiLog(out, session())
    log.write([message({}, ApiKind.REQUEST, "account")])
    log.write([message(None), message([], call="fills")])
    rows = [json.loads(line) for line in out.lines(NAME)]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert all(list(row) == [field.name for field in LOG_FIELDS] for row in rows)
    assert out.read(COPY) == out.read(NAME)


def test_another_run_of_the_session_goes_on_counting() -> None:
    """A session that is taken up again adds rows, and its calls have numbers of their own."""
    out = FakeOutputs()
    BrokerApiLog(out, session()).write([message({}, ApiKind.REQUEST), message(None)])
    BrokerApiLog(out, session()).write([message({}, ApiKind.REQUEST)])
    rows = [json.loads(line) for line in out.lines(COPY)]
    assert [row["seq"] for row in rows] == [1, 2, 3]
    assert [row["details"]["number"] for row in rows] == [7, 7, 9]


def test_csv_has_its_title_once() -> None:
    """L38: with LOG_FORMAT=csv each file begins with the columns, also after another run."""
    out = FakeOutputs()
    for _ in range(2):
        BrokerApiLog(out, session(LogFormat.CSV)).write([message({"order": ORDER})])
    for name in (NAME, COPY):
        title, *rows = csv.reader(out.lines(name))
        assert title == [field.name for field in LOG_FIELDS]
        assert len(rows) == 2
        assert json.loads(rows[0][-1])["body"]["order"]["symbol"] == "IBM"


def test_no_message_leaves_no_file() -> None:
    """A minute in which nothing passed writes nothing."""
    out = FakeOutputs()
    BrokerApiLog(out, session()).write([])
    assert out.files == {}


def test_the_log_belongs_to_this_module() -> None:
    """L35: no other module writes it."""
    out = FakeOutputs()
    for name in (NAME, COPY):
        with pytest.raises(ForeignWriter):
            out.append_line(name, "x", writer=logs.WRITER)
