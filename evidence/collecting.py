"""Ask every source for every stream and day that is due: first reads, and the planned re-reads for late arrivals.

- A day is due when it has ended; its window is the company's calendar day.
- One stream that fails does not hold up the others; what failed is raised together at the end, retryable if all is.
- A day on which nothing was received and something failed is the last one that is asked: a system that does not answer,
  or refuses us, is not asked a quarter long.
- A locker that fails ends the collection: nothing more could be kept. What was received before is returned with the
  failure, so that it is published all the same.
- What was received whole is not asked again, so that a second call with nothing new asks nothing.
- A day that was missed is made up for: what was not asked since the last day that was is asked first, the oldest first.
- A snapshot cannot be made up for: once the next day's is due, the day has a gap, and nothing is asked.
- A re-read that is due is left out if the window was asked at or after that time anyway, as when old days are made up
  for: it could bring nothing that the later look did not.
"""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Protocol
from zoneinfo import ZoneInfo

from evidence.capture import Gap, Outcome, Window
from evidence.errors import ConfigError, EvidenceError, IntegrityError, SourceRejected, SourceUnavailable, StoreError
from evidence.freshness import CADENCE, window_of
from evidence.periods import midnight
from evidence.sources._settings import anchored
from evidence.sources.registry import connector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from evidence.config import Config
    from evidence.custody import Custody, Receipt
    from evidence.sources.base import Keep, Source, Stream

_SHOWN = 5  # failures that a message tells in full
COLLECTION_TIME = time(6, 0)  # local; a simulated company is asked for a day at this time of the next day


class Clock(Protocol):
    """Tells when a day of a system is collected."""

    def at(self, system: str, day: date) -> datetime:
        """The time of asking `system` for local day `day`."""
        ...

    def time_of(self, day: date) -> datetime:
        """The same time, for planning: nothing is asked or moved."""
        ...


@dataclass(frozen=True, slots=True)
class WallClock:
    """The real clock, read by the outermost layer once per run."""

    now: datetime

    def at(self, system: str, day: date) -> datetime:  # noqa: ARG002 - the protocol's parameters
        """Now, whatever the day."""
        return self.now

    def time_of(self, day: date) -> datetime:  # noqa: ARG002 - the protocol's parameters
        """Now, whatever the day."""
        return self.now


@dataclass(frozen=True, slots=True)
class SimulatedClock:
    """A simulated company's clock: told for each system how far its time has come.

    Attributes:
        url: where the clock is set.
        zone: the company's zone.
    """

    url: str
    zone: str

    def at(self, system: str, day: date) -> datetime:
        """Move `system` to the morning after `day`, and give that instant."""
        moment = self.time_of(day)
        body = json.dumps({"system": system, "now": moment.isoformat()}).encode()
        request = urllib.request.Request(  # noqa: S310 - a loopback URL of the configuration
            self.url, data=body, headers={"content-type": "application/json"}, method="POST"
        )
        try:
            with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - as above
                return moment
        except OSError as error:
            raise SourceUnavailable(
                f"the simulated company's clock at {self.url} does not answer: {error}",
                next_step="Start the simulated company with `evidence demo`.",
            ) from error

    def time_of(self, day: date) -> datetime:
        """The morning after `day`."""
        morning = datetime.combine(day + timedelta(days=1), COLLECTION_TIME, tzinfo=ZoneInfo(self.zone))
        return morning.astimezone(UTC)


def clock_of(config: Config, *, now: datetime) -> Clock:
    """The clock that collections go by: the simulated company's if the configuration names one, else the real one."""
    url = config.clock.simulated
    return SimulatedClock(url, config.zone) if url else WallClock(now)


@dataclass(slots=True)
class Collected:
    """What one call of `collect` did: receipts written or found, and what failed."""

    receipts: list[Receipt] = field(default_factory=list)
    failures: list[EvidenceError] = field(default_factory=list)

    def raise_failures(self) -> None:
        """Raise what failed as one error: `SourceUnavailable` if trying again may help with all of it.

        A failure of the locker is raised as it is.
        """
        if not self.failures:
            return
        for failure in self.failures:
            if isinstance(failure, StoreError | IntegrityError):
                raise failure
        told = list(dict.fromkeys(str(f) for f in self.failures))
        more = [f"and {len(told) - _SHOWN} more of {len(self.failures)} failures"] if len(told) > _SHOWN else []
        message = "\n".join([*told[:_SHOWN], *more])
        steps = " ".join(dict.fromkeys(f.next_step for f in self.failures if f.next_step))
        kind = SourceUnavailable if all(f.retryable for f in self.failures) else SourceRejected
        raise kind(message, next_step=steps) from self.failures[0]


def open_source(
    system: str, settings: Mapping[str, Any], environ: Mapping[str, str], root: Path | None = None
) -> Source:
    """Open one configured source; nothing is asked yet.

    Args:
        root: the folder that relative paths among the settings start in; None for the working directory.

    Raises:
        ConfigError: a source that nobody wrote, with the ones there are, or settings that the source refuses.
    """
    module = connector(system)
    paths: tuple[str, ...] = getattr(module, "PATHS", ())
    return module.connect(settings if root is None else anchored(settings, paths, root), environ)


def collect(
    custody: Custody,
    system: str,
    source: Source,
    days: Iterable[date],
    *,
    clock: Clock,
    zone: str,
    streams: Sequence[str] | None = None,
    progress: Callable[[date], None] | None = None,
) -> Collected:
    """Collect the streams of one system for local days, in order, with the re-reads that became due.

    Args:
        streams: full names; None for all that the source has.
        progress: told each day when it is done.

    Raises:
        ConfigError: a stream that the system does not have.
    """
    chosen = _chosen(system, source, streams)
    done = Collected()
    for day in days:
        now = clock.at(system, day)
        if now < midnight(day + timedelta(days=1), zone):
            continue
        answered, failed = False, len(done.failures)
        for stream in chosen:
            for window, read in _due(custody, stream, day, zone, now):
                asked = source if _can_be_had(stream, window, now) else _Gone((stream,))
                try:
                    done.receipts.append(custody.collect(asked, stream.name, window, now=now, read=read))
                    answered |= asked is source
                except (SourceUnavailable, SourceRejected) as error:
                    done.failures.append(error)
                except (StoreError, IntegrityError) as error:
                    done.failures.append(error)
                    return done
        if progress:
            progress(day)
        if not answered and len(done.failures) > failed:
            break  # unreachable or refusing: the next day's attempts would tell the same
    return done


def _chosen(system: str, source: Source, streams: Sequence[str] | None) -> list[Stream]:
    """The source's streams among `streams`: a source may be set up for fewer than its system has."""
    known = {stream.name for stream in (*source.streams, *connector(system).STREAMS)} if streams else set()
    if unknown := sorted(set(streams or ()) - known):
        raise ConfigError(
            f"{system} has no stream {unknown[0]!r}; it has {', '.join(sorted(known))}",
            next_step="Write the stream's full name.",
        )
    return [stream for stream in source.streams if streams is None or stream.name in streams]


def _due(custody: Custody, stream: Stream, day: date, zone: str, now: datetime) -> Iterable[tuple[Window, int]]:
    """The day's first read, and the re-reads of it and of earlier days that have come due.

    Those that were done are among them: a crash may have come between their receipt and the ledger.
    """
    for missed in _missed(custody, stream, day, zone):
        yield missed, 0
    yield day_window(day, zone), 0
    if not stream.rereads:
        return
    for back in range(max(stream.rereads).days + 2):  # the day after the last one is due is asked too
        window = day_window(day - timedelta(days=back), zone)
        for read, after in enumerate(stream.rereads, start=1):
            due = window.end + after
            if due > now or not custody.holds(stream.name, window):
                continue
            if custody.attempts(stream.name, window, read) or not _looked(custody, stream, window, due):
                yield window, read


def _missed(custody: Custody, stream: Stream, day: date, zone: str) -> list[Window]:
    """The windows between the last one before `day` that was received and `day`; none if none was received before."""
    if custody.holds(stream.name, day_window(day - timedelta(days=1), zone)):
        return []
    begin = midnight(day, zone)
    first_reads = [receipt for receipt in custody.receipts(stream.name) if receipt.first_read and receipt.final]
    ends = [end for _, end in map(window_of, first_reads) if end <= begin]
    if not ends:
        return []
    reached = max(ends).astimezone(ZoneInfo(zone)).date()
    return [day_window(reached + timedelta(days=n), zone) for n in range((day - reached).days)]


def _can_be_had(stream: Stream, window: Window, now: datetime) -> bool:
    """Whether asking now can bring what the window is about."""
    return stream.kind != "snapshot" or now - window.end < CADENCE


@dataclass(slots=True)
class _Gone:
    """In place of a source: what is over and cannot be asked for."""

    streams: tuple[Stream, ...]

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """A gap over the window; the cursor stays where it is."""
        del stream, keep
        late = round((now - window.end) / timedelta(hours=1))
        cause = f"a past state cannot be had: it was asked for {late} hours after the day had ended"
        gap = Gap(window.start, window.end, cause, self.streams[0].second_source)
        return Outcome(cursor, {}, (gap,), complete=False)

    def close(self) -> None:
        """Nothing is open."""


def _looked(custody: Custody, stream: Stream, window: Window, due: datetime) -> bool:
    """Whether the window was asked, with success, when that re-read was due or later."""
    reads = range(len(stream.rereads) + 1)
    looks = (receipt for read in reads for receipt in custody.attempts(stream.name, window, read))
    return any(receipt.final and receipt.asked_at >= due for receipt in looks)


def first_outstanding(
    custody: Custody, streams: Iterable[Stream], days: Iterable[date], *, clock: Clock, zone: str
) -> date | None:
    """The first of `days` on which something is due that is not held yet; None if nothing is."""
    asked = list(streams)
    for day in days:
        now = clock.time_of(day)
        if now < midnight(day + timedelta(days=1), zone):
            continue
        for stream in asked:
            for window, read in _due(custody, stream, day, zone, now):
                if not custody.holds(stream.name, window, read=read):
                    return day
    return None


def day_window(day: date, zone: str) -> Window:
    """The window of one calendar day of the company."""
    return Window(midnight(day, zone), midnight(day + timedelta(days=1), zone))
