from __future__ import annotations

import json

import pytest

from rigd.reporting.appending import LogAppender, last_seq, whole_logs
from rigd.reporting.header import log_format_of
from rigd.reporting.logs import LOG_FIELDS, WRITER, SessionLogs, session_logs
from rigd.reporting.rows import header_line
from tests.fakes.outputs import FakeOutputs
from tests.reporting.journals import session, started, with_settings

FORMATS = ["json", "csv"]


def complete(first: object) -> dict[str, bytes]:
    outputs = FakeOutputs()
    projection = SessionLogs(outputs)
    for entry in session(first):  # type: ignore[arg-type]
        projection.advance(entry)
    return outputs.files


@pytest.mark.parametrize("log_format", FORMATS)
def test_a_crash_at_any_entry_neither_loses_nor_doubles_a_row(log_format: str) -> None:
    """A second process that reads the journal from its start ends with the same logs."""
    first = with_settings(LOG_FORMAT=log_format)
    undisturbed = complete(first)
    entries = session(first)
    for stop in range(0, len(entries), 3):
        outputs = FakeOutputs()
        before, after = SessionLogs(outputs), SessionLogs(outputs)
        for entry in entries[:stop]:
            before.advance(entry)
        for entry in entries:
            after.advance(entry)
        assert outputs.files == undisturbed


@pytest.mark.parametrize("log_format", FORMATS)
def test_logs_of_several_sessions_follow_one_another(log_format: str) -> None:
    """Another session's rows neither hide ours nor are they taken for ours."""
    outputs = FakeOutputs()
    settings = dict(with_settings(LOG_FORMAT=log_format).settings)
    for number in (1, 2, 1):
        projection = SessionLogs(outputs)
        for entry in session(started(number=number, settings=tuple(settings.items()))):
            projection.advance(entry)
    own = session_logs(session(started(number=1, settings=tuple(settings.items()))))
    rows = len(outputs.lines("open.log")) - (log_format == "csv")
    assert rows == 2 * (len(own["open.log"].splitlines()) - (log_format == "csv"))


def test_csv_logs_have_one_title() -> None:
    """The header stands once, also when a second session appends."""
    outputs = FakeOutputs()
    for number in (1, 2):
        projection = SessionLogs(outputs)
        settings = with_settings(LOG_FORMAT="csv").settings
        for entry in session(started(number=number, settings=settings)):
            projection.advance(entry)
    assert outputs.lines("open.log").count(header_line(LOG_FIELDS)) == 1
    assert outputs.lines("open.log")[0] == header_line(LOG_FIELDS)


@pytest.mark.parametrize(
    ("content", "seq"),
    [
        (b"", 0),
        (b'{"session":"2013-10-07_1","seq":7}\n', 7),
        (b'{"session":"2013-10-07_1","seq":7}\n{"session":"2013-10-07_1","seq":9', 7),
        (b'{"session":"2013-10-07_1","seq":7}\n{"session":"2013-10-08_1","seq":3}\n', 7),
        (b'cut off"}\n{"session":"2013-10-07_1","seq":7}\nnot json\n', 7),
        (b'{"session":"2013-10-08_1","seq":3,"message":"2013-10-07_1"}\n', 0),
        (b"[1]\n2013-10-07_1\n", 0),
        (b"\xff\xfe 2013-10-07_1\n", 0),
    ],
)
def test_the_last_row_of_a_session_is_found(content: bytes, seq: int) -> None:
    """Whole rows of the session count; torn, foreign and unreadable ones do not."""
    assert last_seq(content, "2013-10-07_1", LOG_FIELDS) == seq


def test_an_opened_log_exists_without_a_row() -> None:
    """An empty log says that nothing happened; its copy is empty too."""
    outputs = FakeOutputs()
    appender = LogAppender(outputs, LOG_FIELDS, writer=WRITER)
    appender.open("open.log", started())
    appender.write_copies(started())
    assert outputs.files == {"open.log": b"", "session/open.log": b""}


@pytest.mark.parametrize("log_format", FORMATS)
def test_copies_equal_the_logs_of_a_first_session(log_format: str) -> None:
    """In a fresh home each copy in the session's folder equals the standing log."""
    files = complete(with_settings(LOG_FORMAT=log_format))
    copies = {name.removeprefix("session/") for name in files if name.startswith("session/")}
    assert "open.log" in copies
    assert "start_log" not in copies
    for name in copies:
        assert files[name] == files[f"session/{name}"]


def test_whole_logs_group_lines_by_name() -> None:
    """Lines keep their order within their log."""
    pairs = [("a", json.dumps(1)), ("b", "x"), ("a", "2")]
    assert whole_logs(pairs, LOG_FIELDS, log_format_of(started())) == {"a": b"1\n2\n", "b": b"x\n"}
