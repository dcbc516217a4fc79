"""One collection from GitHub: questions asked page by page, every answer kept before it is read.

- One question is asked until it has a whole answer, is refused, or patience ends (evidence.sources._patience).
- An answer that we had before is asked for with its ETag; 304 notes the earlier capture as seen again.
- What one collection learnt (ETags, listings) is remembered only when it ended well.
- A cursor that GitHub no longer knows restarts the listing; whoever reads the pages counts a record once.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode

from evidence.capture import instant
from evidence.errors import SourceUnavailable, StoreError
from evidence.sources._answers import UnusableError, facts, whole
from evidence.sources._patience import told_wait
from evidence.sources.github.refusal import CursorExpiredError, graphql_trouble, next_path, refusal, wants_us_back
from evidence.sources.github.wire import ComeBackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime

    from evidence.capture import Gap, Window
    from evidence.sources._patience import Patience
    from evidence.sources.base import Keep
    from evidence.sources.github.settings import Scope
    from evidence.sources.github.wire import Answer, Wire

_RESTARTS = 2
_REDIRECTS = 3
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask.

    Attributes:
        path: path and query, relative to the API's root.
        need: the permission that it takes, for the message when GitHub refuses.
        items: "" if a list is expected, the key of the list in an object, None for an object.
        context: what the capture's metadata says beside the path.
        absent: beginnings of the message of a 404 that is an answer, not a refusal.
        query, variables: a GraphQL query instead of a GET.
        page: position in a listing, from 0.
    """

    path: str
    need: str
    items: str | None = None
    context: Mapping[str, Any] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    query: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    page: int = 0

    @property
    def name(self) -> str:
        """How sightings and messages call it."""
        return f"{'POST' if self.query else 'GET'} {self.path}"


class Page(NamedTuple):
    """A whole answer: its parsed value, the records listed in it, its status and the path of the next page."""

    value: Any
    items: list[Any]
    status: int
    next: str


class Seen(NamedTuple):
    """An answer that we had: its ETag, its capture and the path of its next page."""

    etag: str
    capture: str
    next: str


@dataclass(slots=True)
class Memory:
    """What a source remembers between collections: answers by path, and listings that several streams need."""

    seen: dict[str, Seen] = field(default_factory=dict)
    listings: dict[tuple[Any, ...], tuple[Any, set[str]]] = field(default_factory=dict)

    def learn(self, seen: Mapping[str, Seen]) -> None:
        """Take over what a collection saw; the oldest is forgotten beyond a bound."""
        self.seen.update(seen)
        for path in list(self.seen)[: max(0, len(self.seen) - _REMEMBERED)]:
            del self.seen[path]


class Inquiry:
    """One collection of one stream and window.

    Attributes:
        scope, stream, window, now: what is asked, and when.
        totals, gaps: what the outcome will say.
        seen: answers of this collection, by path.
    """

    def __init__(
        self, wire: Wire, patience: Patience, memory: Memory, *, scope: Scope, stream: str, window: Window,
        now: datetime, keep: Keep,
    ) -> None:  # fmt: skip
        self._wire, self._patience, self._memory, self._keep = wire, patience, memory, keep
        self.scope, self.stream, self.window, self.now = scope, stream, window, now
        self.totals: dict[str, int] = {}
        self.gaps: list[Gap] = []
        self.seen: dict[str, Seen] = {}

    @property
    def as_of(self) -> dict[str, str]:
        """The context that stamps a snapshot."""
        return {"_as_of": instant(self.now)}

    def ask(self, question: Question) -> Page:
        """A whole answer.

        Raises:
            SourceRejected: if GitHub refuses.
            SourceUnavailable: if it gives no whole answer in the attempts allowed.
        """
        failures: list[str] = []
        while True:
            try:
                return self._once(question, failures)
            except ComeBackError as later:
                failures.append(later.cause)
                self._patience.wait(question.name, failures, later.told)

    def pages(self, question: Question) -> Iterator[Page]:
        """The pages of a listing; from the first one again if its cursor expires."""
        restarts, path, visited = 0, question.path, set[str]()
        while path:
            if path in visited:
                raise SourceUnavailable(f"{question.name}: the next link leads back to {path}: paging would not end")
            visited.add(path)
            try:
                page = self.ask(replace(question, path=path, page=len(visited) - 1))
            except CursorExpiredError:
                restarts += 1
                if restarts > _RESTARTS:
                    raise
                path = question.path
                visited.clear()
                continue
            yield page
            path = page.next

    def shared(self, key: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """What `make` lists, or what another stream listed under `key`; a stream that asks twice lists anew."""
        held, users = self._memory.listings.get(key, (None, {self.stream}))
        if self.stream in users:
            held, users = make(), set()
        self._memory.listings[key] = (held, users | {self.stream})
        return held

    def fill(self, key: tuple[Any, ...], listing: Any) -> None:
        """Offer a listing that this stream made anyway to the other streams."""
        self._memory.listings[key] = (listing, {self.stream})

    def recall(self, seen: Mapping[str, Any]) -> None:
        """Remember answers that a cursor names."""
        self._memory.learn({path: Seen(*entry) for path, entry in seen.items()})

    def learnt(self) -> dict[str, list[str]]:
        """The answers of this collection that can be asked for with an ETag next time, for the cursor."""
        return {path: list(entry) for path, entry in self.seen.items() if entry.etag}

    def succeed(self) -> None:
        """The collection ended well: remember what it saw."""
        self._memory.learn({path: entry for path, entry in self.seen.items() if entry.etag})

    def _once(self, question: Question, failures: list[str]) -> Page:
        known = self.seen.get(question.path) or self._memory.seen.get(question.path)
        answer = self._exchange(question, known.etag if known else "")
        cause = wants_us_back(answer)
        if cause:
            raise ComeBackError(cause, told_wait(answer.headers))
        noted = facts(answer.status, answer.headers) | ({"retried": list(failures)} if failures else {})
        if answer.status == HTTPStatus.NOT_MODIFIED and known:
            return self._unchanged(question, known, noted)
        refused = refusal(question, answer)
        if refused:
            raise refused
        return self._taken(question, answer, noted)

    def _taken(self, question: Question, answer: Answer, noted: dict[str, Any]) -> Page:
        trouble, value = "", None
        try:
            value = whole(answer.body, question.items if answer.status == HTTPStatus.OK else None)
            trouble = graphql_trouble(question, value) if question.query else ""
        except UnusableError as error:
            trouble = str(error)
        if trouble:
            noted["unusable"] = trouble
        sighting = self._keep(answer.body, request=question.name, response=noted, context=question.context)
        if trouble:
            raise ComeBackError(trouble)
        following = next_path(answer.headers.get("link", ""), self._wire.prefix)
        self.seen[question.path] = Seen(answer.headers.get("etag", ""), sighting.capture, following)
        return _page(question, value, answer.status, following)

    def _unchanged(self, question: Question, known: Seen, noted: dict[str, Any]) -> Page:
        try:
            body = self._keep.body(known.capture)
        except StoreError as error:  # another store than the one we remember: ask without the ETag
            self.seen[question.path] = known._replace(etag="")
            raise ComeBackError("304 for a body that is not in this store") from error
        self._keep.unchanged(known.capture, request=question.name, response=noted, context=question.context)
        self.seen[question.path] = known
        return _page(question, whole(body, question.items), HTTPStatus.OK, known.next)

    def _exchange(self, question: Question, etag: str) -> Answer:
        if question.query:
            return self._wire.graphql(question.query, question.variables)
        path = question.path
        for _ in range(_REDIRECTS):
            answer = self._wire.get(path, etag=etag)
            if answer.status not in {301, 302, 307, 308}:
                return answer
            path = self._wire.same_host(answer.headers.get("location", ""))
        raise ComeBackError(f"more than {_REDIRECTS} redirects")


def _page(question: Question, value: Any, status: int, following: str) -> Page:
    if status != HTTPStatus.OK or question.items is None:
        return Page(value, [], status, following)
    return Page(value, value if question.items == "" else value[question.items] or [], status, following)


def path(*parts: str | int, **query: str | int) -> str:
    """`/a/b?x=1` from its parts; parameters in alphabetical order, as PyGithub sends them."""
    base = "/" + "/".join(str(part) for part in parts)
    return f"{base}?{urlencode(sorted(query.items()))}" if query else base
