"""What is served: each handler is one of the table's."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest
from tornado import web

from rigd.core.errors import StorageError
from rigd.hosts.panel import serving


@pytest.mark.parametrize("error", [LookupError("x"), StorageError("the disk said /secret/path")])
def test_a_download_that_is_none_is_not_found_and_says_nothing(error) -> None:
    """S12: no path in the answer."""

    def make() -> bytes:
        raise error

    with pytest.raises(web.HTTPError) as raised:
        asyncio.run(serving._Download.give(SimpleNamespace(), make, "text/plain"))
    assert raised.value.status_code == 404
    assert "secret" not in str(raised.value)
