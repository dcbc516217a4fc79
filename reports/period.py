"""Test, measure and publish one period of a home: what the quarter's job, `evidence test` and `evidence pack` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controls import engine, scope
from controls.definitions import catalogue
from reports import assessment
from reports.dora.warehouse import of_period
from reports.kept import keep_metrics, keep_results
from reports.pack.attach import TABLES
from reports.pack.build import Published, publish
from reports.pack.sections import sections
from reports.pack.signers import load_signers
from reports.unchanged import inputs_sha256, note, noted

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import duckdb

    from controls.definitions import Control
    from controls.results import ControlResult
    from evidence.ledger.statements import CodeIdentity
    from evidence.periods import Period
    from reports.dora.metrics import Metrics
    from warehouse.home import Home

_RESULTS, _PACK = "results", "pack"


def ask(
    home: Home, con: duckdb.DuckDBPyConnection, controls: Iterable[Control], period: Period, *, now: datetime
) -> list[ControlResult]:
    """What `controls` find about `period` as known at its freeze, or now; nothing is kept.

    Args:
        con: session with the base tables (`Home.connection`).
    """
    scope.prepare(con, home.config.scope, zone=home.config.zone)
    return engine.test(con, controls, period, freeze_at=home.config.known_until(period, now))


def assess(home: Home, period: Period, *, now: datetime, code: str = "") -> list[ControlResult]:
    """Ask every control of the catalogue about `period`, and keep what they found.

    Args:
        home: whose evidence.
        period: what is asked about.
        now: the time of asking.
        code: digest of the code; with it nothing is asked again where nothing has changed since the last time.
    """
    folder, made_of = home.path / "assessments", _made_of(home, period, code, now)
    if made_of and noted(home, period, _RESULTS)[0] == made_of and assessment.held(folder, period):
        return assessment.load(folder, period)
    with home.connection() as con:
        results = ask(home, con, catalogue().values(), period, now=now)
        keep_results(home.lake, con, period, results, now=now)
    assessment.save(folder, period, results)
    if made_of:
        note(home, period, _RESULTS, made_of)
    return results


def measure(home: Home, period: Period, *, now: datetime, environments: Sequence[str] | None = None) -> Metrics:
    """The delivery metrics of `period`, as known when it was frozen; of other `environments` than production's."""
    with home.connection() as con:
        return of_period(
            con, home.config, period, as_of=home.config.known_until(period, now), environments=environments
        )


def keep(home: Home, period: Period, metrics: Metrics, *, now: datetime) -> int:
    """Keep the metrics of `period` in the lake, what differs from those kept before; how many values that are."""
    with home.connection() as con:
        return keep_metrics(home.lake, con, period, metrics, as_of=home.config.known_until(period, now), now=now)


def unchanged_pack(home: Home, period: Period, *, code: str, now: datetime) -> Published | None:
    """The pack of `period` that was published or found last, if nothing that it rests on has changed since."""
    digest, name = noted(home, period, _PACK)
    path = home.path / "packs" / f"{name}.pdf"
    if digest != _made_of(home, period, code, now) or not path.is_file():
        return None
    return Published(path, name, new=False)


def note_pack(home: Home, period: Period, pack: Published, *, code: str, now: datetime) -> None:
    """Note what `pack` was made of, for `unchanged_pack`."""
    note(home, period, _PACK, _made_of(home, period, code, now), pack.name)


def _made_of(home: Home, period: Period, code: str, now: datetime) -> str:
    return inputs_sha256(home, period, code=code, as_of=home.config.known_until(period, now)) if code else ""


def publish_pack(home: Home, period: Period, metrics: Metrics, *, code: CodeIdentity, now: datetime) -> Published:
    """The signed pack of `period` from the assessment that was kept; or the one that says the same already.

    Raises:
        ConfigError: the period was not tested yet, or a signing key is missing.
    """
    results = assessment.load(home.path / "assessments", period)
    with home.connection() as con:
        asked = [sql for section in sections() for sql in section.questions.values()]
        asked += [query for _, query in TABLES.values()]
        scope.prepare(con, home.config.scope, zone=home.config.zone, materialise=False, questions=asked)
        return publish(
            home, con, period, results, metrics.metric_value,
            signers=load_signers(home.config, home.environ), code=code, now=now,
        )  # fmt: skip
