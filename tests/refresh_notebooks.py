"""Execute the notebooks and store their small outputs: ``make notebooks``.

Each runs top to bottom in a fresh kernel and a throw-away home. Outputs of ignored cells, execution
times and the state of widgets are dropped, and what `nbval.cfg` lets differ is put in its neutral
form, so that a second refresh changes nothing.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from configparser import ConfigParser
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
RULES = Path(__file__).with_name("nbval.cfg")
IGNORED = "nbval-ignore-output"
KERNEL = "python3"
"""The kernel of this environment, as under nbval's --nbval-current-env."""


def refresh(path: Path) -> None:
    """Execute one notebook and store it; an error in a cell is raised and nothing is stored."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        kernel_name=KERNEL,
        timeout=600,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
    )
    kernelspec = notebook.metadata["kernelspec"]
    client.execute()
    notebook.metadata["kernelspec"] = kernelspec
    normalise(notebook)
    path.write_text(neutral(nbformat.writes(notebook)) + "\n", encoding="utf-8")


def normalise(notebook: nbformat.NotebookNode) -> None:
    """Drop what differs between two runs or weighs much."""
    notebook.metadata = nbformat.from_dict({
        "kernelspec": notebook.metadata["kernelspec"],
        "language_info": {"name": "python"},
    })
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code" and IGNORED in cell.metadata.get("tags", []):
            cell.outputs = []


def neutral(content: str) -> str:
    """Replace what may differ between two runs, by the rules of nbval."""
    rules = ConfigParser()
    rules.read(RULES, encoding="utf-8")
    for name in rules.sections():
        content = re.sub(rules[name]["regex"], rules[name]["replace"], content)
    return content


def main(names: list[str]) -> int:
    """Refresh the named notebooks, or all of them."""
    paths = [FOLDER / name for name in names] or sorted(FOLDER.glob("*.ipynb"))
    for path in paths:
        with tempfile.TemporaryDirectory() as home:
            os.environ["RIGD_HOME"] = home
            refresh(path)
        sys.stdout.write(f"refreshed notebooks/{path.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
