"""Records from long before the period that a monitoring system knows, and the hourly probes that it makes.

- A *positive control* is a known record that a query must find: the root token's last use at the set-up of Vault, and
  a session in a production pod at the set-up of the cluster. They lie so far back that no period contains them.
- A probe reaches every log once an hour, so that a silent hour is a broken log and not a quiet one.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from demo.systems.stable import guid, number

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from demo.model import Company

BEFORE = timedelta(days=100)
AFTER = timedelta(days=14)
_HOUR = timedelta(hours=1)


def set_up_at(company: Company) -> datetime:
    """When Vault and the cluster were set up."""
    return company.start - BEFORE


def root_use_id(company: Company) -> str:
    """The request id of the root token's use at the set-up of Vault."""
    return guid(company.seed, "vault", "set-up")


def session_id(company: Company) -> str:
    """The audit id of the session at the set-up of the cluster."""
    return guid(company.seed, "kubernetes", "set-up")


def probes(company: Company, log: str) -> Iterator[datetime]:
    """One instant in every hour from a day before the period until two weeks after it."""
    hour = (company.start - timedelta(days=1)).replace(minute=0, second=0, microsecond=0)
    while hour < company.end + AFTER:
        yield hour + timedelta(minutes=4, microseconds=number(0, 50_000_000, company.seed, "probe", log, hour))
        hour += _HOUR
