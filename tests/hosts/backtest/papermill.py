"""Stands for papermill: runs what the backtest notebook calls, in this process."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rigd.config.sources import checkout
from rigd.core.errors import RigdError
from rigd.hosts import research
from rigd.hosts.runner import declared_parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rigd.hosts.runner import Job

NOTEBOOK = checkout() / "notebooks" / "backtest.ipynb"


class Stand:
    """Remembers the jobs that it was given."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def __call__(self, job: Job, environment: Mapping[str, str], **_: object) -> tuple[int, str]:
        self.jobs.append(job)
        assert job.parameters.keys() <= declared_parameters(json.loads(NOTEBOOK.read_text()))
        values = {**defaults(), **job.parameters}
        values.pop("interactive")
        values.pop("home")
        stamp = values["stamp"]
        strategy = values.pop("strategy")
        try:
            research.backtest(
                strategy, home=environment["RIGD_HOME"], save=bool(stamp), lane="plain", **values
            )
        except RigdError as error:
            return int(error.exit_code), str(error)
        Path(job.output).write_text("{}")
        return 0, ""


def defaults() -> dict[str, Any]:
    """The notebook's own parameters."""
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    (cell,) = [c for c in cells if "parameters" in c["metadata"].get("tags", ())]
    tree = ast.parse("".join(cell["source"]))
    return {statement.targets[0].id: ast.literal_eval(statement.value) for statement in tree.body}
