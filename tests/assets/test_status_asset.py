"""What `evidence status` tells is in Dagster too: as metadata, and as checks that somebody is notified by."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import dagster as dg
import pytest

from tests.reports.small_home import NOW, keep, make_home
from warehouse.status import status

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's notices of beta features
    from assets.resources import HomeResource
    from assets.status import STATUS, status_asset

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")
def test_status_is_metadata_and_checks(tmp_path: Path) -> None:
    """The same object as `status --json`; a quarantined record and a source that gave nothing are warnings."""
    home = make_home(tmp_path)
    config = home.config.root / "evidence.yaml"
    config.write_text(config.read_text() + "sources: {vault: {devices: {file: audit.log}}}\n")
    keep(home, "kubernetes.audit", [{"no": "audit event"}])
    home.builder().build()
    resource = HomeResource(config_path=str(config), instant=NOW.isoformat(), patient=False)
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([status_asset([])], resources={"home": resource}, instance=instance)
    (made,) = run.asset_materializations_for_node("tell_status")
    checks = {found.check_name: found for found in run.get_asset_check_evaluations()}

    assert made.asset_key == STATUS
    assert made.metadata["status"].value == status(resource.open(), now=NOW).as_json()
    assert "| vault.audit | never |" in str(made.metadata["table"].value)
    assert {name for name, found in checks.items() if not found.passed} == {"nothing_overdue", "nothing_unreadable"}
    assert checks["nothing_overdue"].metadata["streams"].value == ["vault.audit"]
    assert checks["nothing_unreadable"].metadata["streams"].value == ["kubernetes.audit"]
