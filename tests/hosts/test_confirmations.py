"""Questions to an operator and their answers, over real files."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from rigd.core.errors import ConfigError
from rigd.engine.asking import Question, Reply
from rigd.hosts.confirmations import Confirmations, answer
from rigd.hosts.operator_audit import acting
from tests.fakes.clock import FakeClock
from tests.hosts.homes import bot_of, demo

NUMBER = "q-1"
QUESTION = Question(
    number=NUMBER,
    strategy="open",
    symbol="IBM",
    side="buy",
    qty=Decimal(10),
    price=Decimal("100.5"),
)


class House:
    """A session that asks, and the supervisor that answers."""

    def __init__(self, root) -> None:
        self.home, self.clock = demo(root), FakeClock()
        self.bot = bot_of(self.home)
        self.session = Confirmations(self.home, self.bot.identity, self.clock)

    def answer(self, word: str = "yes", number: str = NUMBER) -> str:
        with acting("olga"):
            return answer(self.bot, number, word, self.clock, "olga")

    @property
    def audited(self) -> list[dict[str, object]]:
        path = self.home.logs / "operator_audit.log"
        return [json.loads(x) for x in path.read_text().splitlines()] if path.exists() else []

    @property
    def listed(self) -> dict[str, dict[str, str]]:
        return json.loads(
            (self.home.bot(self.bot.identity).root / "confirmations.json").read_text()
        )


@pytest.fixture
def house(tmp_path) -> House:
    return House(tmp_path)


@pytest.mark.parametrize(("word", "reply"), [("yes", Reply.YES), ("no", Reply.NO)])
def test_an_answer_reaches_the_session_with_one_row(house, word, reply) -> None:
    """I-21: who, what and which entry; a second answer is refused and changes nothing."""
    assert house.session.ask(QUESTION)
    assert house.session.reply(NUMBER) is Reply.WAITS
    assert house.answer(word) == f"{word} to buy 10 IBM of open"
    with pytest.raises(ConfigError, match="somebody did before"):
        house.answer("yes" if word == "no" else "no")
    house.clock.advance(600)
    assert house.session.reply(NUMBER) is reply
    (row,) = house.audited
    assert (row["event"], row["by"], row["answer"], row["symbol"]) == (
        "trade_answered",
        "olga",
        word,
        "IBM",
    )


def test_it_waits_sixty_seconds(house) -> None:
    """Then it expires: no answer is taken, and none counts."""
    house.session.ask(QUESTION)
    house.clock.advance(59.9)
    assert house.session.reply(NUMBER) is Reply.WAITS
    house.clock.advance(0.1)
    assert house.session.reply(NUMBER) is Reply.LATE
    with pytest.raises(ConfigError, match="at most 60 s"):
        house.answer()
    assert house.audited == []


@pytest.mark.parametrize(("word", "number"), [("maybe", NUMBER), ("yes", "q-2"), ("", "")])
def test_another_answer_is_refused(house, word, number) -> None:
    """Another word, or another entry."""
    house.session.ask(QUESTION)
    with pytest.raises(ConfigError):
        house.answer(word, number)
    assert house.audited == []
    assert house.session.reply(NUMBER) is Reply.WAITS


def test_an_answer_to_an_earlier_question_does_not_count(house) -> None:
    """The same signal asked again, as by the session's next run, needs an answer of its own."""
    house.session.ask(QUESTION)
    house.answer()
    house.session.settle(NUMBER)
    assert house.listed == {}
    house.clock.advance(1)
    again = Confirmations(house.home, house.bot.identity, house.clock)
    again.begin()
    again.ask(QUESTION)
    assert again.reply(NUMBER) is Reply.WAITS
    assert house.answer("no").startswith("no to")
    assert again.reply(NUMBER) is Reply.NO


def test_a_session_takes_back_what_the_last_one_asked(house) -> None:
    """Nobody is shown a question that nobody waits for."""
    house.session.ask(QUESTION)
    Confirmations(house.home, house.bot.identity, house.clock).begin()
    assert house.listed == {}
    with pytest.raises(ConfigError):
        house.answer()


def test_a_disk_that_refuses_is_told(house) -> None:
    """A question that nobody sees is none."""
    (house.home.bot(house.bot.identity).root / "confirmations.json").mkdir(parents=True)
    assert not house.session.ask(QUESTION)
    assert house.session.reply(NUMBER) is Reply.LATE
    house.session.settle(NUMBER)


def test_answers_that_cannot_be_read_are_no_yes(house) -> None:
    """Anything but an answer in the file leaves the entry waiting."""
    house.session.ask(QUESTION)
    path = house.home.bot(house.bot.identity).root / "confirmations_answered.json"
    for text in ("[", "[]", '{"q-1": true}', '{"q-1": {"yes": true, "at": 7}}'):
        path.write_text(text)
        assert house.session.reply(NUMBER) is Reply.WAITS
