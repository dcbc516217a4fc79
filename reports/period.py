"""Test, measure and publish one period of a home: what the quarter's job, `evidence test` and `evidence pack` share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from controls import engine, scope
from controls.definitions import catalogue
from reports import assessment
from reports.dora.warehouse import of_period
from reports.kept import keep_metrics, keep_results
from reports.pack.build import Published, publish
from reports.pack.signers import load_signers

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    import duckdb

    from controls.definitions import Control
    from controls.results import ControlResult
    from evidence.ledger.statements import CodeIdentity
    from evidence.periods import Period
    from reports.dora.metrics import Metrics
    from warehouse.home import Home


def ask(
    home: Home, con: duckdb.DuckDBPyConnection, controls: Iterable[Control], period: Period, *, now: datetime
) -> list[ControlResult]:
    """What `controls` find about `period` as known at its freeze, or now; nothing is kept.

    Args:
        con: session with the base tables (`Home.connection`).
    """
    scope.prepare(con, home.config.scope, zone=home.config.zone)
    return engine.test(con, controls, period, freeze_at=as_of(home, period, now))


def assess(home: Home, period: Period, *, now: datetime) -> list[ControlResult]:
    """Ask every control of the catalogue about `period`, and keep what they found."""
    with home.connection() as con:
        results = ask(home, con, catalogue().values(), period, now=now)
        keep_results(home.lake, con, period, results, now=now)
    assessment.save(home.path / "assessments", period, results)
    return results


def measure(home: Home, period: Period, *, now: datetime) -> Metrics:
    """The delivery metrics of `period`, as known when it was frozen."""
    with home.connection() as con:
        return of_period(con, home.config, period, as_of=as_of(home, period, now))


def keep(home: Home, period: Period, metrics: Metrics, *, now: datetime) -> int:
    """Keep the metrics of `period` in the lake, what differs from those kept before; how many values that are."""
    with home.connection() as con:
        return keep_metrics(home.lake, con, period, metrics, as_of=as_of(home, period, now), now=now)


def as_of(home: Home, period: Period, now: datetime) -> datetime:
    """What is later is not known of a period: its freeze, or now where that is still to come.

    Verdicts and metrics go by it alike: nobody missed a date that is still to come.
    """
    return min(now, home.config.freeze_at(period))


def publish_pack(home: Home, period: Period, metrics: Metrics, *, code: CodeIdentity, now: datetime) -> Published:
    """The signed pack of `period` from the assessment that was kept; or the one that says the same already.

    Raises:
        ConfigError: the period was not tested yet, or a signing key is missing.
    """
    results = assessment.load(home.path / "assessments", period)
    with home.connection() as con:
        scope.prepare(con, home.config.scope, zone=home.config.zone, materialise=False)
        return publish(
            home, con, period, results, metrics.metric_value,
            signers=load_signers(home.config), code=code, now=now,
        )  # fmt: skip
