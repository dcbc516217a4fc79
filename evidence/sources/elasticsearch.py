"""Elasticsearch: audit records that were shipped to an ELK cluster, as a second source beside the primary one.

- A window is asked at a point in time, sorted by time, page by page with `search_after`: what arrives meanwhile moves
  nothing. Each page is kept as received; `_source` (best: `event.original`) holds the shipped record.
- The distinct documents received are reconciled with the total that Elasticsearch counts; fewer are a gap.
- A page from which a shard is missing is no whole answer. A point in time that expired is opened anew, from the start.
- An index keeps its documents `retention_days`; what of a window is older is a gap.

Example::

    elasticsearch:
      url: https://elk.example:9200
      api_key_from: ELASTIC_API_KEY            # left out: no authentication
      streams:
        github.audit_log: {index: logs-github.audit-*, retention_days: 365}
        vault.audit: {index: vault-*, retention_days: 90, time_field: event.created}
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NoReturn

import elastic_transport
import elasticsearch as official

from evidence.capture import Gap, Outcome, instant
from evidence.errors import ConfigError, SourceRejected
from evidence.sources._answers import UnusableError, facts, whole
from evidence.sources._patience import Patience, told_wait
from evidence.sources._settings import check_names, secret, text
from evidence.sources.base import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from evidence.capture import Window
    from evidence.sources.base import Keep, Source

NAME = "elasticsearch"
PATHS = ("ca_file",)
_DAY = timedelta(days=1)
_PRIMARIES = ("github.audit_log", "vault.audit", "kubernetes.audit")
_RESTARTS = 2
_ALIVE = "5m"


def stream_name(primary: str) -> str:
    """The stream of the shipped records of a primary stream: `vault.audit` gives `elasticsearch.vault_audit`."""
    return f"{NAME}.{primary.replace('.', '_')}"


STREAMS: tuple[Stream, ...] = tuple(
    Stream(stream_name(primary), "events", _DAY, rereads=(_DAY, 7 * _DAY, 10 * _DAY), second_source=primary)
    for primary in _PRIMARIES
)


@dataclass(frozen=True, slots=True)
class Shipped:
    """Where the records of one stream lie: index pattern, the field of their time, how long the index keeps them."""

    index: str
    time_field: str
    retention: timedelta


class Elasticsearch:
    """One cluster as a `Source`; `shipped` by stream; `page` documents are asked at once."""

    def __init__(
        self, client: official.Elasticsearch, shipped: Mapping[str, Shipped], patience: Patience, *, page: int = 1000
    ) -> None:
        self._client, self._shipped, self._patience, self._page = client, shipped, patience, page
        self.streams: tuple[Stream, ...] = tuple(stream for stream in STREAMS if stream.name in shipped)

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """See `evidence.sources.base.Source.collect`."""
        del cursor
        if stream not in self._shipped:
            raise ConfigError(f"elasticsearch is not set up for {stream!r}; it is for {', '.join(self._shipped)}")
        shipped = self._shipped[stream]
        total, received = self._read(shipped, window, keep)
        gaps = []
        if received < total:
            cause = f"{shipped.index}: Elasticsearch counts {total} documents, but gave {received}"
            gaps.append(Gap(window.start, window.end, cause))
        end = min(window.end, now - shipped.retention)
        if window.start < end:
            gaps.append(Gap(window.start, end, f"{shipped.index} keeps documents {shipped.retention.days} days"))
        return Outcome({}, {shipped.index: total}, tuple(gaps), complete=not gaps)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _read(self, shipped: Shipped, window: Window, keep: Keep) -> tuple[int, int]:
        """The total that Elasticsearch counts, and how many distinct documents it gave."""
        for attempt in range(_RESTARTS + 1):
            opened = partial(self._client.open_point_in_time, index=shipped.index, keep_alive=_ALIVE)
            point = self._ask(f"POST /{shipped.index}/_pit", opened)["id"]
            try:
                return self._pages(shipped, window, point, keep)
            except _ExpiredError:
                if attempt == _RESTARTS:
                    raise
            finally:
                self._forget(point)
        raise AssertionError("unreachable")  # pragma: no cover

    def _pages(self, shipped: Shipped, window: Window, point: str, keep: Keep) -> tuple[int, int]:
        received = set[tuple[str, str]]()
        after: list[Any] = []
        while True:
            query = _query(shipped, window, point, after, self._page)
            name = f"POST /_search?index={shipped.index}&{shipped.time_field}={_span(window)}&search_after={after}"
            value = self._ask(name, partial(self._client.search, **query), keep)
            point = value.get("pit_id", point)
            hits = value["hits"]["hits"]
            received |= {(hit["_index"], hit["_id"]) for hit in hits}
            if len(hits) < self._page:
                return int(value["hits"]["total"]["value"]), len(received)
            after = hits[-1]["sort"]

    def _ask(self, name: str, ask: Callable[[], object], keep: Keep | None = None) -> Any:
        """A whole answer, kept if `keep` is given."""
        failures: list[str] = []
        while True:
            try:
                return self._once(name, ask, failures, keep)
            except _ComeBackError as later:
                failures.append(later.cause)
                self._patience.wait(name, failures, later.told)

    def _once(self, name: str, ask: Callable[[], object], failures: list[str], keep: Keep | None) -> Any:
        try:
            ask()
        except (elastic_transport.SerializationError, official.UnsupportedProductError):
            pass  # a body that the client cannot read is kept, and judged below
        except elastic_transport.TransportError as error:
            raise _ComeBackError(type(error).__name__) from error
        except official.ApiError as error:
            _refuse(name, error)
        node = self._client.transport.node_pool.get()
        assert isinstance(node, _KeepingNode), "connect() made the client"
        noted = facts(node.status, node.kept_headers) | ({"retried": failures[:]} if failures else {})
        value, trouble = None, ""
        try:
            value = whole(node.body, None)
            _all_shards(value)
        except UnusableError as error:
            trouble = str(error)
        if keep:
            keep(node.body, request=name, response=noted | ({"unusable": trouble} if trouble else {}), context={})
        if trouble:
            raise _ComeBackError(trouble)
        return value

    def _forget(self, point: str) -> None:
        try:
            self._client.close_point_in_time(id=point)
        except (elastic_transport.TransportError, official.ApiError):
            return  # it expires by itself


class _ExpiredError(SourceRejected):
    """The point in time is gone."""


class _ComeBackError(Exception):
    """No whole answer; asking again may help."""

    def __init__(self, cause: str, told: float | None = None) -> None:
        super().__init__(cause)
        self.cause, self.told = cause, told


class _KeepingNode(elastic_transport.Urllib3HttpNode):
    """A connection that remembers the last body as it was received, before the client reads it."""

    def __init__(self, config: elastic_transport.NodeConfig) -> None:
        super().__init__(config)
        self.status, self.body, self.kept_headers = 0, b"", dict[str, str]()

    def perform_request(self, *args: Any, **named: Any) -> Any:
        """As the client's own, and remember."""
        answer = super().perform_request(*args, **named)
        self.status, self.body = answer.meta.status, answer.body
        self.kept_headers = _lower(answer.meta.headers)
        return answer


def connect(settings: Mapping[str, Any], environ: Mapping[str, str], *, patience: Patience | None = None) -> Source:
    """A source for these settings; nothing is asked yet."""
    check_names(NAME, settings, ("url", "api_key_from", "ca_file", "streams"))
    given = settings.get("streams")
    if not isinstance(given, dict) or not given or set(given) - set(_PRIMARIES):
        raise ConfigError(
            f"source elasticsearch: streams must map some of {', '.join(_PRIMARIES)} to their index, found {given!r}"
        )
    key = secret(NAME, text(NAME, settings, "api_key_from"), environ) if "api_key_from" in settings else None
    url = text(NAME, settings, "url")
    try:
        client = official.Elasticsearch(
            url,
            api_key=key,
            ca_certs=settings.get("ca_file", elastic_transport.client_utils.DEFAULT),
            node_class=_KeepingNode,
            max_retries=0,
            request_timeout=60,
        )
    except ValueError as error:
        raise ConfigError(f"source elasticsearch: url must be like https://HOST:9200, found {url!r}") from error
    shipped = {stream_name(primary): _shipped(primary, item) for primary, item in given.items()}
    return Elasticsearch(client, shipped, patience or Patience())


def _shipped(primary: str, item: Any) -> Shipped:
    where = f"elasticsearch.streams.{primary}"
    if not isinstance(item, dict):
        raise ConfigError(f"source {where}: must have index and retention_days, found {item!r}")
    check_names(where, item, ("index", "time_field", "retention_days"))
    days = item.get("retention_days")
    if not isinstance(days, int) or days <= 0:
        raise ConfigError(
            f"source {where}: retention_days must be a whole number of days, found {days!r}",
            next_step="Take it from the index's lifecycle policy.",
        )
    return Shipped(text(where, item, "index"), text(where, item, "time_field", "@timestamp"), timedelta(days=days))


def _query(shipped: Shipped, window: Window, point: str, after: list[Any], size: int) -> dict[str, Any]:
    """A page of the window; Elasticsearch adds its own tie-breaker to the sort of a point in time."""
    span = {"gte": instant(window.start), "lt": instant(window.end)}
    return {
        "pit": {"id": point, "keep_alive": _ALIVE},
        "size": size,
        "query": {"bool": {"filter": [{"range": {shipped.time_field: span}}]}},
        "sort": [{shipped.time_field: {"order": "asc", "format": "strict_date_optional_time_nanos"}}],
        "track_total_hits": True,
        **({"search_after": after} if after else {}),
    }


def _all_shards(value: Mapping[str, Any]) -> None:
    if value.get("timed_out") or value.get("_shards", {}).get("failed"):
        raise UnusableError(f"not all shards answered: {value.get('_shards')}, timed out: {value.get('timed_out')}")


def _refuse(name: str, error: official.ApiError) -> NoReturn:
    """Raise what an error answer means."""
    if error.status_code in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise SourceRejected(
            f"{name}: status {error.status_code}: it takes the index privileges read and view_index_metadata",
            next_step="Give the API key these privileges on the index, or renew it.",
        ) from error
    if error.status_code == HTTPStatus.NOT_FOUND and "search context" in str(error).lower():
        raise _ExpiredError(f"{name}: the point in time expired, again and again") from error
    if error.status_code == HTTPStatus.TOO_MANY_REQUESTS or error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise _ComeBackError(f"status {error.status_code}", told_wait(_lower(error.meta.headers))) from error
    raise SourceRejected(f"{name}: {error}", next_step="Check the index pattern and the time field.") from error


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _span(window: Window) -> str:
    return f"{instant(window.start)}..{instant(window.end)}"
