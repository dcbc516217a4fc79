"""Spoils records of real files in the ways that files are spoilt, the same for the same seed.

- A record is spoilt in its bytes (flipped, cut, doubled, dropped), in its values (another type, zero, beyond 2^53, a
  NUL, a lone surrogate) or in its structure (a quote or brace more or less).
- The records then go into a file of any form that real exports have, and some files are cut off, packed or damaged.
"""

from __future__ import annotations

import csv
import gzip
import re
from typing import TYPE_CHECKING

import pyarrow as pa

from warehouse.forms import Record, split
from warehouse.sheets import sheets

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from pathlib import Path

LARGEST = 20_000  # bytes of a record that is taken as a model
_VALUES = (
    b"null", b'""', b"0", b"-1", b"true", b"[]", b"{}", b"9007199254740993", b"123456789012345678901234567890",
    b"1e999", b'"\\u0000"', b'"\\ud800"', b'"0001-01-01T00:00:00Z"', b'"9999-12-31T23:59:59.999999999+14:00"',
    b'"infinity"', b'"\xf0\x9f\x92\xa9"', b"NaN", b'{"a":{"a":{"a":[[[]]]}}}', b'"' + b"x" * 3_000 + b'"', b"\xff",
    b"'", b'"', b"}", b",",
)  # fmt: skip
_VALUE = re.compile(rb'(?<=[:,\[])\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*|true|false|null)')


def models(folder: Path) -> dict[str, list[bytes]]:
    """Stream -> the texts of its recorded records, as they stand in the files of `folder`."""
    found: dict[str, list[bytes]] = {}
    with (folder / "files.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["stream"] in sheets():
                parts = split((folder / row["file"]).read_bytes(), wrappers=sheets()[row["stream"]].items)
                texts = (part.text.encode("utf-8", "replace") for part in parts if isinstance(part, Record))
                found.setdefault(row["stream"], []).extend(text for text in texts if 0 < len(text) <= LARGEST)
    return {stream: texts for stream, texts in found.items() if texts}


def spoilt(record: bytes, dice: random.Random) -> bytes:
    """A record with one to three faults."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        if not record:
            break
        at = dice.randrange(len(record))
        match dice.randrange(7):
            case 0:
                record = record[:at] + bytes((record[at] ^ 1 << dice.randrange(8),)) + record[at + 1 :]
            case 1:
                record = record[:at] + record[at + dice.randrange(1, 20) :]
            case 2:
                record = record[:at] + record[max(0, at - dice.randrange(1, 40)) : at] + record[at:]
            case 3:
                record = record[:at]
            case 4:
                record = record[:at] + dice.choice(_VALUES) + record[at:]
            case _:
                record = _revalued(record, dice)
    return record


def _revalued(record: bytes, dice: random.Random) -> bytes:
    """Another value in the place of one of the record's own."""
    places = list(_VALUE.finditer(record))
    if not places:
        return record
    place = dice.choice(places)
    return record[: place.start(1)] + dice.choice(_VALUES) + record[place.end(1) :]


def filed(records: Sequence[bytes], wrapper: str, dice: random.Random) -> bytes:
    """A file with these records in one of the forms that exports have, now and then damaged as a whole."""
    lines = b"\n".join(records) + b"\n"
    forms = [lines, lines, lines, lines[:-1], lines.replace(b"\n", b"\r\n"), b"\xef\xbb\xbf" + lines]
    forms += [b"[" + b",\n".join(records) + b"]", b"\n\n".join(records)]
    if wrapper and "." not in wrapper:
        forms.append(b'{"' + wrapper.encode() + b'": [' + b", ".join(records) + b"]}")
    data = dice.choice(forms)
    match dice.randrange(12):
        case 0:
            data = gzip.compress(data, 1)
        case 1:
            data = pa.compress(data, "zstd", asbytes=True)
        case 2:
            data = gzip.compress(data, 1)[: -dice.randrange(1, 30)]
        case 3:
            data = data[: dice.randrange(len(data))]
        case _:
            pass
    return data
