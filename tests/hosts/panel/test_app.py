"""How Voila is set; what it serves is tests/system/test_panel.py."""

from __future__ import annotations

import logging
import subprocess
import sys

from rigd.config.sources import checkout
from rigd.hosts.panel.app import EXTENSIONS, TEMPLATES, _is_news, configuration


def test_what_voila_leaves_open_is_closed() -> None:
    """JUPYTER §1: templates, tracebacks, files, headers; S17: no TCP between kernel and server."""
    config = configuration(2)
    voila = config.VoilaConfiguration
    assert (voila.allow_template_override, voila.allow_theme_override) == ("NO", "NO")
    assert (voila.show_tracebacks, voila.strip_sources) == (False, True)
    assert (voila.file_allowlist, voila.http_header_envs) == ([], [])
    assert (voila.preheat_kernel, voila.default_pool_size) == (True, 2)
    assert config.KernelManager.transport == "ipc"
    assert config.MappingKernelManager.buffer_offline_messages is False
    assert config.MappingKernelManager.allow_tracebacks is False
    assert "anywidget" in EXTENSIONS
    assert configuration(0).VoilaConfiguration.preheat_kernel is False


def test_the_template_asks_nobody_for_anything() -> None:
    """No content delivery network in what is ours."""
    for path in TEMPLATES.iterdir():
        assert "//" not in path.read_text().replace("/*", "").replace("*/", "")


def test_the_panels_process_knows_no_engine() -> None:
    """Issue 5 part 4: every effect is a file; nothing that trades is even loaded."""
    code = (
        "import sys, rigd.hosts.panel.app, rigd.hosts.panel.__main__\n"
        "bad = ('rigd.engine', 'rigd.broker', 'rigd.strategy', 'rigd.risk', 'rigd.screener')\n"
        "print([m for m in sys.modules if m.startswith(bad)])"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code], cwd=checkout(), capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_what_comes_with_every_page_is_no_news() -> None:
    """The console shows what asks for something; two libraries warn at each page opened."""

    def record(text: str) -> logging.LogRecord:
        return logging.LogRecord("Panel", logging.WARNING, "", 0, text, None, None)

    assert not _is_news(record("Notebook control_panel.ipynb is not trusted"))
    assert not _is_news(record("The websocket_ping_timeout (90000) cannot be longer than"))
    assert _is_news(record("kernel died"))
