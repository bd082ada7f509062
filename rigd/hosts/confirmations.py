"""Questions to an operator and their answers: one file that the session writes, one of answers.

The session lists in ``confirmations.json`` what waits; the supervisor writes a person's answer,
which came as a signed request, into ``confirmations_answered.json``, after its row of the audit.
An answer counts once, for the question that stands, within `WAITS_S`.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from rigd.core.clock import from_iso, iso
from rigd.core.errors import ConfigError, RigdError
from rigd.core.money import plain
from rigd.engine.asking import WAITS_S, Reply
from rigd.hosts.operator_audit import audit
from rigd.store.registry import Registry

if TYPE_CHECKING:
    from rigd.core.ports import Clock
    from rigd.core.values import BotIdentity
    from rigd.engine.asking import Question
    from rigd.hosts.bot import Bot
    from rigd.store.paths import Home

WRITER: Final = "rigd.hosts.confirmations"
WAITING: Final = "confirmations.json"
ANSWERED: Final = "confirmations_answered.json"
KEPT: Final = 200
"""How many answers are kept."""
WORDS: Final = {"yes": True, "no": False}


class Confirmations:
    """The session's side: puts questions and reads answers.

    Parameters
    ----------
    home, identity
        Whose.
    clock
        The control clock: people answer in wall time.
    """

    def __init__(self, home: Home, identity: BotIdentity, clock: Clock) -> None:
        self._registry = Registry(home, identity)
        self._clock = clock
        self._waiting: dict[str, dict[str, str]] = {}

    def begin(self) -> None:
        """Take back what a session before this one asked."""
        if _rows(self._registry, WAITING):
            self._publish()

    def ask(self, question: Question) -> bool:
        """Put a question.

        Parameters
        ----------
        question
            The entry.

        Returns
        -------
        bool
            False when the disk refuses: nobody will see it.
        """
        now = self._clock.now()
        self._waiting[question.number] = {
            "number": question.number,
            "strategy": question.strategy,
            "symbol": question.symbol,
            "side": question.side,
            "qty": plain(question.qty),
            "price": plain(question.price),
            "asked": iso(now),
            "expires": iso(now + timedelta(seconds=WAITS_S)),
        }
        try:
            self._publish()
        except (OSError, RigdError):
            self._waiting.pop(question.number)
            return False
        return True

    def reply(self, number: str) -> Reply:
        """Return what came of a question.

        Parameters
        ----------
        number
            Its number.

        Returns
        -------
        Reply
            An answer that was given in time counts also when it is read later.
        """
        row = self._waiting.get(number)
        if row is None:
            return Reply.LATE
        answer = _rows(self._registry, ANSWERED).get(number)
        if answer is not None and _counts(answer, row):
            return Reply.YES if answer["yes"] is True else Reply.NO
        late = self._clock.now() >= from_iso(row["expires"])
        return Reply.LATE if late else Reply.WAITS

    def settle(self, number: str) -> None:
        """Take a question back; a disk that refuses is no reason to stop: it expires anyway."""
        self._waiting.pop(number, None)
        try:
            self._publish()
        except (OSError, RigdError):
            return

    def _publish(self) -> None:
        content = json.dumps(self._waiting, indent=1).encode() + b"\n"
        self._registry.write(WAITING, content, writer=WRITER)


def answer(bot: Bot, number: str, word: str, clock: Clock, by: str) -> str:
    """Answer a question that stands.

    Parameters
    ----------
    bot
        Whose session asked.
    number
        The question's.
    word
        ``yes`` or ``no``.
    clock
        Says when.
    by
        Who answers.

    Returns
    -------
    str
        For people.

    Raises
    ------
    ConfigError
        If no such question stands, it was answered before, or the answer is another word; nothing
        was written.
    """
    if word not in WORDS:
        msg = f"an answer must be one of {', '.join(WORDS)}, was {word!r}"
        raise ConfigError(msg)
    with Registry(bot.home, bot.identity) as registry:
        row, now = _rows(registry, WAITING).get(number), clock.now()
        answers = _rows(registry, ANSWERED)
        if row is None or now >= from_iso(str(row["expires"])):
            msg = f"the entry must wait for an answer, at most {WAITS_S} s, it does not any more"
            raise ConfigError(msg)
        if _counts(answers.get(number), row):
            msg = "the entry must not be answered yet, somebody did before"
            raise ConfigError(msg)
        fields = {key: row[key] for key in ("strategy", "symbol", "side", "qty", "price")}
        fields |= {"candidate": number, "answer": word, "bot": str(bot.identity)}
        audit(registry, clock, "trade_answered", fields)
        answers.pop(number, None)
        answers[number] = {"yes": WORDS[word], "at": iso(now), "by": by}
        newest = dict(list(answers.items())[-KEPT:])
        content = json.dumps(newest, indent=1).encode() + b"\n"
        registry.write(ANSWERED, content, writer=WRITER)
    return f"{word} to {row['side']} {row['qty']} {row['symbol']} of {row['strategy']}"


def _counts(answer: Any, row: dict[str, Any]) -> bool:  # noqa: ANN401 - read from a file
    """Tell whether an answer is to the question as it stands."""
    try:
        return bool(
            from_iso(str(row["asked"])) <= from_iso(answer["at"]) < from_iso(str(row["expires"]))
        )
    except (RigdError, ValueError, TypeError, KeyError):
        return False


def _rows(registry: Registry, name: str) -> dict[str, dict[str, Any]]:
    """Return the rows of a file by number; none where it cannot be read."""
    try:
        held = json.loads(registry.read(name) or b"{}")
    except (OSError, RigdError, ValueError, RecursionError):
        return {}
    if not isinstance(held, dict):
        return {}
    return {str(number): row for number, row in held.items() if isinstance(row, dict)}
