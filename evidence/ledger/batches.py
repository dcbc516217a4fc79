"""Appends as the store keeps them: what may be a statement, how many go into one object, under which key."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from evidence.canonical import canonical
from evidence.ledger.tiles import MAX_ENTRY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PREFIX = "ledger/batch/"
_ENTRIES = 16_384  # in one batch, at most
_BYTES = 16 * 2**20  # in one batch, as soon as it has them


def batch_key(first: int) -> str:
    """Where the batch lies whose first statement has index `first`."""
    return f"{PREFIX}{first:012d}"


def check_statement(statement: bytes) -> None:
    """`ValueError` unless `statement` is canonical JSON that fits an entry bundle."""
    if not 0 < len(statement) <= MAX_ENTRY:
        raise ValueError(f"a statement of {len(statement)} bytes; valid: 1 to {MAX_ENTRY}")
    try:
        again = canonical(json.loads(statement))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"statement {statement[:80]!r} is not canonical JSON: {error}") from error
    if again != statement:
        raise ValueError(f"statement {statement[:80]!r} is not in canonical form (RFC 8785)")


def batches(statements: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Cut an append into batches of bounded size."""
    start = size = 0
    for position, statement in enumerate(statements):
        if position - start == _ENTRIES or size >= _BYTES:
            yield statements[start:position]
            start, size = position, 0
        size += len(statement)
    if start < len(statements):
        yield statements[start:]
