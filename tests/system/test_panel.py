"""The panel attacked over loopback: routes, sockets, forged messages, guesses, log-outs.

What is expected is written here by hand and not read from the table of the code.
"""

from __future__ import annotations

import contextlib
import json
import socket as sockets
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
import websocket

from rigd.access.directory import users_of
from rigd.access.roles import Role
from rigd.hosts.panel.policy import ROWS
from tests.system.panel import (
    CLOCK,
    WORDS,
    Browser,
    Served,
    binary,
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

ALL = {"viewer", "auditor", "operator", "admin"}
READERS = ALL - {"viewer"}
ADMIN = {"admin"}
OPEN = {"", *ALL}
NOBODY: set[str] = set()

EXPECTED: dict[tuple[str, str], set[str]] = {
    ("/health", "GET"): OPEN,
    ("/login", "GET"): OPEN,
    ("/login", "POST"): OPEN,
    ("/register", "GET"): OPEN,
    ("/register", "POST"): OPEN,
    ("/reset", "GET"): OPEN,
    ("/reset", "POST"): OPEN,
    ("/confirm", "GET"): ALL,
    ("/confirm", "POST"): ALL,
    ("/logout", "GET"): ALL,
    ("/logout", "POST"): ALL,
    ("/", "GET"): ALL,
    ("/dashboard", "GET"): ALL,
    ("/status", "GET"): ALL,
    ("/logs", "GET"): ALL,
    ("/universe", "GET"): ALL,
    ("/test", "GET"): ALL,
    ("/account", "GET"): ALL,
    ("/books", "GET"): READERS,
    ("/coa", "GET"): READERS,
    ("/proposals", "GET"): READERS,
    ("/settings", "GET"): READERS,
    ("/configuration", "GET"): ADMIN,
    ("/users", "GET"): ADMIN,
    ("/coa/api", "GET"): READERS,
    ("/coa/export", "GET"): READERS,
    ("/download/log/<name>", "GET"): ALL,
    ("/download/books/<form>", "GET"): READERS,
    ("/voila/templates/rigd/static/<name>", "GET"): ALL,
    ("/voila/templates/<path>", "GET"): ALL,
    ("/voila/static/<path>", "GET"): ALL,
    ("/voila/labextensions/<path>", "GET"): ALL,
    ("/voila/api/themes/<path>", "GET"): ALL,
    # of a kernel that is another log-in's
    ("/voila/api/shutdown/<kernel>", "POST"): NOBODY,
    ("/api/kernels/<kernel>", "GET"): NOBODY,
    ("/api/kernels/<kernel>", "DELETE"): NOBODY,
    ("/api/kernels/<kernel>/channels", "GET"): NOBODY,
}
PAGES = {"/", "/dashboard", "/status", "/logs", "/universe", "/test", "/account", "/books", "/coa"}
PAGES |= {"/proposals", "/settings", "/configuration", "/users"}
OPENED = {"/status", "/books", "/settings", "/configuration"}
"""Pages that are opened where they may be; each takes a kernel's start."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
REMOVED = (
    "/api/kernels",
    "/api/contents",
    "/api/contents/control_panel.ipynb",
    "/api/sessions",
    "/api/terminals",
    "/api/me",
    "/voila/tree",
    "/voila/files/control_panel.ipynb",
    "/voila/files/../../env/databases/SYSTEM_USERS.db",
    "/voila/api/contents/control_panel.ipynb",
    "/voila/render/session.ipynb",
    "/voila/render/control_panel.ipynb",
    "/voila/query/00000000-0000-0000-0000-000000000000",
    "/voila/execution/00000000-0000-0000-0000-000000000000",
    "/session.ipynb",
    "/metrics",
    "/nbextensions/x.js",
)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[Served]:
    """A panel that keeps no kernel warm."""
    with panel(tmp_path_factory.mktemp("panel")) as running:
        yield running


@pytest.fixture
def fresh(tmp_path) -> Iterator[Served]:
    """A panel for one test."""
    with panel(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def people(served) -> dict[str, Browser]:
    """One browser of each role, and one of nobody."""
    return {name: Browser(served, name) for name in ("", *sorted(ALL))}


def address(route: str, kernel: str) -> str:
    """An address of a route."""
    path = route.replace("<kernel>", kernel).replace("<form>", "csv")
    path = path.replace("/voila/static/<path>", "/voila/static/voila.js")
    return path.replace("<name>", "auth_web.log").replace("<path>", "nothing.js")


def test_every_route_stands_in_the_matrix_of_this_test() -> None:
    """S01: a route that is added without being thought of here fails."""
    assert {(row.route, row.method) for row in ROWS} == set(EXPECTED)


@pytest.mark.parametrize("name", ["", *sorted(ALL)])
def test_who_may_not_is_refused_on_every_route_and_method(served, people, name) -> None:
    """S01, W8, U13: five kinds of people, every route, seven methods, no exception."""
    owner = Browser(served, "auditor" if name == "operator" else "operator")
    kernel = owner.open("/")
    line = owner.socket(kernel)
    browser = people[name]
    wrong = []
    for route in {route for route, _ in EXPECTED}:
        for method in METHODS:
            may = name in EXPECTED.get((route, method), NOBODY)
            if may and (route in PAGES - OPENED or (route, method) == ("/logout", "POST")):
                continue
            answer = browser.send(method, address(route, kernel))
            refused = answer.status_code in {403, 405} or (
                answer.status_code == 302 and answer.headers["Location"].startswith("/login?")
            )
            if refused == may:
                wrong.append((route, method, answer.status_code))
    assert wrong == []
    assert owner.send("GET", f"/api/kernels/{kernel}").status_code == 200
    line.close()
    owner.post("/logout")


@pytest.mark.parametrize("path", REMOVED)
def test_what_is_not_in_the_table_does_not_exist(people, path) -> None:
    """JUPYTER §1: contents, tree, files, queries and lists are not served, to an admin either."""
    for method in ("GET", "POST"):
        assert people["admin"].send(method, path).status_code in {403, 404, 405}


def test_a_thousand_requests_of_nobody_start_no_kernel(served, people) -> None:
    """S03: log in first."""
    before = len(served.kernels())
    paths = [*sorted(PAGES), "/coa/api", "/api/kernels", "/voila/render/control_panel.ipynb"]
    codes = {people[""].get(paths[n % len(paths)]).status_code for n in range(1000)}
    assert codes <= {302, 403, 404}
    assert len(served.kernels()) <= before


def test_every_answer_has_its_headers(people) -> None:
    """S10: pages, forms, files, errors."""
    for path in ("/health", "/login", "/nothing", "/coa/api", "/", "/voila/static/voila.js"):
        headers = people["viewer"].get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "frame-ancestors 'none'" in policy
        assert "base-uri 'none'" in policy
        assert "http" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert "Server" not in headers


@pytest.mark.parametrize("path", ["/login", "/register", "/reset"])
def test_a_form_runs_no_script(people, path: str) -> None:
    """S10: a page that asks for a password may load and run nothing at all."""
    policy = people[""].get(path).headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "connect-src" not in policy
    assert "<script" not in people[""].get(path).text


def test_a_page_asks_nobody_else_for_anything(people) -> None:
    """No content delivery network: every address in the page is of this server."""
    for path in ("/login", "/reset", "/status"):
        text = people["operator"].get(path).text
        for part in ("src=", "href="):
            for found in text.split(part)[1:]:
                assert not found.strip("\"'").startswith(("http:", "https:", "//")), found[:80]


def test_a_name_of_another_host_is_refused(served) -> None:
    """S08: DNS rebinding, on every kind of route."""
    for path in ("/health", "/login", "/", "/coa/api", "/voila/static/voila.js"):
        for host in ("evil.example", f"evil.example:{served.port}", "169.254.169.254", "[::2]"):
            answer = requests.get(
                served.url + path, headers={"Host": host}, allow_redirects=False, timeout=10
            )
            assert answer.status_code == 403, (path, host)


def test_a_change_needs_its_token_and_its_origin(served, people) -> None:
    """S08: 0 of 12 forged requests of another site are taken; sockets ask for the origin."""
    browser = people["operator"]
    kernel = browser.open("/")
    cookies = browser.http.cookies
    for path in ("/login", "/logout", "/confirm", "/reset", "/register"):
        for data in ({}, {"_xsrf": "forged"}):
            answer = requests.post(
                served.url + path, data=data, cookies=cookies, allow_redirects=False, timeout=10
            )
            assert answer.status_code == 403, path
    url = f"{served.url}/voila/api/shutdown/{kernel}"
    assert requests.post(url, cookies=cookies, timeout=10).status_code == 403
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        browser.socket(kernel, origin="http://evil.example")
    assert browser.send("GET", f"/api/kernels/{kernel}").status_code == 200
    assert browser.send("POST", f"/voila/api/shutdown/{kernel}").status_code == 204
    assert browser.send("GET", f"/api/kernels/{kernel}").status_code == 403


def test_a_page_runs_no_code_that_a_browser_sends(served, people) -> None:
    """S02: nine types of message, two channels, both protocols; nothing is executed."""
    browser = people["viewer"]
    kernel = browser.open("/status")
    socket = browser.socket(kernel)
    plain = browser.socket(kernel, subprotocols=["v1.kernel.websocket.jupyter.org"])
    mark = served.home.root / "executed"
    code = {"code": f"open({str(mark)!r}, 'w')", "silent": False}
    evaluate = {"command": "evaluate", "arguments": {"expression": code["code"]}}
    attacks = [
        ("execute_request", code),
        ("debug_request", {"type": "request", "seq": 1, **evaluate}),
        ("complete_request", {"code": "os.", "cursor_pos": 3}),
        ("inspect_request", {"code": "os", "cursor_pos": 2, "detail_level": 1}),
        ("history_request", {"hist_access_type": "tail", "n": 5, "output": True, "raw": True}),
        ("is_complete_request", {"code": "1"}),
        ("interrupt_request", {}),
        ("create_subshell_request", {}),
        ("input_reply", {"value": "x"}),
    ]
    for channel in ("shell", "control"):
        for kind, content in attacks:
            sent = message(kind, content, channel)
            socket.send(json.dumps(sent))
            plain.send_binary(binary(sent))
    kinds = {row["msg_type"] for row in settle(socket)}
    assert not kinds & {"execute_reply", "execute_result", "debug_reply", "complete_reply"}
    assert not kinds & {"inspect_reply", "history_reply", "interrupt_reply", "error"}
    assert not mark.exists()
    socket.close()
    plain.close()


def test_a_viewers_forged_clicks_have_no_effect_and_an_operators_have(fresh) -> None:
    """S02: a press of every widget; the role is asked at the moment, one row for each."""
    viewer = Browser(fresh, "viewer")
    socket = viewer.socket(viewer.open("/status"))
    ids = widgets(socket)
    assert len(ids) >= 3
    for _ in range(3):
        click(socket, ids)
    forged = {
        "comm_id": uuid.uuid4().hex,
        "target_name": "jupyter.widget",
        "data": {"state": {"_model_name": "ButtonModel", "disabled": False}},
    }
    socket.send(json.dumps(message("comm_open", forged, version="2.1.0")))
    settle(socket)
    assert lines(fresh, "pressed") == []
    assert set(lines(fresh, "refused")) == {"a viewer may not stop"}
    log = fresh.home.logs / "user_activity_monitoring.log"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    refused = [row for row in rows if row["event"] == "refused" and row.get("action") == "stop"]
    assert len(refused) == len(lines(fresh, "refused")) == 3
    operator = Browser(fresh, "operator")
    own = operator.socket(operator.open("/status"))
    click(own, widgets(own))
    assert lines(fresh, "pressed") == ["operator"]
    own.close()
    socket.close()


def test_a_kernel_belongs_to_its_log_in(served, people) -> None:
    """S02: not to another user, nor to another log-in of the same user, nor to nobody."""
    kernel = people["viewer"].open("/")
    other = Browser(served, "viewer")
    for browser in (people["admin"], people["operator"], other, people[""]):
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            browser.socket(kernel)
        assert browser.send("DELETE", f"/api/kernels/{kernel}").status_code == 403
        assert browser.send("POST", f"/voila/api/shutdown/{kernel}").status_code == 403
    model = people["viewer"].get(f"/api/kernels/{kernel}").json()
    assert set(model) >= {"id", "name", "last_activity", "execution_state", "connections"}
    people["viewer"].socket(kernel).close()


def test_passwords_are_not_guessed(fresh) -> None:
    """S05: ten tries, then 429 for the right one too; for a user who does not exist alike."""
    for name in ("auditor", "nobody-of-the-name"):
        stranger = Browser(fresh)
        codes = [
            stranger.post("/login", username=name, password=f"guess number {n} of many").status_code
            for n in range(12)
        ]
        assert codes == [401] * 10 + [429] * 2
        assert stranger.post("/login", username=name, password=WORDS).status_code == 429
    assert Browser(fresh, "operator").get("/coa/api").status_code == 200


def test_a_session_is_new_with_each_log_in(fresh) -> None:
    """S07: an id from before is not taken on, and ends; it is HttpOnly and Strict."""
    browser = Browser(fresh)
    browser.http.cookies.set("rigd_session", "chosen-by-somebody-else")
    answer = browser.post("/login", username="operator", password=WORDS)
    cookie = next(v for k, v in answer.headers.items() if k == "Set-Cookie" and "rigd_session" in v)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    browser.http.cookies.clear()
    first = Browser(fresh, "operator")
    old = first.http.cookies["rigd_session"]
    first.post("/login", username="operator", password=WORDS)
    assert first.http.cookies["rigd_session"] != old
    thief = Browser(fresh)
    for stolen in (old, "chosen-by-somebody-else", "", "../x"):
        thief.http.cookies.clear()
        thief.http.cookies.set("rigd_session", stolen)
        assert thief.get("/coa/api").status_code == 302
    for target in ("//evil.example", "https://evil.example", "/\\evil.example"):
        gone = Browser(fresh).post(f"/login?next={target}", username="admin", password=WORDS)
        assert gone.headers["Location"] == "/"


def closed(socket: websocket.WebSocket, within_s: float) -> bool:
    """Whether a page's socket is closed by the server in time."""
    socket.settimeout(within_s)
    until = time.monotonic() + within_s
    with contextlib.suppress(websocket.WebSocketTimeoutException):
        while time.monotonic() < until:
            try:
                if socket.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE:
                    return True
            except (websocket.WebSocketConnectionClosedException, OSError):
                return True
    return False


@pytest.mark.parametrize("how", ["log-out", "role", "disabled", "removed"])
def test_a_log_in_that_ends_takes_its_open_pages_along_in_a_second(fresh, how, figure) -> None:
    """S01, S07: by the user or by an admin in another process; the kernel is gone too."""
    browser = Browser(fresh, "operator")
    socket = browser.socket(browser.open("/status"))
    ids = widgets(socket)
    click(socket, ids)
    assert lines(fresh, "pressed") == ["operator"]
    (kernel,) = fresh.kernels()
    begun = time.monotonic()
    with users_of(fresh.home, CLOCK) as users:
        if how == "log-out":
            assert browser.post("/logout").headers["Location"] == "/login"
        elif how == "role":
            users.set_role("operator", Role.VIEWER, by="admin")
        elif how == "disabled":
            users.set_enabled("operator", enabled=False, by="admin")
        else:
            users.remove("operator", by="admin")
    with contextlib.suppress(websocket.WebSocketException, OSError):
        click(socket, ids)
    assert closed(socket, 2.0)
    took = time.monotonic() - begun
    wait_until("the kernel to be gone", lambda: kernel not in fresh.kernels())
    assert lines(fresh, "pressed") == ["operator"]
    figure(f"page closed after {how}", f"{took:.2f} s")
    assert took <= 2.0
    if how != "role":
        assert browser.get("/coa/api").status_code == 302


def test_a_page_that_is_gone_leaves_no_kernel(fresh) -> None:
    """J6: a browser that crashed, and pages too many of one user."""
    browser = Browser(fresh, "viewer")
    browser.socket(browser.open("/")).close()
    wait_until("the kernel of a lost page to be gone", lambda: not fresh.kernels())
    for _ in range(5):
        browser.open("/")
    assert len(fresh.kernels()) <= 2


def test_kernel_and_panel_hold_no_secret(fresh) -> None:
    """S17, S22: the environment is our own; sockets lie in a private folder, none on TCP."""
    browser = Browser(fresh, "admin")
    browser.socket(browser.open("/?RIGD_HOME=/evil&VOILA_KERNEL_ID=x"))
    (kernel,) = fresh.kernels()
    environment = Path(f"/proc/{kernel}/environ").read_text()
    assert "canary" not in environment
    assert f"RIGD_HOME={fresh.home.root}" in environment
    assert "evil" not in environment
    assert "canary" not in "".join(lines(fresh, "environment"))
    (folder,) = {Path(part) for part in environment.split("\0") if part.startswith("IPYTHONDIR=")}
    runtime = Path(str(folder).removeprefix("IPYTHONDIR=")).parent
    assert runtime.stat().st_mode & 0o777 == 0o700
    assert list(runtime.rglob("*-ipc-*"))


def test_the_first_admin_registers_and_a_lost_password_is_replaced(tmp_path) -> None:
    """W6, W7: from an empty home, by tokens; hashes alone are logged."""
    with panel(tmp_path, roles=False) as served:
        browser = Browser(served)
        assert browser.get("/login").headers["Location"] == "/register"
        fields = {"username": "ada", "password": WORDS, "again": WORDS}
        guess = fields | {"token": "a guess"}
        assert browser.post("/register", **guess).status_code == 401
        with users_of(served.home, CLOCK) as users:
            token = users.offer_registration()
        other = fields | {"again": "another one entirely"}
        assert browser.post("/register", token=token, **other).status_code == 400
        assert browser.post("/register", token=token, **fields).status_code == 303
        assert browser.post("/register", token=token, **fields).status_code == 401
        ada = Browser(served, "ada")
        assert ada.get("/coa/api").status_code == 200
        with users_of(served.home, CLOCK) as users:
            reset = users.offer_reset("ada", by="ada")
        new = {"username": "ada", "token": reset, "password": "six other words in a row"}
        assert browser.post("/reset", again=new["password"], **new).status_code == 303
        assert browser.post("/reset", again=new["password"], **new).status_code == 401
        assert ada.get("/coa/api").status_code == 302
        again = Browser(served, "ada", new["password"])
        wrong = {"password": "wrong wrong wrong"}
        assert again.post("/confirm", **wrong).status_code == 401
        assert again.post("/confirm", password=new["password"]).status_code == 200
        text = "".join(path.read_text() for path in served.home.logs.glob("*.log"))
        assert token not in text
        assert reset not in text
        names = {path.name for path in served.home.logs.glob("*.log")}
        assert names >= {"auth_web.log", "password_reset_tokens.log", "system_users.log"}
        assert names >= {"security_users.log", "user_activity_monitoring.log"}


def test_downloads_are_found_in_a_table_and_never_by_a_path(served, people) -> None:
    """S12: names alone; a link in place of a log is not followed."""
    admin = people["admin"]
    assert admin.get("/download/log/auth_web.log").status_code == 200
    assert admin.get("/coa/api").json()["accounts"][0] == {
        "number": 1010,
        "name": "Float injection",
        "kind": "asset",
    }
    assert admin.get("/coa/export").text.startswith("number,name,kind,version\n1010,")
    assert admin.get("/voila/templates/rigd/static/bokeh.min.js").status_code == 200
    link = served.home.logs / "router.log"
    link.symlink_to(served.home.users)
    bad = ("router.log", "status.json", "SYSTEM_USERS.db", "..%2f..%2fenv%2f.env_bot", "%00")
    for name in (*bad, "../../env/databases/SYSTEM_USERS.db", "....//x", "auth_web.log/", "a" * 99):
        assert admin.get(f"/download/log/{name}").status_code == 404, name
    for form in ("csv", "pickle", "../x"):
        assert admin.get(f"/download/books/{form}").status_code == 404


def test_it_listens_on_loopback_alone(served) -> None:
    """S16: no other address of the machine answers."""
    with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        own = probe.getsockname()[0]
    if own.startswith("127."):
        pytest.skip("the machine has no other address")
    with sockets.socket() as attempt:
        assert attempt.connect_ex((own, served.port)) != 0


def test_a_warm_page_costs_the_server_next_to_nothing(tmp_path, figure) -> None:
    """PERFORMANCE P11: at most 20 ms, and a fiftieth of a cold one; the best of five."""
    warm, cold = [], []
    with panel(tmp_path / "warm", pool=1) as served:
        browser = Browser(served, "viewer")
        for number in range(1, 6):
            wait_until("a warm page", lambda n=number: len(lines(served, "built")) >= n)
            for _ in range(40):
                browser.get("/health")
            begun = time.perf_counter()
            browser.open("/")
            warm.append(time.perf_counter() - begun)
    with panel(tmp_path / "cold", pool=0) as served:
        browser = Browser(served, "viewer")
        for _ in range(3):
            begun = time.perf_counter()
            browser.open("/")
            cold.append(time.perf_counter() - begun)
    ratio = min(cold) / min(warm)
    figure("warm page, server side", f"{1000 * min(warm):.1f} ms")
    figure("cold page", f"{min(cold):.2f} s, {ratio:.0f} times a warm one")
    assert min(warm) <= 0.020
    assert ratio >= 50.0
