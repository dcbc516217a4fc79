"""Read-only SQL for people: what it answers, and what it refuses."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from evidence.canonical import sha256
from evidence.config import Config
from evidence.ledger.statements import CodeIdentity
from warehouse.home import Home
from warehouse.sql import QueryError, ask

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 7, 2, tzinfo=UTC)
CODE = CodeIdentity("0" * 40, tree_clean=True, lock_sha256="1" * 64)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home."""
    config = Config(company="Acme", root=tmp_path)
    return Home(config, {}, {"name": "test"})


def test_a_select_is_answered(home: Home) -> None:
    """Columns and rows come back, of tables that nothing was collected for too."""
    answer = ask(home, "SELECT count(*) AS n FROM github_reviews", by="ann", code=CODE, now=NOW)
    assert answer.columns == ("n",)
    assert answer.rows == ((0,),)
    assert not answer.more


@pytest.mark.parametrize(
    ("query", "refusal"),
    [
        ("COPY (SELECT 1) TO 'x.csv'", "found COPY"),
        ("SELECT 1; SELECT 2", "found SELECT, SELECT"),
        ("EXPLAIN ANALYZE SELECT 1", "found EXPLAIN"),
        ("ATTACH 'x.db'", "found ATTACH"),
        ("SET threads = 1", "found SET"),
        ("INSTALL httpfs", "found"),
        ("", "found nothing"),
        ("SELEC 1", "not SQL"),
        ("SELECT * FROM read_csv('/etc/passwd')", "disabled by configuration"),
        ("SELECT * FROM read_text('/proc/self/environ')", "disabled by configuration"),
        ("SELECT * FROM glob('/etc/*')", "disabled by configuration"),
        ("SELECT * FROM 'https://example.org/x.csv'", "disabled by configuration"),
        ("SELECT getenv('HOME')", "does not exist"),
        ("SELECT * FROM home", "home"),
    ],
)
def test_everything_else_is_refused(home: Home, query: str, refusal: str) -> None:
    """No write, no file, no network, no variable of the host, no second statement."""
    with pytest.raises(QueryError, match=refusal):
        ask(home, query, by="ann", code=CODE, now=NOW)


def test_a_query_that_takes_too_long_is_killed(home: Home) -> None:
    """The limit is a kill, not a request."""
    with pytest.raises(QueryError, match="longer than 3 s"):
        ask(
            home,
            "SELECT count(*) FROM range(100000000000) AS a(i) WHERE i % 7 = 3",
            by="ann",
            code=CODE,
            now=NOW,
            seconds=3,
        )


def test_memory_is_bounded(home: Home) -> None:
    """A string of gigabytes ends the query, not the machine."""
    with pytest.raises(QueryError):
        ask(
            home,
            "SELECT length(string_agg(repeat('x', 1000000), '')) FROM range(9000)",
            by="ann",
            code=CODE,
            now=NOW,
            seconds=30,
        )


def test_every_query_is_recorded(home: Home) -> None:
    """Those that are refused too, before they run."""
    with pytest.raises(QueryError, match="found COPY"):
        ask(home, "COPY (SELECT 1) TO 'x.csv'", by="ann", code=CODE, now=NOW)
    lines = (home.path / "sql" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["query"] for line in lines] == ["COPY (SELECT 1) TO 'x.csv'"]


def test_every_query_is_a_leaf_of_the_ledger(home: Home) -> None:
    """Who asked, and the digest of what; a question cannot be taken back by editing a file."""
    ask(home, "SELECT 1", by="ann", code=CODE, now=NOW)
    (leaf,) = [json.loads(text) for text in home.log.entries(0, home.log.refresh())]

    assert (leaf["kind"], leaf["by"], leaf["query_sha256"]) == ("access", "ann", sha256(b"SELECT 1"))
