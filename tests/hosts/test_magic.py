from __future__ import annotations

import sys
import types

import pytest
from IPython.core.error import UsageError

import rigd
from rigd.core.errors import ConfigError
from rigd.hosts import magic
from rigd.hosts.magic import Magic, Verb

EXAMPLE = "%rigd backtest open"


class Result:
    """A result that can say why."""

    def why(self, symbol: str, at: str = "") -> str:
        return f"{symbol} {at}".strip()


def backtest(
    strategy: str = "all",
    *,
    symbols: str = "",
    days: int = 1,
    cash: float = 1.0,
    save: bool = False,
    **settings: object,
) -> Result:
    result = Result()
    result.given = (strategy, symbols, days, cash, save, settings)
    return result


def sweep(
    strategy: str,
    *,
    symbols: str | list[str] = (),
    jobs: int = 1,
    grid: dict[str, object] | list[str] = (),
) -> tuple:
    return strategy, symbols, jobs, grid


@pytest.fixture
def lines(monkeypatch) -> Magic:
    """The magic with functions of this file."""
    module = types.ModuleType("research_double")
    module.backtest, module.sweep = backtest, sweep
    monkeypatch.setitem(sys.modules, "research_double", module)
    return Magic({
        "backtest": Verb("research_double", "backtest", EXAMPLE),
        "sweep": Verb("research_double", "sweep", "%rigd sweep open"),
        "tune": Verb("research_double", "tune", "%rigd tune"),
    })


def test_what_is_typed_becomes_arguments(lines) -> None:
    """A word by its place, an option by its name, a switch alone; numbers where numbers belong."""
    result = lines.run("backtest open --symbols SPY,IBM --days=3 --cash 2.5 --save")
    assert result.given == ("open", "SPY,IBM", 3, 2.5, True, {})
    assert lines.run("backtest").given == ("all", "", 1, 1.0, False, {})
    assert lines.run("sweep open --jobs 2") == ("open", (), 2, ())


def test_an_option_for_several_values_may_be_repeated(lines) -> None:
    """Each --grid is one line of the grid; symbols stay the text that was typed."""
    found = lines.run("sweep open --grid A=1,2 --grid B=3 --symbols SPY,IBM")
    assert found == ("open", "SPY,IBM", 1, ["A=1,2", "B=3"])


def test_a_setting_goes_through_by_its_name(lines) -> None:
    """A function that takes any setting judges the name itself; dashes are underscores."""
    result = lines.run("backtest mid --strat-mid-buffer 0.01 --save off")
    assert result.given == ("mid", "", 1, 1.0, False, {"strat_mid_buffer": "0.01"})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("backtst open", r"backtest, sweep, tune, why.*did you mean backtest\?"),
        ("sweep open --symbls SPY", r"--symbls; did you mean symbols\?"),
        ("backtest --days many", "--days must be a number"),
        ("backtest --save maybe", "--save must be true or false"),
        ("sweep", "missing a required argument: 'strategy'"),
        ("sweep open mid", "too many positional arguments"),
        ("backtest 'open", "quotes must be closed"),
        ("tune", "which this version does not have"),
        ("why SPY", "there is none yet"),
    ],
)
def test_what_cannot_be_done_is_said(lines, line, said) -> None:
    """The message names what was typed and, for a typo, what was meant."""
    with pytest.raises(ConfigError, match=said):
        lines.run(line)


def test_why_asks_the_last_result(lines) -> None:
    """After a backtest, why tells of one symbol."""
    lines.run("backtest open")
    assert lines.run("why SPY --at 14:30") == "SPY 14:30"
    lines.run("sweep open")
    with pytest.raises(ConfigError, match="none yet"):
        lines.run("why SPY")


def test_a_blank_line_shows_what_there_is(lines) -> None:
    """Each verb by its example."""
    assert repr(lines.run("")).splitlines() == [
        EXAMPLE,
        "%rigd sweep open",
        "%rigd tune",
        "%rigd why SPY",
    ]


class Shell:
    """IPython's door for magics."""

    def register_magic_function(self, function, magic_kind, magic_name) -> None:
        self.found = (function, magic_kind, magic_name)


def test_the_package_is_an_extension_of_ipython() -> None:
    """`%load_ext rigd` adds the line magic; an error there is a line, not a traceback."""
    shell = Shell()
    rigd.load_ipython_extension(shell)
    function, kind, name = shell.found
    assert (kind, name) == ("line", "rigd")
    assert "%rigd why SPY" in function("")
    with pytest.raises(UsageError, match="did you mean sweep"):
        function("sweeep open")


def test_the_verbs_are_functions_of_the_package() -> None:
    """Each verb stands for what `import rigd` offers."""
    assert {(verb.module, verb.name) for verb in magic.VERBS.values()} == {
        ("rigd", word) for word in magic.VERBS
    }
    for word, verb in magic.VERBS.items():
        assert verb.example.startswith(f"%rigd {word} ")
