"""Tailing a log through rotations, crashes and damage: no line lost, none doubled, losses told."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import SourceRejected, SourceUnavailable
from evidence.sources._tail import Tailed, tail

if TYPE_CHECKING:
    from collections.abc import Mapping


class Writer:
    """A process that logs numbered lines, and an administrator who rotates its file."""

    def __init__(self, path: Path) -> None:
        self.path, self.count, self.open_line = path, 0, ""
        self.handle = path.open("a")

    def line(self) -> str:
        self.count += 1
        return f'{{"n":{self.count},"pad":"{"x" * (self.count % 7)}"}}\n'

    def append(self, lines: int) -> None:
        self.write(self.open_line + "".join(self.line() for _ in range(lines)))
        self.open_line = ""

    def begin(self, lines: int) -> None:
        """Lines, the last of which is not finished yet."""
        self.append(lines)
        whole = self.line()
        self.write(whole[:4])
        self.open_line = whole[4:]

    def write(self, text: str) -> None:
        self.handle.write(text)
        self.handle.flush()

    def shift(self) -> Path:
        """Make room: audit.log.1 becomes audit.log.2, and so on."""
        for number in range(40, 0, -1):
            for end in ("", ".gz"):
                old = self.path.with_name(f"{self.path.name}.{number}{end}")
                if old.exists():
                    old.rename(self.path.with_name(f"{self.path.name}.{number + 1}{end}"))
        return self.path.with_name(f"{self.path.name}.1")

    def rename(self, lines: int) -> None:
        """Rotate by name; the process goes on writing to the old file until it is told to reopen."""
        self.path.rename(self.shift())
        self.append(lines)
        self.handle.close()
        self.handle = self.path.open("a")

    def copy_and_truncate(self, lines: int) -> None:
        self.append(lines)
        shutil.copy(self.path, self.shift())
        os.truncate(self.path, 0)

    def pack(self, _lines: int) -> None:
        """Compress the newest rotated file that is plain."""
        for number in range(1, 42):
            plain = self.path.with_name(f"{self.path.name}.{number}")
            if plain.exists():
                plain.with_name(plain.name + ".gz").write_bytes(gzip.compress(plain.read_bytes()))
                plain.unlink()
                return


class Reader:
    """A collector that remembers its state only when a reading ended well."""

    def __init__(self, path: Path, chunk: int) -> None:
        self.path, self.chunk = path, chunk
        self.state: Mapping[str, Any] = {}
        self.kept = b""
        self.losses: list[str] = []

    def read(self, *, crash: bool = False) -> Tailed:
        pieces: list[bytes] = []
        result = tail(self.path, self.state, lambda body, _name, _offset: pieces.append(body), chunk=self.chunk)
        assert all(piece.endswith(b"\n") for piece in pieces)
        if not crash:
            self.state, self.kept = result.state, self.kept + b"".join(pieces)
            self.losses += result.losses
        return result

    def numbers(self) -> list[str]:
        return sorted(line.split(",")[0] for line in self.kept.decode().splitlines())


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["append", "begin", "rename", "copy_and_truncate", "pack", "read", "read", "crash"]),
        st.integers(0, 4),
    ),
    max_size=25,
)


@given(steps=STEPS, chunk=st.integers(1, 60))
@settings(max_examples=300, deadline=None)
def test_every_line_is_read_once_whatever_happens(steps: list[tuple[str, int]], chunk: int) -> None:
    """Appends, half lines, renames, copies, compression and crashes in any order: each line is there once."""
    with TemporaryDirectory() as folder:
        writer = Writer(Path(folder) / "audit.log")
        reader = Reader(writer.path, chunk)
        for step, lines in steps:
            if step in {"read", "crash"}:
                reader.read(crash=step == "crash")
            else:
                getattr(writer, step)(lines)
        writer.append(1)
        reader.read()
        writer.handle.close()
        assert reader.numbers() == sorted(f'{{"n":{n}' for n in range(1, writer.count + 1))
        assert reader.losses == []
        assert reader.read().lines == 0


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log with three lines."""
    path = tmp_path / "audit.log"
    path.write_text("one\ntwo\nthree\n")
    return path


def test_a_last_line_without_newline_waits(log: Path) -> None:
    """Half a line is not a record yet."""
    log.write_text("one\ntw")
    reader = Reader(log, 100)
    reader.read()
    assert reader.kept == b"one\n"
    log.write_text("one\ntwo\n")
    reader.read()
    assert reader.kept == b"one\ntwo\n"


def test_a_rotated_file_that_ends_without_newline_is_taken_in_the_end(log: Path) -> None:
    """A crash leaves half a line that nobody will finish: it is evidence once it has stopped growing."""
    log.write_text("one\ntw")
    state = tail(log, {}, lambda *_: None).state
    log.rename(log.with_name("audit.log.1"))
    log.write_text("three\n")
    pieces: list[bytes] = []
    tail(log, state, lambda body, _name, _offset: pieces.append(body))
    assert pieces == [b"tw", b"three\n"]


def test_names_of_rotated_files_of_all_tools_are_known(tmp_path: Path) -> None:
    """Logrotate numbers and dates, and the API server's own names."""
    for name in ("audit.log", "audit.log.1", "audit.log-20260701.gz", "audit-2026-07-01T10-00-00.000.log", "other.log"):
        body = f"{name}\n".encode()
        (tmp_path / name).write_bytes(gzip.compress(body) if name.endswith(".gz") else body)
    reader = Reader(tmp_path / "audit.log", 100)
    reader.read()
    assert len(reader.kept.splitlines()) == 4


def test_a_generation_that_vanished_is_told(log: Path) -> None:
    """A file in use that was rotated away and deleted between two readings is a loss, not a quiet day."""
    reader = Reader(log, 100)
    reader.read()
    log.write_text("other\n")
    assert reader.read().losses == ["audit.log: a file that was read to byte 14 only is gone"]
    assert reader.read().losses == []


def test_a_rotated_file_that_was_read_to_its_end_may_go(log: Path) -> None:
    """Old rotated files are deleted every day; that is no loss."""
    rotated = log.with_name("audit.log.1")
    log.rename(rotated)
    log.write_text("new\n")
    reader = Reader(log, 100)
    reader.read()
    rotated.unlink()
    assert reader.read().losses == []


def test_an_edit_of_what_was_read_is_told_and_read_again(log: Path) -> None:
    """An audit log only grows: other bytes before the offset are told, and the file is taken whole once more."""
    reader = Reader(log, 100)
    reader.read()
    log.write_text("one\ntwu\nthree\nfour\n")
    result = reader.read()
    assert result.losses == ["audit.log was changed before byte 14, after it was read; it is read again"]
    assert reader.kept.endswith(b"one\ntwu\nthree\nfour\n")


def test_a_damaged_archive_is_told_unless_the_plain_file_is_there(log: Path) -> None:
    """Half a gzip file beside its original is compression under way; alone it is a loss."""
    rotated = log.with_name("audit.log.1")
    rotated.write_bytes(os.urandom(4000).hex().encode() + b"\n")
    packed = log.with_name("audit.log.1.gz")
    packed.write_bytes(gzip.compress(rotated.read_bytes())[:1000])
    assert tail(log, {}, lambda *_: None).losses == []
    rotated.unlink()
    assert "audit.log.1.gz cannot be unpacked" in tail(log, {}, lambda *_: None).losses[0]


def test_a_missing_log_says_what_to_do(tmp_path: Path) -> None:
    """A path that leads nowhere is not an empty log."""
    with pytest.raises(SourceUnavailable, match="there is no such log"):
        tail(tmp_path / "audit.log", {}, lambda *_: None)


def test_an_unreadable_log_is_a_refusal(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Permission is something to fix, not to retry."""

    def refuse(path: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(SourceRejected, match=r"audit\.log: not readable"):
        tail(log, {}, lambda *_: None)


def test_a_line_longer_than_a_piece_stays_whole(log: Path) -> None:
    """A piece is cut at line ends; a single long line makes a longer piece."""
    log.write_bytes(b"a" * 1000 + b"\n" + b"b\n")
    reader = Reader(log, 64)
    reader.read()
    assert reader.kept == log.read_bytes()
