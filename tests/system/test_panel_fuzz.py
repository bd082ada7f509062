"""S15: requests that nobody thought of, to the panel's own server: routes, methods, queries, forms.

Hypothesis puts them together from a fixed seed, so that each run asks the same. A page that a user
may open is asked for by nobody alone: it would start a kernel.
"""

from __future__ import annotations

import contextlib
import socket as sockets
import string
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote_from_bytes, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rigd.access.directory import users_of
from rigd.hosts.panel.policy import ROWS
from tests.system.panel import CLOCK, Browser, Served, panel

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.system

REQUESTS = 400
OPENED = {"/", "/dashboard", "/status", "/logs", "/universe", "/test", "/account"}
"""Pages that a viewer may open."""
KERNEL = "00000000-0000-4000-8000-000000000000"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get")
OWN = "own"
OUTSIDE = "what-lies-outside-the-table"
CALM = {101, 200, 204, 301, 302, 303, 304, 400, 401, 403, 404, 405, 411, 413, 414, 429, 431}
"""Every answer that is none of a fault."""
TAILS = st.one_of(
    st.sampled_from((
        *("../secret.txt", "..%2f..%2fsecret.txt", "%2e%2e/%2e%2e/pages/control_panel.ipynb"),
        *("..\\secret.txt", "%00", "%ff%fe", "//", "a/../../../secret.txt", ".", "..", "~", "*"),
        *("main_bot.log", "json", "voila.js", "lab/static/voila.js", "bokeh.min.js", KERNEL),
        *("%2fetc%2fpasswd", "%252e%252e%252fsecret.txt", "{0}", "$(id)", "|id", "';--", "\u212a"),
    )),
    st.binary(max_size=24).map(quote_from_bytes),
    st.text(string.ascii_letters + string.digits + "/._-%+;,@!~", max_size=40),
)
NAMES = st.one_of(
    st.sampled_from(("username", "password", "token", "again", "next", "_xsrf", "session_id")),
    st.text(max_size=8),
)
VALUES = st.one_of(st.sampled_from(("viewer", "admin", "/", "//x", "1" * 40)), st.text(max_size=40))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=5)
BODIES = st.one_of(
    st.just(("", b"")),
    FIELDS.map(
        lambda held: (
            "application/x-www-form-urlencoded",
            urlencode(held, errors="surrogatepass").encode(),
        )
    ),
    st.tuples(
        st.sampled_from((
            *("application/json", "multipart/form-data; boundary=x", "multipart/form-data"),
            *("application/x-www-form-urlencoded; charset=utf-16", "text/plain", "x", ";;="),
        )),
        st.one_of(
            st.binary(max_size=200),
            st.sampled_from((
                b'--x\r\nContent-Disposition: form-data; name="username"\r\n\r\na\r\n--x--\r\n',
                b"--x\r\n\r\n--x--",
                b"[" * 5000,
                b"%",
                b"&&&=&=",
            )),
        ),
    ),
)


class Asked(NamedTuple):
    """One request."""

    logged_in: bool
    method: str
    target: str
    proof: str
    origin: str
    kind: str
    body: bytes


@st.composite
def requests_(draw: st.DrawFn) -> Asked:
    """Return a request: mostly one of the table's routes, changed somewhere."""
    route, method, _ = draw(st.sampled_from(ROWS))
    path = route.partition("<")[0] + (draw(TAILS) if "<" in route else "")
    if draw(st.integers(0, 3)) == 0:
        path += "/" * draw(st.integers(0, 1)) + draw(TAILS)
    query = draw(st.one_of(st.just([]), FIELDS))
    target = path + ("?" + urlencode(query, errors="surrogatepass") if query else "")
    if draw(st.integers(0, 2)) == 0:
        method = draw(st.sampled_from(METHODS))
    costly = path == "/login" and method == "POST"  # a hash each, if its proof is right
    proof = draw(st.sampled_from(("", "x") if costly else ("", "x", OWN)))
    logged_in = draw(st.booleans()) and path not in OPENED | {"/logout"}
    origin = draw(st.sampled_from(("", OWN, "http://evil.example", "null")))
    kind, body = draw(BODIES)
    return Asked(logged_in, method, target, proof, origin, kind, body)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A panel that keeps no kernel warm, and a file that it must never hand out."""
    with panel(tmp_path_factory.mktemp("panel")) as running:
        (running.home.root / "secret.txt").write_text(OUTSIDE)
        (running.home.root / "pages" / "secret.txt").write_text(OUTSIDE)
        yield running


def answer(served: Served, browser: Browser, asked: Asked) -> bytes:
    """What the server sends; the request goes out as it stands."""
    token = browser.xsrf
    head = [f"{asked.method} {asked.target} HTTP/1.1", f"Host: 127.0.0.1:{served.port}"]
    head += ["Connection: close", f"Content-Length: {len(asked.body)}"]
    cookies = [f"{each.name}={each.value}" for each in browser.http.cookies]
    head.append(f"Cookie: {'; '.join(cookies)}")
    if asked.proof:
        head.append(f"X-XSRFToken: {token if asked.proof == OWN else asked.proof}")
    if asked.origin:
        head.append(f"Origin: {served.url if asked.origin == OWN else asked.origin}")
    if asked.kind:
        head.append(f"Content-Type: {asked.kind}")
    found = b""
    with sockets.create_connection(("127.0.0.1", served.port), timeout=20) as line:
        line.sendall("\r\n".join([*head, "", ""]).encode("utf-8") + asked.body)
        with contextlib.suppress(ConnectionResetError):
            while part := line.recv(1 << 16):
                found += part
    return found


def standing(served: Served) -> dict[str, object]:
    """What a request could have an effect on: users, files, kernels."""
    with users_of(served.home, CLOCK) as users:
        people = [(user.name, user.role, user.enabled) for user in users]
    root = served.home.root
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    changing = ("runs/logs/", "env/databases/")
    return {
        "users": people,
        "files": sorted(name for name in files if not name.startswith(changing)),
        "kernels": served.kernels(),
    }


def test_no_request_is_a_fault_or_has_an_effect(served: Served, figure) -> None:
    """S15: no answer of 500 or above, no trace of the code, no file of elsewhere, nothing done."""
    viewer, nobody = Browser(served, "viewer"), Browser(served)
    assert viewer.xsrf
    assert nobody.xsrf
    before, codes = standing(served), Counter[int]()

    @settings(
        max_examples=REQUESTS,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(requests_())
    def ask(asked: Asked) -> None:
        found = answer(served, viewer if asked.logged_in else nobody, asked)
        code = int(found.split(b" ", 2)[1]) if found.startswith(b"HTTP/1.1 ") else 400
        codes[code] += 1
        assert code in CALM
        assert b"Traceback" not in found
        assert b'File "' not in found
        assert OUTSIDE.encode() not in found

    ask()
    assert standing(served) == before
    assert viewer.get("/coa/api").status_code == 403
    assert nobody.get("/account").status_code == 302
    assert "Traceback" not in (served.home.root / "panel.err").read_text()
    assert {200, 302, 400, 403, 404, 405} <= set(codes)
    figure("answers to requests of a fixed seed", dict(sorted(codes.items())))
