"""Rules on the source that no linter knows; each is read from the syntax tree."""

from __future__ import annotations

import ast
import re

import pytest

from tests.house.tree import called, imported, modules, repository_files, syntax, text, walk

PRODUCT = modules("rigd", "widgets")
WRITERS = ("rigd/store/", "rigd/vault/")
"""The packages that may write to disk (STYLE §5)."""


def writes(node: ast.AST) -> bool:
    """Tell whether a call opens a file for writing or changes the file system."""
    if not isinstance(node, ast.Call):
        return False
    name = called(node)
    last = name.rpartition(".")[2]
    if last in {"write_text", "write_bytes", "mkdir", "unlink", "rmdir", "symlink_to"}:
        return True
    if last == "touch" and name != last and not node.args:
        return True
    if name in {"os.rename", "os.replace", "os.remove", "os.makedirs", "os.mkdir", "os.open"}:
        return True
    if name.startswith(("shutil.copy", "shutil.move", "shutil.rm", "tempfile.")):
        return True
    if last == "open":
        mode = node.args[0 if name != "open" and len(node.args) == 1 else 1 :][:1]
        given = [k.value for k in node.keywords if k.arg == "mode"] + mode
        return any(
            isinstance(m, ast.Constant) and isinstance(m.value, str) and set(m.value) & set("wax+")
            for m in given
        )
    return False


@pytest.mark.parametrize(
    "code",
    [
        "path.touch()",
        "shutil.copytree('a', 'b')",
        "open('x', 'w')",
        "path.open('ab')",
        "path.open(mode='r+')",
        "path.write_text('')",
    ],
)
def test_the_write_finder_finds(code: str) -> None:
    """The finder below knows each way to write."""
    assert any(writes(node) for node in ast.walk(ast.parse(code)))


@pytest.mark.parametrize("code", ["open('x')", "path.open('rb')", "open('wax')", "x.write('')"])
def test_the_write_finder_is_not_fooled(code: str) -> None:
    """Reading is allowed everywhere, as is writing to a stream that was handed over."""
    assert not any(writes(node) for node in ast.walk(ast.parse(code)))


def test_only_store_and_vault_write_to_disk() -> None:
    """No other package opens a file for writing, renames, makes or removes one."""
    found = [
        f"{module}:{node.lineno}"
        for module in PRODUCT
        if not module.startswith(WRITERS)
        for node in walk(module)
        if writes(node)
    ]
    assert not found, "\n".join(found)


def test_the_books_know_no_binary_fraction() -> None:
    """Neither float nor a float literal nor a REAL column occurs in the ledger's code."""
    books = [module for module in PRODUCT if module.startswith("rigd/ledger/")]
    assert books
    found = [
        f"{module}:{node.lineno}"
        for module in books
        for node in walk(module)
        if (isinstance(node, ast.Name) and node.id in {"float", "float64"})
        or (isinstance(node, ast.Attribute) and node.attr in {"float64", "float32"})
        or (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Constant) and node.value == "REAL")
    ]
    assert not found, "\n".join(found)


def naive(node: ast.AST) -> bool:
    """Tell whether a call makes a datetime without a time zone."""
    if not isinstance(node, ast.Call):
        return False
    name = called(node)
    keywords = {k.arg for k in node.keywords}
    if name in {"datetime", "datetime.datetime"}:
        return "tzinfo" not in keywords and None not in keywords and len(node.args) < 8
    if name.endswith("datetime.fromtimestamp"):
        return "tz" not in keywords and len(node.args) < 2
    return name.endswith(("datetime.utcnow", "datetime.utcfromtimestamp"))


def test_no_instant_without_a_zone() -> None:
    """A datetime is made with a time zone; a test that needs a naive one says so by its rule."""
    found = [
        f"{module}:{node.lineno}"
        for module in [*PRODUCT, *modules("tests")]
        for node in walk(module)
        if naive(node) and "noqa: DTZ001" not in line_of(module, node)
    ]
    assert not found, "\n".join(found)


def line_of(module: str, node: ast.AST) -> str:
    """The lines of a node."""
    lines = text(module).splitlines()
    return "\n".join(lines[node.lineno - 1 : node.end_lineno])


DOORS: dict[str, tuple[str, ...]] = {
    "subprocess": ("rigd/hosts/",),
    "multiprocessing": ("rigd/hosts/",),
    "random": (),
    "time": ("rigd/core/clock.py",),
}
"""The only modules that may import what waits, draws or starts processes (ARCHITECTURE §7)."""


def test_waiting_drawing_and_processes_have_one_door() -> None:
    """Only the clock waits, only hosts start processes, and nothing draws by itself."""
    found = [
        f"{module}: imports {name}"
        for module in PRODUCT
        for name in imported(module)
        if not module.startswith(DOORS.get(name.split(".", maxsplit=1)[0], (module,)))
    ]
    assert not found, "\n".join(found)


def trusts_too_much(node: ast.AST) -> bool:
    """Tell whether code runs what it reads, or believes a server whose certificate is not right."""
    if isinstance(node, ast.Attribute):
        return node.attr in {"CERT_NONE", "_create_unverified_context"}
    if isinstance(node, ast.Import | ast.ImportFrom):
        names = [each.name for each in node.names]
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        barred = {"pickle", "dill", "joblib", "marshal", "shelve", "cloudpickle"}
        return bool({name.partition(".")[0] for name in names} & barred)
    if not isinstance(node, ast.Call):
        return False
    given = {word.arg: getattr(word.value, "value", None) for word in node.keywords}
    if given.get("allow_pickle") is True or given.get("verify") is False:
        return True
    if given.get("check_hostname") is False:
        return True
    name = called(node)
    return name in {"eval", "exec", "yaml.load"} or name.endswith((".read_pickle", ".unsafe_load"))


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "eval(text)",
        "yaml.load(file)",
        "np.load(file, allow_pickle=True)",
        "pandas.read_pickle(path)",
        "requests.get(url, verify=False)",
        "context.verify_mode = ssl.CERT_NONE",
    ],
)
def test_the_finder_of_trust_finds(code: str) -> None:
    """Each form that is barred below."""
    assert any(trusts_too_much(node) for node in ast.walk(ast.parse(code)))


def test_nothing_that_is_read_is_run_and_every_certificate_is_verified() -> None:
    """FAULTS S13, S16: no pickle, no eval, no connection whose other end is not known."""
    found = [
        f"{module}:{getattr(node, 'lineno', 0)}"
        for module in PRODUCT
        for node in walk(module)
        if trusts_too_much(node)
    ]
    assert not found, "\n".join(found)


EXEMPTION = re.compile(r"#\s*(?:no" + r"qa|type: ig" + r"nore)\b(?P<rest>.*)")
REASONED = re.compile(r"(?::\s*|\[)[A-Za-z0-9, -]+\]?\s+(?:-|#|–|\()\s*\w+")


def test_an_exemption_names_its_rule_and_its_reason() -> None:
    """A noqa, or a type: ignore where types are checked, has a rule code and then the reason."""
    bare = []
    for module in [*PRODUCT, *modules("tests", "notebooks")]:
        for number, line in enumerate(text(module).splitlines(), start=1):
            found = EXEMPTION.search(line)
            typed = found is not None and found[0].startswith("# type")
            if found and not REASONED.match(found["rest"]) and (module in PRODUCT or not typed):
                bare.append(f"{module}:{number}: {line.strip()}")
    assert not bare, "\n".join(bare)


def test_no_command_asks_for_root() -> None:
    """The program that raises a user's rights is called in no Python, shell or notebook file."""
    word = re.compile(r"\b" + "su" + r"do\b")
    scripts = [
        name
        for name in repository_files()
        if name.endswith((".py", ".sh", ".ipynb", "Makefile", ".service", "run"))
    ]
    assert [name for name in scripts if word.search(text(name))] == []


def test_tests_do_not_sleep_or_reach_the_network() -> None:
    """No test sleeps or loads a network client; the system tests may wait for processes."""
    clients = {"requests", "httpx", "urllib.request", "aiohttp"}
    inside = [name for name in modules("tests") if not name.startswith("tests/system/")]
    slept = [
        f"{module}:{node.lineno}"
        for module in inside
        for node in walk(module)
        if isinstance(node, ast.Call)
        and called(node) in {"time.sleep", "sleep"}
        and "noqa: TID251" not in line_of(module, node)
    ]
    assert not slept, "\n".join(slept)
    assert [name for name in inside if clients & set(imported(name))] == []


def test_no_test_is_marked_as_a_known_failure_without_a_reason() -> None:
    """An xfail is strict and says why; a skip says why."""
    for module in modules("tests"):
        for node in ast.walk(syntax(module)):
            if isinstance(node, ast.Call) and called(node) in {
                "pytest.mark.xfail",
                "pytest.mark.skip",
                "pytest.mark.skipif",
            }:
                assert any(k.arg == "reason" for k in node.keywords), f"{module}:{node.lineno}"
