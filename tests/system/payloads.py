"""Texts that run a script where a page takes them as markup; each is numbered and tells its number.

What is run calls ``hit`` with the number of its text, which is counted before anything else of a
page is loaded. Ways of the OWASP XSS filter evasion cheat sheet and of the HTML standard.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.system.browser import Page

_BY_THEMSELVES = (
    "<script>hit(~)</script>",
    "<img src=x onerror=hit(~)>",
    "\"><img src=x onerror='hit(~)'>",
    '\'><img src=x onerror="hit(~)">',
    "<svg onload=hit(~)>",
    "<svg/onload=hit(~)>",
    "<IMG SRC=x ONERROR=hit(~)>",
    '<img/src="x"/onerror=hit(~)>',
    "<img src=x onerror=&#104;&#105;&#116;(~)>",
    "<img src=x:x onerror=hit(~)>",
    "<img srcset=x onerror=hit(~)>",
    "<img src=x onerror=hit(~)//",
    "</td></tr></table><img src=x onerror=hit(~)>",
    "</script><script>hit(~)</script>",
    "--><img src=x onerror=hit(~)><!--",
    "]]><img src=x onerror=hit(~)>",
    "</title><img src=x onerror=hit(~)>",
    "</textarea><img src=x onerror=hit(~)>",
    "</style><img src=x onerror=hit(~)>",
    "</option></select><img src=x onerror=hit(~)>",
    '<iframe srcdoc="<script>parent.hit(~)</script>"></iframe>',
    '<iframe src="javascript:parent.hit(~)"></iframe>',
    "<iframe onload=hit(~)></iframe>",
    "<details open ontoggle=hit(~)><summary>x</summary></details>",
    "<video><source src=x onerror=hit(~)></video>",
    "<video src=x onerror=hit(~)></video>",
    "<audio src=x onerror=hit(~)></audio>",
    "<input autofocus onfocus=hit(~)>",
    "<textarea autofocus onfocus=hit(~)></textarea>",
    "<xss autofocus tabindex=1 onfocus=hit(~)>x</xss>",
    "<style>@keyframes k{}</style><b style='animation-name:k' onanimationstart=hit(~)>x</b>",
    "<svg><script>hit(~)</script></svg>",
    "<svg><animate onbegin=hit(~) attributeName=x dur=1s></svg>",
    "<svg><set onbegin=hit(~) attributeName=x></svg>",
    '<script src="data:text/javascript,hit(~)"></script>',
    "<style onload=hit(~)></style>",
    "<script type=module>hit(~)</script>",
    '<noscript><p title="</noscript><img src=x onerror=hit(~)>">',
    "<picture><source srcset=x><img src=x onerror=hit(~)></picture>",
    "<script>top.hit(~)</script>",
    "<img\tsrc=x\tonerror=hit(~)>",
    "<img\nsrc=x\nonerror=hit(~)>",
)
_BY_A_PERSON = (
    "<a href=javascript:hit(~)>look here</a>",
    "<button onclick=hit(~)>press</button>",
    "<form action=javascript:hit(~)><input type=submit></form>",
    "<form><button formaction=javascript:hit(~)>press</button></form>",
    "<base href=javascript:hit(~)//>",
    "<div style=\"background:url('javascript:hit(~)')\">x</div>",
    "<math><mtext><table><mglyph><style><img src=x onerror=hit(~)>",
)
_ELSEWHERE = (
    "<scr<script>ipt>hit(~)</scr</script>ipt>",
    '" onmouseover="hit(~)" x="',
    "' onfocus='hit(~)' autofocus='",
    "javascript:hit(~)",
    "data:text/html,&lt;script&gt;parent.hit(~)&lt;/script&gt;",
    "&lt;img src=x onerror=hit(~)&gt;",
    "{{constructor.constructor('hit(~)')()}}",
    "${hit(~)} <%= hit(~) %>",
    "$\\href{javascript:hit(~)}{x}$ \\(\\href{javascript:hit(~)}{x}\\)",
    "[look here](javascript:hit(~)) ![x](x'onerror='hit(~))",
    "=HYPERLINK(javascript:hit(~))",
)
RUN = range(1, len(_BY_THEMSELVES) + 1)
"""The numbers of those that run as soon as they are markup."""
PRESSED = range(RUN.stop, RUN.stop + len(_BY_A_PERSON))
"""Of those that are elements then, and wait for a press or another reading; the rest wants an
attribute, an address, a filter, a template, a formula or Markdown."""
PAYLOADS = tuple(
    text.replace("~", str(number))
    for number, text in enumerate((*_BY_THEMSELVES, *_BY_A_PERSON, *_ELSEWHERE), start=1)
)
"""All of them; text n is number n + 1."""
_COUNTER = "window.hits = []; window.hit = (number) => { window.hits.push(number); };"
_FORBIDDEN = "script,img,svg,iframe,object,embed,video,audio,math,details,marquee,base,meta,xss"
_READ = ("title", "value", "data-value", "placeholder", "aria-label")
_MADE = f"""[...document.querySelectorAll('.rigd-app *, main *')].filter(e =>
    e.matches({_FORBIDDEN!r}) || [...e.attributes].some(a => a.name.startsWith('on')
        || a.value.includes('hit(') && !{list(_READ)}.includes(a.name))).map(e => e.outerHTML)"""


def count_hits(page: Page) -> None:
    """Count from now on, in every page that is opened, what was run."""
    page.ask("Page.addScriptToEvaluateOnNewDocument", source=_COUNTER)
    page.ask("Emulation.setFocusEmulationEnabled", enabled=True)


def hits(page: Page) -> list[int]:
    """The numbers of the texts that ran in the page that is open; fails where nothing counts."""
    found = page.value("window.hits")
    assert isinstance(found, list), "nothing counts in this page"
    return sorted(set(found))


def markup_of(page: Page) -> list[str]:
    """Elements of the panel that no page of it makes: a text that became markup, run or not."""
    return list(page.value(_MADE))


def packed(count: int, texts: Iterable[str] = PAYLOADS) -> list[str]:
    """All texts in so many pieces, for a place that shows only so many."""
    every = list(texts)
    return [" ".join(every[number::count]) for number in range(count)]


def hidden(page: Page, selector: str, texts: Iterable[str] = PAYLOADS) -> list[str]:
    """The texts that a person does not see as text below a selector."""
    escaped = [(text, text.replace("\t", "\\t").replace("\n", "\\n")) for text in texts]
    shown = f"""(() => {{
        const all = [...document.querySelectorAll({selector!r})].map(e => e.textContent).join(' ')
            .replaceAll('\\u00a0', ' ');
        return {json.dumps(escaped)}.filter(row => !row.some(t => all.includes(t)))
            .map(row => row[0]); }})()"""
    return list(page.value(shown))
