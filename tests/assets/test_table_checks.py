"""The checks of a table's asset: what became of every record, and what may be expected of the added rows."""

from __future__ import annotations

import json
import warnings
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest

from tests.reports.small_home import NOW, commit, keep, make_home

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's notices of beta features
    from assets.resources import HomeResource
    from assets.tables import table_assets

if TYPE_CHECKING:
    from warehouse.home import Home

GIT = next(found for found in table_assets() if found.op.name == "build_git")


def build(home: Home) -> dict[str, dg.AssetCheckEvaluation]:
    """Materialize the tables of git; the checks that spoke, by table and name."""
    config = str(home.config.root / "evidence.yaml")
    resource = HomeResource(config_path=config, instant=NOW.isoformat(), patient=False)
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize([GIT], resources={"home": resource}, instance=instance)
    assert run.success
    return {f"{found.asset_key.path[-1]}.{found.check_name}": found for found in run.get_asset_check_evaluations()}


@pytest.mark.filterwarnings("ignore::dagster.BetaWarning", "ignore::dagster.PreviewWarning")
def test_added_rows_are_held_against_what_is_expected(tmp_path: Any) -> None:
    """What breaks a suite is told with examples and kept; the run goes on, and no row is no answer."""
    home = make_home(tmp_path)
    keep(home, "git.commits", [commit(n, "2026-07-01T10:00:00Z") for n in range(3)])
    first = build(home)
    assert first["git_commits.conserved"].passed
    assert first["git_commits.as_expected"].passed
    assert first["git_commits.as_expected"].metadata["rows looked at"].value == 3

    assert "git_commits.as_expected" not in build(home)

    keep(home, "git.commits", [commit(4, "2026-07-02T10:00:00Z") | {"sha": "no-digest"}], now=NOW.replace(day=21))
    found = build(home)["git_commits.as_expected"]
    assert not found.passed
    assert found.severity == dg.AssetCheckSeverity.WARN
    assert "| expect_column_values_to_match_regex | sha | 1 | no-digest |" in str(
        found.metadata["not as expected"].value
    )
    assert found.metadata["rows added"].value == 1
    kept = [json.loads(path.read_text()) for path in sorted((home.path / "quality").glob("*.json"))]
    told = {(item["table"], item["rows"], item["ok"]) for answers in kept for item in answers}
    assert told == {("git_commits", 3, True), ("git_commits", 1, False)}
