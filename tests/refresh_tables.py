"""Print the tables of files and flags into runs/README.md: ``python -m tests.refresh_tables``.

The code's own tables are the truth (`rigd.store.registry`, `rigd.store.control`); a change of a
convention that is not printed fails `tests.house.test_generated`.
"""

from __future__ import annotations

from pathlib import Path

from rigd.store.control import FLAGS
from rigd.store.registry import COPIED, OUTPUTS, OWN_PART

PAGE = Path(__file__).resolve().parents[1] / "runs" / "README.md"
BEGIN = "<!-- printed by tests.refresh_tables -->"


def tables() -> str:
    """Return both tables as Markdown."""
    parts = [
        _table(
            ("file", "writer", "script of the documents", "shown in the logs page"),
            [
                (f"`{row.path_template}`", f"`{row.writer}`", row.alias, "yes" if row.shown else "")
                for row in OUTPUTS
                if not row.name.startswith(OWN_PART)
            ],
        ),
        "Each session's folder keeps its own part of " + ", ".join(f"`{n}`" for n in COPIED) + ".",
        _table(
            ("flag in `control/`", "older form", "asks for", "writer", "reader", "obeyed for"),
            [
                (
                    f"`{flag.name}`",
                    f"`{flag.also}`",
                    flag.command.value,
                    f"`{flag.writer}`",
                    f"`{flag.reader}`",
                    "any age" if flag.expiry_s is None else f"{flag.expiry_s} s",
                )
                for flag in FLAGS
            ],
        ),
    ]
    return "\n\n".join(parts)


def page(content: str) -> str:
    """Return the page with its tables printed anew below the mark."""
    head = content.partition(BEGIN)[0].rstrip()
    return f"{head}\n\n{BEGIN}\n\n{tables()}\n"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
