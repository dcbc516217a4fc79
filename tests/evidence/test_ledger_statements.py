"""Statements: one canonical form, and who made them with what."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest

from evidence.canonical import canonical
from evidence.ledger import statements
from evidence.ledger.batches import check_statement

DIGEST = "ab" * 32
CODE = statements.CodeIdentity("1" * 40, tree_clean=True, lock_sha256=DIGEST)
NOW = datetime(2026, 7, 1, 8, 0, tzinfo=timezone(timedelta(hours=2)))

EXAMPLES = [
    statements.Plan("2026Q3", NOW, NOW + timedelta(days=1), ("github.reviews",), "daily", 26),
    statements.Definition("CC-01", DIGEST, (DIGEST,), NOW),
    statements.Parameters(DIGEST, NOW),
    statements.Assessment("CC-01", NOW, NOW, "EFFECTIVE", DIGEST, DIGEST, "17", DIGEST, {"A": {"PASS": 3}}),
    statements.Pack("2026-Q3", NOW, NOW, DIGEST, DIGEST),
    statements.Waiver("W-1", "CC-01", ("x",), "reason", "somebody", NOW, NOW),
    statements.Decision("2026Q3", "system", "x/y", "deficiency", DIGEST, "deficiency", "somebody", "reason"),
    statements.Sample("2026-Q3", "CC-01", "things", DIGEST, DIGEST, 7),
    statements.Hold("H-1", "captures/", placed=True, by="counsel", reason="litigation"),
    statements.Key("introduced", "vkey", NOW),
    statements.Access("auditor", "portal", "packs/2026-Q3"),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.kind)
def test_every_kind_is_a_leaf(example: statements.Statement) -> None:
    """Every kind encodes to a canonical leaf with its kind, time in UTC and code; absent fields are absent."""
    data = example.encode(NOW, CODE)
    check_statement(data)
    value = json.loads(data)

    assert value["kind"] == example.kind
    assert value["version"] == 1
    assert value["at"] == "2026-07-01T06:00:00Z"
    assert value["code"] == {"commit": "1" * 40, "lock_sha256": DIGEST, "tree_clean": True}
    assert None not in value.values()


def test_refusals() -> None:
    """What would be ambiguous, unreadable or too long is refused with what is valid."""
    with pytest.raises(ValueError, match="kind 'gossip'; valid: access"):
        statements.statement("gossip", {}, now=NOW, code=CODE)
    with pytest.raises(ValueError, match="may not set at, code"):
        statements.statement("plan", {"code": 1, "at": 2}, now=NOW, code=CODE)
    with pytest.raises(ValueError, match="no floats"):
        statements.statement("plan", {"x": 1.5}, now=NOW, code=CODE)
    with pytest.raises(ValueError, match="no time zone"):
        statements.statement("plan", {}, now=datetime(2026, 7, 1), code=CODE)  # noqa: DTZ001 - the case tested
    with pytest.raises(ValueError, match="state a digest instead"):
        statements.statement("plan", {"x": "y" * 65_536}, now=NOW, code=CODE)
    with pytest.raises(ValueError, match="not a full lower-case git commit"):
        statements.CodeIdentity("abc123", tree_clean=True, lock_sha256=DIGEST)
    with pytest.raises(ValueError, match="sha256 'AB' is not"):
        statements.Parameters("AB", NOW)
    with pytest.raises(ValueError, match="query_sha256 'x' is not"):
        statements.Definition("CC-01", DIGEST, ("x",), NOW)


def test_receipts_are_logged_byte_for_byte() -> None:
    """A receipt's bytes are the leaf; anything else is refused as one."""
    data = canonical({"kind": "receipt", "stream": "github.reviews"})

    assert statements.receipt(data) == data
    with pytest.raises(ValueError, match="a receipt is"):
        statements.receipt(canonical({"kind": "plan"}))


def test_time_is_utc() -> None:
    """Times are stated in UTC whatever zone they came in."""
    assert statements.utc(NOW) == statements.utc(NOW.astimezone(UTC)) == "2026-07-01T06:00:00Z"
