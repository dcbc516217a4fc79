"""How captures divide into records, for those who prove one of them: the same way as the tables number them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from warehouse.forms import Record, split
from warehouse.sheets import sheets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from evidence.settings import ProofSettings


def records_of(settings: ProofSettings, stream: str, *, imported: bool) -> Callable[[bytes], list[bytes]] | None:
    """A function that gives the records of a body of `stream`; None where the configuration wants no proofs of them."""
    wanted = settings.imported if imported else settings.collected
    return texts_of(stream) if wanted and stream not in settings.without else None


def texts_of(stream: str) -> Callable[[bytes], list[bytes]]:
    """A function that gives the texts of a body's records, by number; empty where one cannot be read."""
    sheet = sheets().get(stream)
    return partial(_texts, wrappers=sheet.items if sheet else ())


def _texts(body: bytes, *, wrappers: Sequence[str]) -> list[bytes]:
    return [part.text.encode() if isinstance(part, Record) else b"" for part in split(body, wrappers=wrappers)]
