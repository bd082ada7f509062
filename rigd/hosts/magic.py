"""The line magic ``%rigd``: ``%load_ext rigd``, then ``%rigd backtest open --symbols SPY``.

Each verb stands for one of the functions that ``import rigd`` offers; what is typed becomes its
arguments, and its result is the cell's.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Iterable, Mapping, Sequence


class Verb(NamedTuple):
    """Where a verb's function lies, and an example for people."""

    module: str
    name: str
    example: str


VERBS = {
    "backtest": Verb("rigd", "backtest", "%rigd backtest open --symbols SPY,IBM"),
    "sweep": Verb("rigd", "sweep", "%rigd sweep open --symbols SPY"),
}
"""Verb by word."""

WHY = "why"
WHY_EXAMPLE = "%rigd why SPY"
_SWITCHED = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}


class Magic:
    """What ``%rigd`` does, without IPython.

    Parameters
    ----------
    verbs
        Verb by word.
    """

    def __init__(self, verbs: Mapping[str, Verb] = VERBS) -> None:
        self._verbs = verbs
        self._last: Any = None

    def run(self, line: str) -> Any:  # noqa: ANN401 - the function's own result
        """Carry out one line.

        Parameters
        ----------
        line
            What stands behind ``%rigd``.

        Returns
        -------
        object
            The function's result; the list of verbs when the line is blank.

        Raises
        ------
        ConfigError
            If a word or an option is not known (the nearest one is named), or there is no result
            yet that could say why.
        """
        from rigd.core.errors import ConfigError  # noqa: PLC0415 - importing rigd stays light

        verb, *words = _words(line) or [""]
        if not verb:
            return Usage(self._usage())
        if verb == WHY:
            return _called(self._reason(), words, f"%rigd {WHY}")
        if verb not in self._verbs:
            msg = f"%rigd must be followed by {self._known()}, was {verb!r}"
            raise ConfigError(msg + _nearest(verb, [*self._verbs, WHY]))
        self._last = _called(_function(verb, self._verbs[verb]), words, f"%rigd {verb}")
        return self._last

    def _reason(self) -> Callable[..., Any]:
        from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

        reason = getattr(self._last, WHY, None)
        if reason is None:
            msg = "there must be a result that can say why, there is none yet"
            raise ConfigError(msg, fix=next(iter(self._verbs.values())).example)
        return reason  # type: ignore[no-any-return] # a method of a result

    def _known(self) -> str:
        return ", ".join([*self._verbs, WHY])

    def _usage(self) -> str:
        return "\n".join([*(verb.example for verb in self._verbs.values()), WHY_EXAMPLE])


class Usage(str):
    """A text that a notebook shows as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the text."""
        return str(self)


def load_ipython_extension(shell: Any) -> None:  # noqa: ANN401 - IPython's shell
    """Add ``%rigd`` to a shell; IPython calls this for ``%load_ext rigd``.

    Parameters
    ----------
    shell
        IPython's interactive shell.
    """
    magic = Magic()

    def rigd(line: str) -> Any:  # noqa: ANN401 - the function's own result
        from IPython.core.error import UsageError  # noqa: PLC0415 - IPython runs this

        from rigd.core.errors import RigdError  # noqa: PLC0415 - as above

        try:
            return magic.run(line)
        except RigdError as error:
            fix = f"\nnext: {error.fix}" if error.fix else ""
            raise UsageError(f"{error}{fix}") from None

    shell.register_magic_function(rigd, magic_kind="line", magic_name="rigd")


def _words(line: str) -> list[str]:
    import shlex  # noqa: PLC0415 - as above

    from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

    try:
        return shlex.split(line)
    except ValueError as error:
        msg = f"quotes must be closed, found {line!r}"
        raise ConfigError(msg) from error


def _function(word: str, verb: Verb) -> Callable[..., Any]:
    """Return a verb's function; say so when this version has none."""
    from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

    found = getattr(import_module(verb.module), verb.name, None)
    if found is None:
        msg = f"%rigd {word} needs {verb.module}.{verb.name}, which this version does not have"
        raise ConfigError(msg)
    return found  # type: ignore[no-any-return] # a public function


def _called(function: Callable[..., Any], words: Sequence[str], what: str) -> Any:  # noqa: ANN401 - its own result
    """Call a function with what was typed."""
    import inspect  # noqa: PLC0415 - as above

    from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

    parameters = inspect.signature(function).parameters
    positional, named = _arguments(words, parameters)
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    known = [
        name for name, p in parameters.items() if p.kind not in {p.VAR_KEYWORD, p.VAR_POSITIONAL}
    ]
    for name in named:
        if name not in known and not takes_any:
            msg = f"{what} must have options that it knows, was --{name.replace('_', '-')}"
            raise ConfigError(msg + _nearest(name, known))
    try:
        inspect.signature(function).bind(*positional, **named)
    except TypeError as error:
        msg = f"{what}: {error}"
        raise ConfigError(msg, fix=f"its arguments: {', '.join(known)}") from None
    return function(*positional, **named)


def _arguments(
    words: Sequence[str], parameters: Mapping[str, inspect.Parameter]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the positional and the named arguments of a line; ``--x`` alone is a switch."""
    positional: list[Any] = []
    named: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("--"):
            positional.append(word)
            continue
        typed, equals, value = word.removeprefix("--").partition("=")
        name = typed.replace("-", "_")
        if not equals:
            value = rest.pop(0) if rest and not rest[0].startswith("--") else "true"
        parameter = parameters.get(name)
        if _takes_several(parameter):
            named.setdefault(name, []).append(value)
        else:
            named[name] = _value(name, value, parameter)
    return positional, named


def _takes_several(parameter: inspect.Parameter | None) -> bool:
    """Tell whether an option may be repeated: its default is a tuple, and it takes no text."""
    several = parameter is not None and isinstance(parameter.default, tuple)
    return several and not str(getattr(parameter, "annotation", "")).startswith("str")


def _value(name: str, text: str, parameter: inspect.Parameter | None) -> Any:  # noqa: ANN401 - as its parameter
    """Return a value in the type of its parameter's default; text where it has none."""
    from rigd.core.errors import ConfigError  # noqa: PLC0415 - as above

    default = None if parameter is None else parameter.default
    try:
        if isinstance(default, bool):
            return _SWITCHED[text.lower()]
        if isinstance(default, (int, float)):
            return type(default)(text)
    except (KeyError, ValueError):
        kind = "true or false" if isinstance(default, bool) else "a number"
        msg = f"--{name.replace('_', '-')} must be {kind}, was {text!r}"
        raise ConfigError(msg) from None
    return text


def _nearest(word: str, known: Iterable[str]) -> str:
    import difflib  # noqa: PLC0415 - as above

    near = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {near[0].replace('_', '-')}?" if near else ""
