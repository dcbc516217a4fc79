"""How GitHub cuts lists into pages: by page number or by cursor, with Link headers."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from demo.systems import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from demo.systems import Request

Fact = TypeVar("Fact")

_MOST = 100
_DEFAULT = 30


def page_size(request: Request) -> int:
    """The asked page size, within 1 to 100."""
    asked = request.query.get("per_page", "")
    return min(max(int(asked), 1), _MOST) if asked.isdigit() else _DEFAULT


def tagged(body: bytes, **headers: str) -> Response:
    """An answer with the ETag of its body."""
    tag = hashlib.blake2b(body, digest_size=20).hexdigest()
    return Response(200, body, {"ETag": f'W/"{tag}"', **headers})


def numbered(request: Request, facts: Sequence[Fact], render: Callable[[Fact], bytes], wrapper: str = "") -> Response:
    """The asked page of all facts, by page number.

    `wrapper` names the array inside an object that also has the total count; "" answers the bare array.
    """
    size = page_size(request)
    asked = request.query.get("page", "1")
    page = max(int(asked), 1) if asked.isdigit() else 1
    last = max(1, -(-len(facts) // size))
    body = _array(facts[(page - 1) * size : page * size], render)
    if wrapper:
        body = b'{"total_count":%d,"%b":%b}' % (len(facts), wrapper.encode(), body)
    links = []
    if page > 1:
        links += [("prev", page - 1), ("first", 1)]
    if page < last:
        links += [("next", page + 1), ("last", last)]
    return tagged(body, **_link(request, [(rel, {"page": str(n)}) for rel, n in links]))


def by_cursor(
    request: Request, facts: Sequence[Fact], render: Callable[[Fact], bytes], key: Callable[[Fact], str]
) -> Response:
    """The page after or before the fact that the cursor names; cursors stay valid while facts are added."""
    size = page_size(request)
    first = 0
    if after := _position(request.query.get("after", ""), facts, key):
        first = after
    elif before := _position(request.query.get("before", ""), facts, key):
        first = max(0, before - 1 - size)
    page = facts[first : first + size]
    links = []
    if first + size < len(facts):
        links.append(("next", {"after": _cursor(key(page[-1])), "before": ""}))
    if first > 0 and page:
        links.append(("prev", {"after": "", "before": _cursor(key(page[0]))}))
    return tagged(_array(page, render), **_link(request, links))


def _array(facts: Sequence[Fact], render: Callable[[Fact], bytes]) -> bytes:
    return b"[" + b",".join([render(f) for f in facts]) + b"]"


def _cursor(key: str) -> str:
    return base64.b64encode(f"cursor:{key}".encode()).decode()


def _position(cursor: str, facts: Sequence[Fact], key: Callable[[Fact], str]) -> int:
    """One more than the index of the fact that a cursor names; 0 where it names none."""
    try:
        wanted = base64.b64decode(cursor, validate=True).decode().removeprefix("cursor:")
    except (binascii.Error, UnicodeDecodeError):
        return 0
    return next((n for n, fact in enumerate(facts, 1) if key(fact) == wanted), 0)


def _link(request: Request, links: list[tuple[str, dict[str, str]]]) -> dict[str, str]:
    if not links:
        return {}
    parts = []
    for rel, changed in links:
        query = urlencode({**request.query, **changed})
        parts.append(f'<{request.base_url}{request.path}?{query}>; rel="{rel}"')
    return {"Link": ", ".join(parts)}
