"""The ledger's day: plans for the quarters to come, holds on what arrived, a checkpoint that others hold.

It has a job of its own, for a checkpoint is due on a day whose collection failed as well.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from assets.resources import HomeResource, retrying
from controls.stated import state_definitions
from warehouse.checkpoints import Checkpointed, checkpoint
from warehouse.holds import extend
from warehouse.keyring import introduce
from warehouse.open import code_identity
from warehouse.planning import quarters, state_plans

CHECKPOINT = dg.AssetKey(["ledger", "checkpoint"])


def checkpoint_asset(streams: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The asset that comes after the day's collection of `streams`."""

    @dg.multi_asset(
        name="publish_checkpoint",
        specs=[
            dg.AssetSpec(
                CHECKPOINT,
                deps=list(streams),
                description="The ledger's checkpoint of the day: signed, cosigned by witnesses, timestamped, copied.",
                group_name="ledger",
                kinds={"c2sp"},
                owners=["team:internal-controls"],
            )
        ],
        pool="ledger",
        check_specs=[
            dg.AssetCheckSpec(
                "held_by_others", asset=CHECKPOINT, description="Witnesses, authority and copies are as configured."
            )
        ],
    )
    def published(
        context: dg.AssetExecutionContext, home: HomeResource
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        opened, now = home.open(), home.now()
        done: list[Checkpointed] = []

        def work() -> None:
            introduce(opened, certificate=None, code=code_identity(), now=now)
            state_definitions(opened, code=code_identity(), now=now)
            state_plans(opened, quarters(opened.config, now), code=code_identity(), now=now)
            extend(opened, code=code_identity(), now=now)
            done.append(checkpoint(opened, now=now))

        retrying(context, home, work)
        yield _result(done[-1])

    return published


def _result(done: Checkpointed) -> dg.MaterializeResult[None]:
    standing = done.standing
    return dg.MaterializeResult(
        asset_key=CHECKPOINT,
        metadata={
            "statements": standing.size,
            "cosigned by": ", ".join(sorted(standing.witnesses)) or "nobody",
            "timestamp": standing.timestamp.isoformat() if standing.timestamp else "none",
            "what is open": "\n".join(standing.remarks) or "nothing",
        },
        check_results=[
            dg.AssetCheckResult(
                asset_key=CHECKPOINT,
                check_name="held_by_others",
                passed=not done.problems,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"problems": list(done.problems)},
            )
        ],
    )
