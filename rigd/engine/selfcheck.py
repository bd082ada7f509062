"""Take the parts' launch answers; one failure refuses the launch and names its cause."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rigd.core.errors import ConfigError, Problem
from rigd.core.events import SelfChecked
from rigd.engine.error_handler import captured

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rigd.core.values import SelfCheck
    from rigd.engine.recorder import Recorder


def require(recorder: Recorder, answers: Iterable[SelfCheck]) -> None:
    """Record the self-checks of all parts and refuse the launch when one failed.

    Parameters
    ----------
    recorder
        Where the answers go.
    answers
        What the parts answered, in order.

    Raises
    ------
    ConfigError
        If any part failed; it carries every failure.
    """
    failed = []
    for answer in answers:
        if answer.name not in recorder.facts.checks:
            record = SelfChecked(name=answer.name, passed=answer.passed, detail=answer.detail)
            recorder.record(record)
        if not answer.passed:
            failed.append(Problem(where=answer.name, message=answer.detail))
    if failed:
        msg = f"self-check failed in {len(failed)} part(s): the launch is refused"
        error = ConfigError(
            msg, problems=failed, fix="mend what is named, then run `rigd doctor` and start again"
        )
        recorder.record(captured(error, "", "", "self-check at launch", fatal=False), durable=True)
        raise error
