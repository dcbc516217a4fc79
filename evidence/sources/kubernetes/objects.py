"""List and watch objects: pages by `continue`, then a bounded watch from the listing's resource version.

- 410 in the middle of a listing: the whole listing is asked again, from the latest state.
- A watch is kept as the lines that arrived, in pieces that end with a line; an unfinished last line is left to the next
  listing. Bookmarks are among the lines and are no records.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from evidence.errors import SourceUnavailable
from evidence.sources.kubernetes.client import ExpiredError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from evidence.sources.base import Keep
    from evidence.sources.kubernetes.client import Cluster

_RBAC = "/apis/rbac.authorization.k8s.io/v1"
EVENTS = ("/api/v1/{}events",)
PODS = ("/api/v1/{}pods",)
RBAC = (
    f"{_RBAC}/clusterroles",
    f"{_RBAC}/clusterrolebindings",
    f"{_RBAC}/{{}}roles",
    f"{_RBAC}/{{}}rolebindings",
)
_PAGE = 500
_RELISTS = 3
_PIECE = 8 * 1024 * 1024


def paths(patterns: tuple[str, ...], namespaces: tuple[str, ...]) -> list[str]:
    """The paths to list: of each namespace, or of all at once; cluster-wide kinds once."""
    places = [f"namespaces/{name}/" for name in namespaces] or [""]
    found = [pattern.format(place) for pattern in patterns for place in places]
    return list(dict.fromkeys(found))


def listed(cluster: Cluster, path: str, keep: Keep, context: Mapping[str, Any]) -> str:
    """List every page; the resource version of the listing."""
    for _ in range(_RELISTS):
        try:
            token = ""
            while True:
                query = {"limit": _PAGE} | ({"continue": token} if token else {})
                metadata = cluster.get(path, query, keep, context).get("metadata", {})
                token = metadata.get("continue") or ""
                if not token:
                    return str(metadata.get("resourceVersion", ""))
        except ExpiredError:
            continue
    raise SourceUnavailable(
        f"GET {path}: the listing expired {_RELISTS} times before its last page (410)",
        next_step="Run again when the API server is less busy.",
    )


def watched(cluster: Cluster, path: str, version: str, keep: Keep, *, seconds: int) -> None:
    """Keep what happens in the next `seconds`; ends early if the version is too old already."""
    query = {"watch": "true", "resourceVersion": version, "allowWatchBookmarks": "true"}
    pending, piece = b"", b""

    def flush() -> None:
        nonlocal piece
        if piece:
            request = f"GET {path}?watch=true&resourceVersion={version}"
            keep(piece, request=request, response={"status": 200}, context={})
        piece = b""

    try:
        for block in cluster.stream(path, query, seconds=seconds):
            pending += block
            end = pending.rfind(b"\n") + 1
            piece, pending = piece + pending[:end], pending[end:]
            if len(piece) >= _PIECE:
                flush()
    except ExpiredError:
        pass  # nothing is lost: the next collection lists again
    flush()
