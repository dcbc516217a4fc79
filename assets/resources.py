"""The home as a Dagster resource, and the errors that a retry helps with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from evidence.errors import EvidenceError
from warehouse.damage import damage
from warehouse.open import open_home

if TYPE_CHECKING:
    from collections.abc import Callable

    from warehouse.home import Home


class HomeResource(dg.ConfigurableResource["HomeResource"]):
    """Opens the home that assets work in.

    Attributes:
        config_path: the configuration file; empty to look for it as the command line does.
        instant: an ISO instant to take for now; empty for the real clock, which only this layer reads.
        patient: whether a failed step waits and tries again; at a terminal a person decides that.
    """

    config_path: str = ""
    instant: str = ""
    patient: bool = True

    def now(self) -> datetime:
        """The run's present."""
        return datetime.fromisoformat(self.instant) if self.instant else datetime.now(UTC)

    def open(self) -> Home:
        """The home."""
        return open_home(Path(self.config_path) if self.config_path else None, now=self.now())


def retrying(
    context: dg.AssetExecutionContext, home: HomeResource, work: Callable[[], None], *, seconds: int = 60
) -> None:
    """Do `work`; ask Dagster for another try if the error's type says that it helps, else fail at once.

    The message and the next step reach the run's log in plain words.
    """
    try:
        work()
    except Exception as error:
        known = error if isinstance(error, EvidenceError) else damage(error)
        if known is None:
            raise
        context.log.exception(f"{known} {known.next_step}".strip())
        if known.retryable and home.patient:
            raise dg.RetryRequested(max_retries=3, seconds_to_wait=seconds * 2**context.retry_number) from error
        told: dict[str, str | int] = {"next step": known.next_step or "-", "exit code": known.exit_code}
        raise dg.Failure(str(known), metadata=told, allow_retries=False) from error
