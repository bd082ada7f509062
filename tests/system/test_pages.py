"""Every page of the panel in a real browser, in both widths, over the home of a real session.

Screenshots lie in ``.pytest_cache/screenshots/panel``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rigd.config.sources import checkout
from tests.system.browser import browser_page
from tests.system.pages import LISTED, go_to, open_panel, served
from tests.system.processes import run_rigd

if TYPE_CHECKING:
    from pathlib import Path

    from tests.system.browser import Page

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]

SCREENSHOTS = checkout() / ".pytest_cache" / "screenshots" / "panel"
SIZES = ((1280, 800), (1920, 1080))
CHARTS = {"dashboard": 1, "status": 2}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home in which the demo's session ran."""
    root = tmp_path_factory.mktemp("home")
    assert run_rigd(root, "session").code == 0
    return root


def resize(page: Page, width: int, height: int) -> None:
    """Give the window a size."""
    page.ask(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=height,
        deviceScaleFactor=1,
        mobile=False,
    )


def test_every_page_is_rendered_in_both_widths(home: Path, tmp_path: Path) -> None:
    """Each page opens by its link, shows the mode, fits the width, and asks no other server."""
    with served(home, tmp_path) as address, browser_page(tmp_path / "profile") as page:
        open_panel(page, address)
        for row in LISTED:
            go_to(page, row.title)
            drawn = "document.querySelectorAll('.rigd-body [data-drawn=yes]').length"
            page.wait_for("the charts", f"{drawn} === {CHARTS.get(row.name, 0)}")
            for width, height in SIZES:
                resize(page, width, height)
                page.wait_for("the width", f"innerWidth === {width}")
                page.screenshot(SCREENSHOTS / f"{row.name}_{width}.png")
                assert page.value("document.querySelector('.rigd-head .mode').innerText") == "TEST"
                overflow = "document.querySelector('.rigd-main').scrollWidth"
                assert page.value(f"{overflow} <= document.querySelector('.rigd-main').clientWidth")
        foreign = [
            each
            for each in page.requests
            if not each.startswith((address, "data:", "blob:", address.replace("http", "ws")))
        ]
        assert foreign == []
