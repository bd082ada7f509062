"""The pages without a script: log-in, registration, new password, errors; every text is escaped."""

from __future__ import annotations

from html import escape
from http import HTTPStatus
from typing import NamedTuple

STYLE = """
:root{color-scheme:dark}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:#0c1219;
color:#dbe4ee;font:15px/1.5 Inter,"Segoe UI","DejaVu Sans",sans-serif}
main{width:min(92vw,380px);background:#141c26;
border:1px solid #243041;border-radius:12px;padding:28px}
.brand{font-weight:700;letter-spacing:.14em;font-size:18px}
.brand span{display:block;font-weight:400;letter-spacing:0;font-size:12px;color:#8496aa}
h1{font-size:18px;margin:22px 0 6px}
p{margin:6px 0 12px;color:#a9b8c8}
label{display:block;margin:12px 0 0;font-size:12px;color:#8496aa}
input{width:100%;margin-top:4px;padding:10px 12px;border-radius:8px;border:1px solid #2c3a4d;
background:#0e151d;color:#dbe4ee;font:inherit}
input:focus{outline:2px solid #4f9cf9;outline-offset:0;border-color:transparent}
button{width:100%;margin-top:18px;padding:11px;border:0;border-radius:8px;background:#2f7de1;
color:#fff;font:inherit;font-weight:600;cursor:pointer}
button:hover{background:#3d8bef}
.problem{color:#ffb4b4;background:#3a1a1e;
border:1px solid #6d1f24;border-radius:8px;padding:9px 12px}
.done{color:#b8f5d8;background:#123326;border:1px solid #1f5c43;border-radius:8px;padding:9px 12px}
nav{margin-top:18px;font-size:13px;display:flex;justify-content:space-between}
a{color:#7fb6ff;text-decoration:none}
"""


class Field(NamedTuple):
    """One field of a form."""

    name: str
    label: str
    kind: str = "text"
    complete: str = "off"


class Form(NamedTuple):
    """One page with a form; a blank `button` means none."""

    title: str
    text: str
    fields: tuple[Field, ...]
    button: str
    links: tuple[tuple[str, str], ...] = ()


NAME = Field("username", "User name", complete="username")
PASSWORD = Field("password", "Password", "password", "current-password")
NEW = Field("password", "New password, 12 characters or more", "password", "new-password")
AGAIN = Field("again", "The same once more", "password", "new-password")
TOKEN = Field("token", "One-time token", "password")

LOGIN = Form(
    "Sign in", "", (NAME, PASSWORD), "Sign in", (("/reset", "I have a token for a new password"),)
)
REGISTER = Form(
    "Register the first administrator",
    "The supervisor printed a one-time token on its console. It is good for ten minutes.",
    (TOKEN, NAME, NEW, AGAIN),
    "Register",
)
RESET = Form(
    "New password",
    "An administrator hands out the token. It is good for ten minutes and for one use.",
    (NAME, TOKEN, NEW, AGAIN),
    "Set password",
    (("/login", "Sign in"),),
)
CONFIRM = Form(
    "Confirm your password",
    "What cannot be taken back asks for it again; it is good for five minutes.",
    (PASSWORD,),
    "Confirm",
    (("/", "Back"),),
)
LOGOUT = Form("Sign out", "Your open pages end.", (), "Sign out", (("/", "Back"),))


def page(title: str, body: str) -> str:
    """Return a whole page.

    Parameters
    ----------
    title
        As text.
    body
        As markup.

    Returns
    -------
    str
        HTML without a script and without a request to anywhere.
    """
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:;base64,="><title>{escape(title)} · RIGD</title>'
        f"<style>{STYLE}</style></head><body><main>"
        '<div class="brand">RIGD<span>trading console</span></div>'
        f"<h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def form_page(form: Form, *, xsrf: str, problem: str = "", done: str = "") -> str:
    """Return a page with a form.

    Parameters
    ----------
    form
        Which.
    xsrf
        The hidden field against forged requests, as markup.
    problem, done
        What is wrong, and what was done; as text.

    Returns
    -------
    str
        HTML.
    """
    told = f'<p class="problem" role="alert">{escape(problem)}</p>' if problem else ""
    told += f'<p class="done" role="status">{escape(done)}</p>' if done else ""
    fields = "".join(
        f"<label>{escape(field.label)}"
        f'<input name="{field.name}" type="{field.kind}" autocomplete="{field.complete}"'
        f'{" autofocus" if number == 0 else ""} maxlength="1024" required></label>'
        for number, field in enumerate(form.fields)
    )
    links = "".join(f'<a href="{escape(to)}">{escape(text)}</a>' for to, text in form.links)
    return page(
        form.title,
        f"<p>{escape(form.text)}</p>{told}"
        f'<form method="post">{xsrf}{fields}<button>{escape(form.button)}</button></form>'
        f"<nav>{links}</nav>",
    )


def error_page(status: int) -> str:
    """Return the page of an error: its number and name, and the way back."""
    try:
        name = HTTPStatus(status).phrase
    except ValueError:
        name = "Error"
    return page(f"{status} {name}", '<nav><a href="/">Back</a><a href="/login">Sign in</a></nav>')
