"""Execute one notebook by papermill: the child process that the supervisor starts for every run.

``python -m rigd.hosts.runner JOB`` takes the job as one JSON argument. Names, paths and values of
the parameters are the launcher's: a name that the notebook's parameters cell does not declare is
refused, because papermill would inject it as code (FAULTS §1, M9).
"""

from __future__ import annotations

import ast
import json
import sys
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from rigd.core.errors import ConfigError, ExitCode, RigdError

if TYPE_CHECKING:
    from collections.abc import Iterable

KERNEL = "rigd-bot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One notebook run.

    Parameters
    ----------
    notebook, output
        Paths of the notebook and of its executed copy.
    folder
        The kernel's working folder.
    parameters
        Values for the parameters cell; text, numbers and booleans alone.
    """

    notebook: str
    output: str
    folder: str
    parameters: dict[str, str | int | float | bool]

    def to_json(self) -> str:
        """Return the job as one JSON text."""
        return json.dumps(asdict(self), sort_keys=True)


def parameters_cell(notebook: dict[str, Any]) -> dict[str, object]:
    """Return what a notebook's parameters cell assigns.

    Parameters
    ----------
    notebook
        The notebook as JSON.

    Returns
    -------
    dict
        Default by name, of simple assignments; None where it is no constant.

    Raises
    ------
    ConfigError
        If the notebook has not exactly one cell tagged ``parameters``.
    """
    cells = [
        cell
        for cell in notebook.get("cells", ())
        if "parameters" in cell.get("metadata", {}).get("tags", ())
    ]
    if len(cells) != 1:
        msg = f"a notebook must have exactly one parameters cell, found {len(cells)}"
        raise ConfigError(msg)
    source = cells[0]["source"]
    tree = ast.parse(source if isinstance(source, str) else "".join(source))
    return {
        target.id: statement.value.value if isinstance(statement.value, ast.Constant) else None
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }


def declared_parameters(notebook: dict[str, Any]) -> set[str]:
    """Return the names that a notebook's parameters cell assigns.

    Parameters
    ----------
    notebook
        As of `parameters_cell`.

    Returns
    -------
    set of str
        The names.
    """
    return set(parameters_cell(notebook))


def require_declared(given: Iterable[str], notebook: dict[str, Any], name: str) -> None:
    """Refuse a parameter that a notebook does not declare; asked before every run of a notebook.

    Parameters
    ----------
    given
        The names that are to be set.
    notebook, name
        The notebook as JSON, and what it is called.

    Raises
    ------
    ConfigError
        If one is not declared; the nearest declared one is named.
    """
    declared = declared_parameters(notebook)
    odd = sorted(set(given) - declared)
    if odd:
        near = [match for each in odd for match in get_close_matches(each, declared, n=1)]
        hint = f"; did you mean {', '.join(near)}?" if near else ""
        msg = f"parameters must be declared in {name}, was {', '.join(odd)}{hint}"
        raise ConfigError(msg, fix=f"it declares {', '.join(sorted(declared))}")


def execute(job: Job, **kernel: Any) -> None:  # noqa: ANN401 - nbclient's own options
    """Run a job's notebook in a kernel and keep the executed copy.

    Parameters
    ----------
    job
        What to run.
    kernel
        What else nbclient must know to start the kernel.

    Raises
    ------
    ConfigError
        If a parameter is not declared by the notebook.
    """
    skip_grammar()
    from papermill import execute_notebook  # noqa: PLC0415 - seconds of imports
    from papermill.iorw import load_notebook_node  # noqa: PLC0415 - seconds of imports
    from traitlets.config import Config  # noqa: PLC0415 - with papermill

    require_declared(job.parameters, load_notebook_node(job.notebook), job.notebook)
    execute_notebook(
        job.notebook,
        job.output,
        parameters=job.parameters,
        kernel_name=KERNEL,
        progress_bar=False,
        log_output=False,
        cwd=job.folder,
        config=Config({"KernelManager": {"transport": "ipc", "shutdown_wait_time": 60.0}}),
        **kernel,
    )


def skip_grammar() -> None:
    """Leave out the grammar of addresses that nbformat's importer compiles for seconds (W5).

    jsonschema does without that module where it is not installed: it checks the form of addresses
    in schemas with it, and a notebook's schema asks for none.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type] # None: not to be found


def main(arguments: list[str]) -> int:
    """Run the job given as JSON; return the process's exit code."""
    return run(Job(**json.loads(arguments[0])))


def run(job: Job, **kernel: Any) -> int:  # noqa: ANN401 - as of `execute`
    """Run a job and return the process's exit code; what rigd refuses is told on stderr.

    Parameters
    ----------
    job, kernel
        As of `execute`.

    Returns
    -------
    int
        0 when the notebook ran to its end.
    """
    try:
        execute(job, **kernel)
    except RigdError as error:
        sys.stderr.write(f"{error}\n")
        return int(error.exit_code)
    return int(ExitCode.OK)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
