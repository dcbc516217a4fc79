"""The home as a Dagster resource, and the errors that a retry helps with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from evidence.errors import EvidenceError
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
    except EvidenceError as error:
        context.log.exception(f"{error} {error.next_step}".strip())
        if error.retryable and home.patient:
            raise dg.RetryRequested(max_retries=3, seconds_to_wait=seconds * 2**context.retry_number) from error
        raise dg.Failure(str(error), metadata={"next step": error.next_step or "-"}, allow_retries=False) from error
