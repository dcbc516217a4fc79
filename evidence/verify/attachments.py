"""The files attached to a pack, as they were signed.

- Read from the signed bytes alone: what an update appended or replaced later is not seen here.
- An attachment is what stands in the PDF's EmbeddedFiles name tree. A file hung elsewhere (an associated file, a
  file annotation) that is not in the tree is listed too, so that nothing goes unnamed.
- Sizes are bounded by pyHanko's limits for untrusted files: a decompression bomb is an error, not an outage.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from pyhanko.pdf_utils.generic import IndirectObject
from pyhanko.pdf_utils.reader import PdfFileReader

from evidence.verify.formats.errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_DEPTH = 16  # levels of a name tree; WeasyPrint makes one


def read_attachments(signed: bytes, reader: PdfFileReader | None = None) -> dict[str, bytes]:
    """The content of every attachment, by name.

    Args:
        signed: the signed bytes.
        reader: a reader of exactly these bytes, if there is one already.

    Raises:
        FormatError: the PDF's attachments cannot be read, or two have one name.
    """
    try:
        return _read(reader or PdfFileReader(io.BytesIO(signed)))
    except FormatError:
        raise
    except Exception as error:  # hostile bytes break a PDF reader in any way; all mean "unreadable"
        raise FormatError(f"the attachments cannot be read: {str(error) or type(error).__name__}") from error


def _read(reader: PdfFileReader) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    seen: set[Any] = set()
    for reference in _file_specifications(reader):
        identity = (reference.idnum, reference.generation) if isinstance(reference, IndirectObject) else id(reference)
        if identity in seen:
            continue
        seen.add(identity)
        specification = reference.get_object() if isinstance(reference, IndirectObject) else reference
        name = str(specification["/UF" if "/UF" in specification else "/F"])
        if name in found:
            raise FormatError(f"two attachments are named {name!r}")
        stream = specification["/EF"]["/F"]
        found[name] = stream.data if stream.encoded_data else b""  # an empty file may be stored without a zlib header
    return found


def _file_specifications(reader: PdfFileReader) -> Iterator[Any]:
    """Every file specification with content: name tree, associated files, file annotations; with repetitions."""
    if "/Names" in reader.root and "/EmbeddedFiles" in reader.root["/Names"]:
        yield from _leaves(reader.root["/Names"]["/EmbeddedFiles"], _MAX_DEPTH)
    yield from _elements(reader.root, "/AF")
    for index in range(reader.root["/Pages"]["/Count"]):
        page = reader.find_page_for_modification(index)[0].get_object()
        yield from _elements(page, "/AF")
        for annotation in (reference.get_object() for reference in _elements(page, "/Annots")):
            yield from _elements(annotation, "/AF")
            if "/FS" in annotation:
                yield annotation.raw_get("/FS")


def _leaves(node: Any, depth: int) -> Iterator[Any]:
    if depth == 0:
        raise FormatError("the tree of attachments is too deep")
    yield from _elements(node, "/Names")[1::2]  # name, file, name, file, …
    for child in _elements(node, "/Kids"):
        yield from _leaves(child.get_object(), depth - 1)


def _elements(owner: Any, key: str) -> list[Any]:
    """The array under `key`, its references not followed, for a reference is a file's identity."""
    if key not in owner:
        return []
    array = owner[key]
    return [array.raw_get(index) for index in range(len(array))]
