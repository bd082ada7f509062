"""Tests of digests."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from rigd.core.errors import StorageError
from rigd.store.hashing import digest_tree, hash_files, sha256_file

if TYPE_CHECKING:
    from pathlib import Path


def test_the_digest_of_a_file_is_the_published_one(tmp_path: Path) -> None:
    """FIPS 180-2, appendix B.1: the digest of the three letters abc."""
    (tmp_path / "abc").write_bytes(b"abc")
    published = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert sha256_file(tmp_path / "abc") == published


def test_a_missing_file_has_no_digest(tmp_path: Path) -> None:
    """The error names the file."""
    with pytest.raises(StorageError, match="gone"):
        sha256_file(tmp_path / "gone")


def tree(root: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


FILES = {"a.py": b"1", "b/c.py": b"2", "b/__pycache__/c.py": b"x", "notes.txt": b"n"}


def test_a_trees_digest_is_over_names_and_digests_in_order(tmp_path: Path) -> None:
    """Worked out by hand over the two files that count."""
    one, two = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
    expected = hashlib.sha256(f"a.py\0{one}\nb/c.py\0{two}\n".encode()).hexdigest()
    assert digest_tree(tree(tmp_path, FILES), "*.py") == expected


@pytest.mark.parametrize(
    "change", [{"a.py": b"3"}, {"d.py": b"1"}, {"b/e.py": b""}], ids=["content", "name", "new"]
)
def test_any_change_of_a_tree_changes_its_digest(tmp_path: Path, change: dict[str, bytes]) -> None:
    """Contents and names count, time stamps and other files do not."""
    before = digest_tree(tree(tmp_path / "one", FILES), "*.py")
    assert digest_tree(tree(tmp_path / "two", FILES | {"z.txt": b"z"}), "*.py") == before
    assert digest_tree(tree(tmp_path / "three", FILES | change), "*.py") != before


def test_files_are_listed_by_name_with_their_digests(tmp_path: Path) -> None:
    """Every file that a pattern names once, in order; no caches, no other files."""
    root = tree(tmp_path, FILES)
    found = hash_files(root, ("**/*.py", "a.py"))
    assert list(found) == ["a.py", "b/c.py"]
    assert found["a.py"] == hashlib.sha256(b"1").hexdigest()
