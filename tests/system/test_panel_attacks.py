"""What the lowest role, or nobody, can do to the panel by sockets, paths and sheer number."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket as sockets
import ssl
import struct
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psutil
import pytest
import requests
import websocket

from rigd.access.directory import users_of
from rigd.access.users import LockedOutError
from rigd.core.errors import AccessError
from rigd.hosts.panel.identity import Desk
from rigd.store.paths import Home
from tests.certificates import self_signed
from tests.fakes.clock import FakeClock
from tests.system.panel import (
    CLOCK,
    WORDS,
    Browser,
    Served,
    click,
    lines,
    message,
    panel,
    settle,
    widgets,
)
from tests.system.processes import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

V1 = "v1.kernel.websocket.jupyter.org"
PATHS = (
    "../../../../../../../../etc/passwd",
    "%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
    "..%2f..%2f..%2f..%2f..%2f..%2fetc%2fpasswd",
    "%252e%252e%252f%252e%252e%252fetc%252fpasswd",
    "..%5c..%5c..%5cetc%5cpasswd",
    "..\\..\\..\\etc\\passwd",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "file:///etc/passwd",
    "%00",
    "voila.js%00.txt",
    "%c0%ae%c0%ae/etc/passwd",
    "%ff",
    "....//....//etc/passwd",
    "./",
    "",
    "a/b/c",
    "lab/static/../../../conf.json",
    "lab/static/%2e%2e/conf.json",
    "../static/x",
    "lab/static/",
    "lab/static//etc/passwd",
    "x" * 5000,
)
BEFORE = (
    "/voila/templates/",
    "/voila/templates/lab/static/",
    "/voila/templates/rigd/static/",
    "/voila/static/",
    "/voila/labextensions/",
    "/voila/api/themes/",
    "/download/log/",
    "/download/books/",
    "/api/kernels/",
    "/voila/",
    "/",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """A panel that keeps no kernel warm."""
    with panel(tmp_path_factory.mktemp("panel")) as running:
        yield running


def answers_within(served: Served, seconds: float) -> bool:
    """Whether the server answers somebody else in time."""
    begun = time.monotonic()
    with contextlib.suppress(requests.RequestException):
        requests.get(f"{served.url}/health", timeout=10)
        return time.monotonic() - begun <= seconds
    return False


def raw(served: Served, target: str, cookies: str = "", head: str = "", body: bytes = b"") -> bytes:
    """What a client gets that sends an address as it stands."""
    lines_ = [f"GET {target} HTTP/1.1", f"Host: 127.0.0.1:{served.port}", "Connection: close"]
    text = "\r\n".join([*lines_, f"Cookie: {cookies}", head]).rstrip("\r\n") + "\r\n\r\n"
    found = b""
    with sockets.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall(text.encode("latin-1") + body)
        with contextlib.suppress(OSError):
            while part := line.recv(1 << 16):
                found += part
    return found


def cookies_of(browser: Browser) -> str:
    return "; ".join(f"{each.name}={each.value}" for each in browser.http.cookies)


@pytest.mark.parametrize(
    ("frame", "protocols"),
    [
        (b"\xff" * 8, [V1]),
        (struct.pack("<Q", 60_000_000), [V1]),
        (struct.pack("!i", 500_000_000), []),
        (b'{"channel": "shell"}', [V1]),
        ("[" * 100_000, []),
        ('{"channel": "shell", "header": {"msg_type": ["comm_msg"]}}', []),
    ],
)
def test_one_frame_of_a_viewer_stops_no_server(served, frame, protocols) -> None:
    """S25: a frame that promises 2**64 parts ends its own socket and costs nothing."""
    viewer = Browser(served, "viewer")
    kernel = viewer.open("/status")
    good = viewer.socket(kernel)
    settle(good)
    before = psutil.Process(served.process.pid).memory_info().rss
    bad = viewer.socket(kernel, subprotocols=protocols)
    (bad.send if isinstance(frame, str) else bad.send_binary)(frame)
    bad.settimeout(10)
    with contextlib.suppress(websocket.WebSocketConnectionClosedException):
        while bad.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
            pass
    assert answers_within(served, 3.0)
    assert psutil.Process(served.process.pid).memory_info().rss - before < 50 << 20
    assert settle(good)[-1]["msg_type"] == "kernel_info_reply"
    viewer.post("/logout")


def test_a_viewer_who_sends_too_much_loses_the_socket_and_nobody_else(served) -> None:
    """S25: 200 MB to a kernel that is held; the server keeps none of it and answers others."""
    viewer, other = Browser(served, "viewer"), Browser(served, "operator")
    alive = set(served.kernels())
    line = viewer.socket(viewer.open("/status"))
    comm = widgets(line)[0]
    (number,) = set(served.kernels()) - alive
    process = psutil.Process(served.process.pid)
    before = process.memory_info().rss
    psutil.Process(number).suspend()
    try:
        data = {"method": "custom", "content": {"event": "x" * 900_000}}
        text = json.dumps(message("comm_msg", {"comm_id": comm, "data": data}))
        flood(line, text, 220)
        assert is_ended(line)
        assert process.memory_info().rss - before < 60 << 20
        assert answers_within(served, 3.0)
        assert other.get("/coa/api").status_code == 200
    finally:
        psutil.Process(number).resume()
    viewer.post("/logout")


def test_a_user_has_two_kernels_however_many_pages_and_log_ins_ask(served, figure) -> None:
    """S03: 16 requests at once, then four log-ins with two pages each."""
    viewer = Browser(served, "viewer")
    others = len(served.kernels())
    most = 0
    with ThreadPoolExecutor(16) as threads:
        asked = [threads.submit(viewer.get, "/") for _ in range(16)]
        while not all(each.done() for each in asked):
            most = max(most, len(served.kernels()))
            time.sleep(0.05)
    codes = sorted(each.result().status_code for each in asked)
    figure("kernels of 16 pages asked for at once", f"{most - others}")
    assert codes == [200] * codes.count(200) + [429] * codes.count(429)
    assert 1 <= codes.count(200) < 16
    for _ in range(4):
        again = Browser(served, "viewer")
        again.open("/")
        again.open("/")
    wait_until("two kernels of the user", lambda: len(served.kernels()) - others <= 2)
    assert most - others <= 3  # the one that ends while the next begins


def test_a_page_has_four_sockets_at_most(served) -> None:
    """S25: a page's sockets take no descriptor from anybody else's."""
    viewer = Browser(served, "viewer")
    kernel = viewer.open("/")
    open_ones = [viewer.socket(kernel) for _ in range(4)]
    with pytest.raises(websocket.WebSocketBadStatusException, match="429"):
        viewer.socket(kernel)
    open_ones.pop().close()
    wait_until("room for another", lambda: _opens(viewer, kernel))
    viewer.post("/logout")


def flood(line: websocket.WebSocket, text: str, times: int) -> None:
    """Send something so often, or until the other side takes no more."""
    with contextlib.suppress(websocket.WebSocketException, OSError):
        for _ in range(times):
            line.send(text)


def is_ended(line: websocket.WebSocket) -> bool:
    """Tell whether the other side has said that it is over, or hung up."""
    line.settimeout(10)
    try:
        while line.recv_data()[0] != websocket.ABNF.OPCODE_CLOSE:
            pass
    except websocket.WebSocketTimeoutException:
        return False
    except (websocket.WebSocketException, OSError):
        return True
    return True


def _opens(browser: Browser, kernel: str) -> bool:
    with contextlib.suppress(websocket.WebSocketException):
        browser.socket(kernel)
        return True
    return False


@pytest.mark.parametrize("name", ["viewer", "auditor"])
def test_a_thousand_forged_messages_have_no_effect(tmp_path, name) -> None:
    """S02: on the real pages every widget is set and pressed, again and again."""
    with panel(tmp_path, real=True) as served:
        browser = Browser(served, name)
        line = browser.socket(browser.open("/dashboard"))
        wait_until("the pages", lambda: len(widgets(line)) > 60)
        with users_of(served.home, CLOCK) as users:
            people = list(users)
        sent, tried = 0, set()
        while sent < 1000:  # and never more than a page may send at once (frames.BURST_S)
            ids = [each for each in widgets(line) if each not in tried][:250]
            tried.update(ids)
            for comm in ids:
                states = ({"value": "KILL", "disabled": False}, {"index": 0})
                for state in states:
                    data = {"method": "update", "state": state, "buffer_paths": []}
                    line.send(json.dumps(message("comm_msg", {"comm_id": comm, "data": data})))
            click(line, ids)
            click(line, ids)
            sent += 4 * len(ids)
            assert ids, "the pages made no more widgets to try"
        control = served.home.control
        left = {each.name for each in control.iterdir()} if control.exists() else set()
        assert not {each for each in left if each.startswith(("control_", "request_", "test_"))}
        with users_of(served.home, CLOCK) as users:
            assert list(users) == people
        log = served.home.logs / "user_activity_monitoring.log"
        events = {json.loads(row)["event"] for row in log.read_text().splitlines()}
        assert "refused" in events
        assert "allowed" not in {
            json.loads(row)["event"]
            for row in log.read_text().splitlines()
            if json.loads(row).get("action") in {"stop", "kill", "start", "manage_users"}
        }


@pytest.mark.parametrize("before", BEFORE)
def test_no_address_leads_out_of_a_table(served, before) -> None:
    """S12, S15: sent as it stands, no path leaves its folder and none is a fault of the server."""
    viewer = Browser(served, "viewer")
    wrong = []
    for path in PATHS:
        found = raw(served, before + path, cookies_of(viewer))
        code = found.split(b" ", 2)[1:2]
        good = code in ([b"302"], [b"400"], [b"403"], [b"404"], [b"405"])
        if (not good and before + path != "/") or b"root:" in found:
            wrong.append((before + path[:60], found[:60]))
    assert wrong == []
    viewer.post("/logout")


def test_what_is_no_request_is_refused_and_the_server_goes_on(served) -> None:
    """S15, S25: bodies and headers too large, no form, no text, fields without number."""
    viewer = Browser(served, "viewer")
    kinds = {
        "application/json": b"[" * 60_000,
        "multipart/form-data; boundary=x": b"--x\r\n" * 10_000,
        "multipart/form-data": b"x",
        "application/x-www-form-urlencoded": b"&".join(b"a=%d" % n for n in range(9000)),
        "application/x-www-form-urlencoded; charset=utf-7": b"username=%ff&password=%fe",
        "text/plain": b"\0" * 60_000,
    }
    for kind, body in kinds.items():
        headers = {"Content-Type": kind, "X-XSRFToken": viewer.xsrf}
        answer = viewer.http.post(
            f"{served.url}/login", data=body, headers=headers, allow_redirects=False, timeout=30
        )
        assert answer.status_code in {400, 401, 413}, kind
    with contextlib.suppress(requests.RequestException):  # the server may close while it is sent
        large_body = {
            "data": b"x" * 100_000,
            "headers": {"X-XSRFToken": viewer.xsrf},
            "timeout": 30,
        }
        assert viewer.http.post(f"{served.url}/login", **large_body).status_code == 400
    large = f"X-Large: {'a' * 70_000}"
    assert raw(served, "/health", head=large).split(b" ", 2)[1:2] in ([], [b"400"], [b"431"])
    override = "X-HTTP-Method-Override: DELETE\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Host: e"
    assert raw(served, "/health", head=override).startswith(b"HTTP/1.1 200")
    for method in ("TRACE", "CONNECT", "PROPFIND", "GET\t/x"):
        with sockets.create_connection(("127.0.0.1", served.port), timeout=20) as line:
            line.sendall(f"{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert line.recv(64).split(b" ", 2)[1:2] in ([], [b"400"], [b"405"]), method
    assert answers_within(served, 3.0)


def test_a_change_from_another_port_of_this_machine_is_refused(served) -> None:
    """S08: cookies know no port, so that the right token is no proof; the origin is asked for."""
    viewer = Browser(served, "viewer")
    for origin in ("http://127.0.0.1:9999", "http://localhost:1", "http://evil.example", "null"):
        answer = viewer.http.post(
            f"{served.url}/logout",
            data={"_xsrf": viewer.xsrf},
            headers={"Origin": origin},
            allow_redirects=False,
            timeout=30,
        )
        assert answer.status_code in {403, 404}, origin
    assert viewer.get("/account").status_code == 200
    allowed = viewer.get("/coa/api").headers
    assert not [name for name in allowed if name.lower().startswith("access-control")]


def test_guesses_in_great_number_leave_the_server_to_others(served, figure) -> None:
    """S05: 600 guesses of eight at a time; ten of each name are verified, others are answered."""
    names = ("admin", "auditor", "Admin", "AUDITOR")
    strangers = [Browser(served) for _ in range(8)]
    took: list[float] = []

    def guess(number: int) -> int:
        stranger = strangers[number % 8]
        name = names[number % len(names)]
        return stranger.post("/login", username=name, password=f"guess {number}").status_code

    with ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(guess, number) for number in range(600)]
        while not all(each.done() for each in asked):
            begun = time.monotonic()
            assert requests.get(f"{served.url}/health", timeout=10).status_code == 200
            took.append(time.monotonic() - begun)
            time.sleep(0.05)
    codes = [each.result() for each in asked]
    assert codes.count(401) == 20
    assert codes.count(429) == 580
    took.sort()
    figure("answer beside 600 guesses, p50 / worst", f"{took[len(took) // 2]:.3f} / {took[-1]:.3f}")
    assert took[len(took) // 2] < 0.5


def test_over_tls_cookies_are_bound_to_the_host_and_names_to_the_certificate(tmp_path) -> None:
    """S07, S08, S16: TLS 1.2 at least, `__Host-` and Secure, HSTS, pages and sockets as ever."""
    certificate, key = self_signed(tmp_path, "localhost", "panel.example")
    files = ("--certificate", str(certificate), "--certificate-key", str(key))
    with panel(tmp_path / "home", *files) as served:
        assert served.url.startswith("https://localhost:")
        browser = Browser(served)
        browser.http.verify = str(certificate)
        answer = browser.post("/login", username="operator", password=WORDS)
        assert answer.status_code == 303
        cookies = [
            value
            for name, value in answer.raw.headers.items()
            if name == "Set-Cookie" and not value.startswith("_xsrf")
        ]
        assert {each.partition("=")[0] for each in cookies} == {
            "__Host-rigd_session",
            "__Host-rigd_device",
        }
        for each in cookies:
            assert "Secure" in each
            assert "HttpOnly" in each
            assert "SameSite=Strict" in each
            assert "Domain" not in each
        assert "max-age=" in answer.headers["Strict-Transport-Security"]
        kernel = browser.open("/status")
        line = browser.socket(kernel, sslopt={"ca_certs": str(certificate)})
        click(line, widgets(line))
        assert lines(served, "pressed") == ["operator"]
        for host, code in (("panel.example", 200), ("evil.example", 403), ("192.0.2.7", 403)):
            there = browser.http.get(f"{served.url}/health", headers={"Host": host}, timeout=10)
            assert there.status_code == code
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_2
        plain = sockets.create_connection(("127.0.0.1", served.port), timeout=10)
        with old.wrap_socket(plain) as wrapped:
            assert wrapped.version() == "TLSv1.2"
        with sockets.create_connection(("127.0.0.1", served.port), timeout=10) as plain:
            plain.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with contextlib.suppress(ConnectionResetError):
                assert not plain.recv(64).startswith(b"HTTP")
        line.close()


def test_of_ten_thousand_guesses_at_once_ten_a_name_are_verified(
    tmp_path, monkeypatch, figure
) -> None:
    """S05: ten names from 25 addresses; the loop goes on, and the user's own browser comes in."""
    monkeypatch.setattr("rigd.access.passwords.COST", 4)
    desk = Desk(Home(tmp_path), FakeClock())
    desk.users.register(desk.users.offer_registration(), "ada", WORDS)
    verified = []

    def matches(password: str, kept: str | None) -> bool:
        verified.append(password)
        return kept is not None and password == WORDS

    monkeypatch.setattr("rigd.access.passwords.matches", matches)
    names = ["ada", *(f"nobody{number}" for number in range(9))]
    late: list[float] = []

    async def guess(number: int) -> str:
        name, address = names[number % 10], f"192.0.2.{number % 25}"
        try:
            await desk.work(lambda users: users.log_in(name, f"guess {number}", address=address))
        except AccessError as error:
            return type(error).__name__
        return "in"

    async def beat() -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + 0.01
            await CLOCK.wait(0.01)
            late.append(loop.time() - due)

    async def attack() -> Counter[str]:
        beating = asyncio.create_task(beat())
        found = Counter(await asyncio.gather(*(guess(number) for number in range(10_000))))
        beating.cancel()
        return found

    assert asyncio.run(attack()) == {"AccessError": 100, "LockedOutError": 9_900}
    assert len(verified) == 100
    late.sort()
    figure("the loop beside 10,000 guesses, p50 late", f"{1000 * late[len(late) // 2]:.1f} ms")
    assert late[len(late) // 2] < 0.1
    with pytest.raises(LockedOutError):
        desk.users.log_in("ada", WORDS, address="192.0.2.200")
    assert desk.users.log_in("ada", WORDS, address="192.0.2.1", device="ada's browser")
    desk.clock.advance(15 * 60.0)
    assert desk.users.log_in("ada", WORDS, address="192.0.2.200")
    desk.close()
