"""What the texts of the repository may not hold: secrets, places of one machine, foreign names."""

from __future__ import annotations

import hashlib
import re

import pytest

from tests.house.tree import repository_files, text

LOCK = "env/requirements.lock"


def readable() -> list[str]:
    """Every text file of the repository."""
    found = []
    for name in repository_files():
        try:
            text(name)
        except UnicodeDecodeError:
            continue
        found.append(name)
    return found


def hits(pattern: re.Pattern[str], *, without: tuple[str, ...] = ()) -> list[str]:
    """Each place where the pattern occurs, as file and line."""
    return [
        f"{name}:{text(name).count(chr(10), 0, found.start()) + 1}: {found[0][:80]}"
        for name in readable()
        if name not in without
        for found in pattern.finditer(text(name))
    ]


MACHINE = re.compile(
    r"(?<![\w.$}/])/(?:home|root|work|Users|mnt|srv)/[A-Za-z0-9_.-]|[A-Z]:\\\\?Users\\"
)


@pytest.mark.parametrize("place", ["/" + "home/ada/rigd", "'/" + "work/main'", "C:\\" + "Users\\"])
def test_the_place_finder_finds(place: str) -> None:
    """The pattern below knows a home folder of each system."""
    assert MACHINE.search(place)


def test_no_place_of_one_machine() -> None:
    """No text names a folder of the machine it was written on."""
    found = hits(MACHINE)
    assert not found, "\n".join(found)


HOSTS = re.compile(
    "|".join(
        re.escape(".".join(host))
        for host in (
            ("pypi", "org"),
            ("pythonhosted", "org"),
            ("anaconda", "org"),
            ("anaconda", "com"),
            ("npmjs", "org"),
            ("jsdelivr", "net"),
            ("cdnjs", "cloudflare"),
            ("unpkg", "com"),
        )
    )
    + r"|--(?:extra-)?index-"
    + "url|--find-"
    + r"links|--trusted-"
    + "host"
)


def test_no_package_index_is_named() -> None:
    """The package index is the machine's own; no file names a registry or a script host."""
    found = hits(HOSTS)
    assert not found, "\n".join(found)


FOREIGN = frozenset({
    "053ea4804ef1bb33d4a3d6fb024a614b6d257cebc2bc7cd915da9c9522f37ffc",
    "3ea125d0bff386e6754b3782b300016fc79a9cf8f8669c0a5c3db64467ddb681",
    "487b91042c7cf27a19e23ea8699f5f354b1a0c3af9e418138dc6150d830f970d",
    "5d72436256ada53828b51895a94bb8489e9f1ac4fe937a8024ef1594e7045ff6",
    "60965168ce762e949600281ba6d01fee136e5b6e8257b1f216f9025ed324474c",
    "7d3194f79e645c42e4396dda38be04766810ec6a00d00aced3ffc2a0a1f1a9ef",
    "c70eca6b0f88f44d81a41311647e50fda1ac454ec04ffd442b0eb4743a993131",
    "c857d09db23e6822e3600bc06ad8d58f92ed62bc8efd81c753f77048662cb97d",
    "de2187af3fb011708ca4ff6d21e4845236d6a6d25e7e90531b26a7923d16c73f",
})
"""SHA-256 of words that name no part of the product."""

SECRETS = {
    "private key": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE " + r"KEY-----(?:[\s\"',]|\\n)*[A-Za-z0-9+/]{40}"
    ),
    "cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "broker key": re.compile(r"\b(?:PK|AK)[A-Z0-9]{18}\b"),
    "token": re.compile(r"\b(?:ghp|gho|ghs|github_pat|xox[abps]|sk)[-_][A-Za-z0-9_-]{20,}"),
    "web token": re.compile(r"\beyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{10,}\."),
    "encryption token": re.compile(r"\bgAAAAA[A-Za-z0-9_-]{40,}"),
    "password in an address": re.compile(
        r"[a-z]+://(?!user:password@)[^\s/:@{}<>\"']+:[^\s/:@{}<>\"']+@"
    ),
    "assigned": re.compile(
        r"(?i)\b(?:password|passwd|api_?key|api_?secret|secret_?key|access_?token|encryption_key)"
        r"[\"']?\s*[:=]\s*[\"']?[A-Za-z0-9+/_-]{24,}={0,2}[\"']?\s*(?:[,})#\n]|\Z)"
    ),
}


@pytest.mark.parametrize(
    ("kind", "sample"),
    [
        ("private key", "-----BEGIN RSA PRIVATE " + "KEY-----\\n" + "aB3/" * 10),
        ("cloud key", "AKIA" + "A" * 16),
        ("broker key", "PK" + "A1" * 9),
        ("token", "ghp" + "_" + "a" * 36),
        ("web token", "eyJ" + "a" * 20 + "." + "b" * 12 + ".c"),
        ("encryption token", "gAAAAA" + "b" * 60),
        ("password in an address", "smtp:/" + "/ada:pw@host"),
        ("assigned", 'API_KEY = "' + "a1B2" * 8 + '"'),
    ],
)
def test_the_secret_finder_finds(kind: str, sample: str) -> None:
    """Each pattern finds a sample of its kind."""
    assert SECRETS[kind].search(sample)


@pytest.mark.parametrize("kind", SECRETS)
def test_no_secret_lies_in_the_repository(kind: str) -> None:
    """Neither code nor a notebook's source, output or metadata holds a secret of this kind (K1)."""
    found = hits(SECRETS[kind], without=(LOCK,))
    assert not found, "\n".join(found)


def words_of(line: str) -> set[str]:
    """The words of a line in lower case, also the parts of joined ones."""
    return {word.lower() for word in re.findall(r"[A-Za-z]+", line)}


def test_the_texts_speak_of_the_product_alone() -> None:
    """No file holds a word of the closed list, which is kept as digests."""
    known: dict[str, bool] = {}
    found = []
    for name in readable():
        if name == LOCK:
            continue
        for number, line in enumerate(text(name).splitlines(), start=1):
            for word in words_of(line):
                if word not in known:
                    known[word] = hashlib.sha256(word.encode()).hexdigest() in FOREIGN
                if known[word]:
                    found.append(f"{name}:{number}")
    assert not found, "\n".join(found)


def test_documents_are_cited_by_number() -> None:
    """The documents are called by their numbers; the working names of their pages stay out."""
    pattern = re.compile(r"(?i)\bthe " + r"card\b|\bcard" + r"'s\b|\bse" + r"eds/|\bshared/spec\b")
    found = hits(pattern)
    assert not found, "\n".join(found)
