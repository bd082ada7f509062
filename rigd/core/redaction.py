"""Takes secrets out of free text before it reaches a file or a page (INVENTORY K20)."""

from __future__ import annotations

import re

HIDDEN = "[redacted]"
"""What stands where a secret stood."""

_WORD = (
    r"(?:api[\s_-]?key|apikey|access[\s_-]?key|private[\s_-]?key|secret(?:[\s_-]?key)?|key"
    r"|token|passwd|password|passphrase|pwd|authorization|credentials?|cookie|session[\s_-]?id"
    r"|account(?:[\s_-]?(?:no|number))?|signature)"
)
_RULES: tuple[tuple[re.Pattern[str], str], ...] = (
    # A whole private key.
    (re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL), HIDDEN),
    # https://user:password@host
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]{0,20}://[^\s/:@]*):[^\s/@]+@"), rf"\1:{HIDDEN}@"),
    # Authorization: Bearer abc, Basic abc
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    # key="two words", password: 'x'
    (
        re.compile(rf"""(?i)({_WORD}[\w-]{{0,40}}["']?\s*[:=]\s*)(["'])(?:\\.|(?!\2).)*\2"""),
        rf"\1{HIDDEN}",
    ),
    # key=abc, token: abc, "password":123
    (
        re.compile(
            rf"""(?i)({_WORD}[\w-]{{0,40}}["']?\s*[:=]\s*)(?!\[redacted\])[^\s,;&"'<>{{}}()\[\]]+"""
        ),
        rf"\1{HIDDEN}",
    ),
    # the token is 0123…, secret 0123…: a long run soon after such a word
    (
        re.compile(
            rf"(?i)({_WORD}\b[^\n]{{0,24}}?)(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{{32,}}={{0,2}}"
        ),
        rf"\1{HIDDEN}",
    ),
)


def redact(text: str) -> str:
    """Return `text` without anything that looks like a secret.

    Parameters
    ----------
    text
        Free text, such as an exception's message or a traceback.

    Returns
    -------
    str
        The text with values after words such as *key*, *token* and *password*, credentials in
        addresses, bearer tokens and private keys replaced by ``[redacted]``. Text without such
        words is returned unchanged.
    """
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text
