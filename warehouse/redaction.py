"""The redaction key: secrets in records become keyed hashes, the same for the same secret within one home.

- HMAC-SHA256, so that nobody without the key can try guesses; the key never leaves the home and is in no pack.
- The key lies beside the lake, not in it: tables that are deleted and rebuilt get the same hashes again.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

_BLOCK = 64  # bytes of a SHA-256 block


def redaction_key(folder: Path) -> bytes:
    """The key of the home that `folder` belongs to; made, readable by its owner alone, if there is none yet."""
    path = folder / "redaction.key"
    try:
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return bytes.fromhex(path.read_text(encoding="ascii"))
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return bytes.fromhex(path.read_text(encoding="ascii"))


def use_key(con: duckdb.DuckDBPyConnection, key: bytes) -> None:
    """Give the macro `keyed_hash` its key: the two padded halves of RFC 2104."""
    padded = key.ljust(_BLOCK, b"\0")
    for name, pad in (("redaction_inner", 0x36), ("redaction_outer", 0x5C)):
        con.execute(f"SET VARIABLE {name} = $half::BLOB", {"half": bytes(b ^ pad for b in padded)})
