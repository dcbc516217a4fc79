"""Definitions and scope against the log: stated before the period, changed in it, made up afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from evidence.ledger.statements import CodeIdentity, Definition, Scope
from evidence.verify.anchors import Anchors
from evidence.verify.definitions import check_definitions, read_definitions
from evidence.verify.formats.errors import FormatError
from evidence.verify.report import Result

START = datetime(2026, 7, 1, tzinfo=UTC)
CODE = CodeIdentity("0" * 40, tree_clean=True, lock_sha256="1" * 64)
OLD, NEW, SCOPE = "a" * 64, "b" * 64, "c" * 64
FACTS = {"definition_CHG-01": OLD, "scope_sha256": SCOPE, "company": "Acme"}


def check(facts: dict[str, str], *said: tuple[Definition | Scope, int], anchors: Anchors | None = None) -> Result:
    """The result, of statements that were said some days after the period's start."""
    texts = [one.encode(START + timedelta(days=days), CODE) for one, days in said]
    stated = read_definitions(texts, range(len(texts)))
    return check_definitions(stated, facts, START, anchors or Anchors()).result


def definition(digest: str) -> Definition:
    """A definition of CHG-01."""
    return Definition("CHG-01", digest, (), START)


def test_what_was_stated_before_passes() -> None:
    """And what is not stated at all, or came during the period, does not."""
    scope = (Scope(SCOPE, START), -2)
    assert check(FACTS, (definition(OLD), -2), scope) is Result.OK
    assert check(FACTS, (definition(OLD), -2), scope, (definition(NEW), 9)) is Result.OK
    assert check(FACTS, (definition(OLD), 9), scope) is Result.NOT_CHECKED
    assert check(FACTS) is Result.NOT_CHECKED


def test_a_definition_edited_afterwards_is_detected() -> None:
    """One that the log does not state, and one that claims a time at which an anchored checkpoint lacks it."""
    scope, held = (Scope(SCOPE, START), -2), (definition(OLD), -2)
    assert check({**FACTS, "definition_CHG-01": NEW}, held, scope) is Result.FAILED
    assert check(FACTS, scope, held, anchors=Anchors(((1, START + timedelta(days=80)),))) is Result.FAILED
    assert check(FACTS, scope, held, anchors=Anchors(((1, START - timedelta(days=3)),))) is Result.OK


def test_a_malformed_definition_is_refused() -> None:
    """It is not passed over."""
    with pytest.raises(FormatError, match="the statement 0 is no definition and no scope"):
        read_definitions([b'{"kind":"definition","sha256":"x"}'], [0])
