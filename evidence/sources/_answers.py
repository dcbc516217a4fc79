"""What is noted of an HTTP answer, and whether a body is a whole JSON answer at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from evidence.capture import KEPT_HEADERS

if TYPE_CHECKING:
    from collections.abc import Mapping


class UnusableError(Exception):
    """A body is not the whole answer that was asked for; the text says why. Never leaves this package."""


def facts(status: int, headers: Mapping[str, str]) -> dict[str, Any]:
    """The status and the headers that a sighting keeps; `headers` have lower-case names."""
    return {"status": status, **{name: headers[name] for name in KEPT_HEADERS if name in headers}}


def whole(body: bytes, items: str | None) -> Any:
    """The parsed body, if it is whole JSON of the expected outer shape.

    Args:
        items: "" if a list is expected, a key if an object is whose key holds the list, None for any object.

    Raises:
        UnusableError: if it is empty, HTML, cut off, or of another shape.
    """
    if not body.strip():
        raise UnusableError("the body is empty")
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        kind = "HTML" if body.lstrip()[:1] == b"<" else "no whole JSON"
        raise UnusableError(f"the body is {kind} ({len(body)} bytes: {error})") from error
    listed = value if items == "" else value.get(items, "") if items and isinstance(value, dict) else []
    listed = [] if listed is None else listed  # Go writes an empty list as null
    if not isinstance(listed, list) or (items != "" and not isinstance(value, dict)):
        raise UnusableError(f"the body is not {'a list' if not items else f'an object with a list {items!r}'}")
    return value
