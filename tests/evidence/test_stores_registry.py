"""A store's URL finds its module by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from evidence.errors import ConfigError
from evidence.stores.file import FileStore
from evidence.stores.registry import open_store, schemes


def test_the_schemes_are_the_modules() -> None:
    """Each public module beside the contract is a scheme; there is no other list."""
    assert schemes() == ["file", "s3"]


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:some/locker", "some/locker"),
        ("file:/some/locker", "/some/locker"),
        ("file:///some/locker", "/some/locker"),
        ("file://localhost/some/my%20locker", "/some/my locker"),
        ("some/locker", "some/locker"),
        ("/some/100%20", "/some/100%20"),
    ],
)
def test_a_path_is_a_file_store(url: str, folder: str, tmp_path: Path) -> None:
    """With or without its scheme; relative to the working directory; opening creates nothing."""
    store = open_store(url, cache=tmp_path)

    assert isinstance(store, FileStore)
    assert store.url == f"file:{Path(folder).absolute()}"
    assert not Path(folder).exists()


def test_an_unknown_scheme_names_the_valid_ones(tmp_path: Path) -> None:
    """The message lists what could stand there."""
    with pytest.raises(ConfigError, match=r"unknown scheme 'ftp'; valid: file:, s3: or a path") as caught:
        open_store("ftp://somewhere/locker", cache=tmp_path)

    assert "Correct `store`" in caught.value.next_step


@pytest.mark.parametrize(("url", "what"), [("file:", "names no folder"), ("file://host/x", "names the host 'host'")])
def test_a_file_url_without_a_folder_is_refused(url: str, what: str, tmp_path: Path) -> None:
    """A host or no path at all is a configuration error."""
    with pytest.raises(ConfigError, match=what):
        open_store(url, cache=tmp_path)
