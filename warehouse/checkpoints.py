"""Checkpoints of a home's ledger: who holds them, as its configuration says.

- The day's collection, every pack and `evidence checkpoint` publish one; all three come here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from evidence.ledger.anchoring import Anchors, Standing, anchor, standing
from evidence.ledger.copies import Copies
from evidence.ledger.key_sources import open_log_key
from evidence.verify.formats.cosignature import WitnessKey

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from evidence.config import Config
    from evidence.ledger.keys import Signer
    from warehouse.home import Home

LOG_KEY = "log.key"


@dataclass(frozen=True, slots=True)
class Checkpointed:
    """What one call of `checkpoint` came to.

    Attributes:
        standing: how the log stands now.
        failed: per witness, authority or place that did not do its part, why.
    """

    standing: Standing
    failed: Mapping[str, str]

    @property
    def problems(self) -> tuple[str, ...]:
        """Everything that is not as configured, in plain words."""
        return (*self.standing.problems, *(f"{address}: {why}" for address, why in self.failed.items()))


def log_signer(config: Config, environ: Mapping[str, str] | None = None) -> Signer:
    """The ledger's key, as configured; `ConfigError` if it is not there.

    Args:
        config: names the key.
        environ: where drivers look credentials up; a key file needs none.
    """
    return open_log_key(config.keys.log, file=config.keys_path / LOG_KEY, name=config.log_origin, environ=environ or {})


def anchors_of(home: Home) -> Anchors:
    """Witnesses, authority and places of copies, as configured."""
    config = home.config
    copies = Copies(
        config.checkpoint_copies,
        root=config.root,
        work=home.path / "cache" / "copies",
        environ=home.environ,
        retain_until=home.retain_until,
    )
    return Anchors(
        {one.url: WitnessKey.parse(one.vkey) for one in config.witnesses},
        config.witness_quorum,
        config.timestamping.url,
        copies if config.checkpoint_copies else None,
    )


def checkpoint(home: Home, *, now: datetime) -> Checkpointed:
    """Sign a checkpoint of the home's ledger and publish it.

    Raises:
        ConfigError: the ledger's key is missing.
        IntegrityError: a witness refuses it as a fork, or the ledger does not extend its last checkpoint.
    """
    signer, anchors = log_signer(home.config, home.environ), anchors_of(home)
    failed = anchor(home.log, home.store, signer, anchors, now=now)
    return Checkpointed(standing(home.log, home.store, signer, anchors, now=now), failed)


def standing_of(home: Home, *, now: datetime) -> Standing:
    """How the home's ledger stands; signs nothing and asks nobody."""
    return standing(home.log, home.store, log_signer(home.config, home.environ), anchors_of(home), now=now)
