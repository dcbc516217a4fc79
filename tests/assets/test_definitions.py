"""What Dagster loads: names, lineage, schedules, and that a quarter's key is a fiscal quarter."""

from __future__ import annotations

import subprocess
import sys
import warnings
from datetime import UTC, date, datetime

import dagster as dg
import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Dagster's notices of beta features
    from assets import definitions
    from assets.partitions import CHOSEN, DAILY, QUARTERLY, days_of, quarter_of
    from assets.quarter import PACK, control_key, tables_of
    from assets.tables import table_key
from controls.definitions import catalogue
from evidence.config import Config
from evidence.errors import ConfigError
from evidence.sources.registry import connector, names


@pytest.fixture(scope="module")
def graph() -> dg.AssetSelection:
    """The asset graph, resolved once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return definitions.defs.resolve_asset_graph()  # type: ignore[return-value]


def test_every_asset_explains_itself(graph: object) -> None:
    """Description, group and owner are filled: the UI tells an auditor what each thing is."""
    keys = graph.get_all_asset_keys()  # type: ignore[attr-defined]
    collected_elsewhere = []
    for key in keys:
        node = graph.get(key)  # type: ignore[attr-defined]
        if not node.is_materializable:
            collected_elsewhere.append(key)
            continue
        assert node.description
        assert node.group_name != "default"
        assert node.owners
    assert not collected_elsewhere


def test_a_control_hangs_on_the_tables_that_its_question_reads(graph: object) -> None:
    """Lineage comes from the SQL, through shared views."""
    for control in catalogue().values():
        assert tables_of(control)
        parents = graph.get(control_key(control.id)).parent_keys  # type: ignore[attr-defined]
        assert parents == {table_key(table) for table in tables_of(control)}
    assert {control_key(name) for name in catalogue()} <= graph.get(PACK).parent_keys  # type: ignore[attr-defined]


def test_the_days_job_takes_the_streams_of_configured_systems() -> None:
    """Systems that a company does not have are not asked."""
    keys = definitions.day_selection(["vault"])
    assert dg.AssetKey(["evidence", "vault", "audit"]) in keys
    assert table_key("vault_audit") in keys
    assert len(keys) == 2
    every = definitions.day_selection(names())
    assert sum(len(connector(name).STREAMS) for name in names()) <= len(every)


def test_days_of_a_range_are_all_its_days() -> None:
    """Both ends belong to it."""
    days = list(days_of(dg.PartitionKeyRange("2026-02-27", "2026-03-01")))
    assert days == [date(2026, 2, 27), date(2026, 2, 28), date(2026, 3, 1)]


def test_a_quarters_key_is_its_first_day() -> None:
    """A key that begins no fiscal quarter is refused."""
    config = Config(company="Acme", fiscal_year_starts=2)
    assert quarter_of("2026-02-01", config).name == "2027Q1"
    with pytest.raises(ConfigError, match="no fiscal quarter begins on 2026-01-01"):
        quarter_of("2026-01-01", config)


@pytest.mark.parametrize(("moment", "key"), [("2026-10-05T09:00", "2026-07-01"), ("2026-11-05T09:00", None)])
def test_a_pack_is_due_after_a_quarter_has_ended(moment: str, key: str | None) -> None:
    """On the fifth of the month after, and in no other month."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    context = dg.build_schedule_context(scheduled_execution_time=at)
    request = definitions.quarter_close(context)
    assert (request.partition_key if isinstance(request, dg.RunRequest) else None) == key


def test_quarters_are_keyed_by_time() -> None:
    """The running quarter is there before it ends."""
    assert QUARTERLY.get_partition_keys(datetime(2026, 8, 3, tzinfo=UTC))[-1] == "2026-07-01"


def test_dagster_loads_without_a_deprecated_call() -> None:
    """What Dagster will drop is told to nobody who opens the UI, and breaks no later version."""
    command = [sys.executable, "-W", "error::DeprecationWarning", "-c", "import assets.definitions"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_jobs_take_their_partitions_from_their_assets() -> None:
    """Days, quarters and chosen periods are asked for by the keys that their assets have."""
    held = {
        name: definitions.defs.resolve_job_def(name).partitions_def for name in ("day", "verdicts", "quarter", "period")
    }

    assert held == {"day": DAILY, "verdicts": QUARTERLY, "quarter": QUARTERLY, "period": CHOSEN}
