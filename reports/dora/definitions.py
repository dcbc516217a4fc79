"""The metrics: what each is counted in and which relations it needs before it may say a number."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from evidence.canonical import sha256

if TYPE_CHECKING:
    from reports.dora.parameters import Parameters

COUNT, RATE, DISTRIBUTION, LEVEL = "count", "rate", "distribution", "level"
# Minutes up to which the steps of a histogram reach, from five minutes to four weeks; the last one has no end.
BOUNDS = [5, 15, 30, 60, 120, 240, 480, 1440, 2880, 10080, 20160, 40320]
DEFINING = (
    "attribution.py",
    "attribution.sql",
    "definitions.py",
    "facts.py",
    "failures.sql",
    "graph.py",
    "levels.sql",
    "observations.sql",
    "stage.py",
    "stage.sql",
    "values.sql",
    "warehouse.sql",
)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; `needs` are the relations without which its status is `no_source`."""

    name: str
    family: str
    unit: str  # of the value
    fact_unit: str  # of its counts
    needs: tuple[str, ...]
    meaning: str
    censorable: bool = False  # may hold spells that have not ended


_CODE = ("deployments", "commits")
_ALL = ("deployments", "commits", "pull_requests", "incidents")
METRICS = (
    Metric(
        "deployment_frequency",
        COUNT,
        "deployments",
        "deployments",
        ("deployments",),
        "successful production deployments",
    ),
    Metric(
        "time_between_deployments",
        DISTRIBUTION,
        "minutes",
        "deployments",
        ("deployments",),
        "from one successful production deployment of a service to its next",
    ),
    Metric(
        "lead_time",
        DISTRIBUTION,
        "minutes",
        "changes",
        _CODE,
        "from a mainline commit to its first production deployment",
    ),
    Metric(
        "lead_time_original",
        DISTRIBUTION,
        "minutes",
        "changes",
        (*_CODE, "pull_requests", "pr_commits"),
        "the same, with the commits that a squash was made of",
    ),
    Metric(
        "merged_to_production",
        DISTRIBUTION,
        "minutes",
        "pull requests",
        (*_CODE, "pull_requests"),
        "from merge to the first production deployment",
    ),
    Metric(
        "deployment_success_rate",
        RATE,
        "ratio",
        "attempts",
        ("deployments",),
        "attempts that succeeded, of those that succeeded, failed or timed out",
    ),
    Metric(
        "change_failure_rate",
        RATE,
        "ratio",
        "deployments",
        _ALL,
        "successful production deployments to which a failure is attributed",
    ),
    Metric(
        "change_failure_rate_change_bearing",
        RATE,
        "ratio",
        "deployments",
        _ALL,
        "the same, without rollbacks and redeploys below the line",
    ),
    Metric(
        "failed_deployment_recovery_time",
        DISTRIBUTION,
        "minutes",
        "deployments",
        _ALL,
        "from a failed deployment to restoration",
        censorable=True,
    ),
    Metric(
        "rework_rate",
        RATE,
        "ratio",
        "deployments",
        _ALL,
        "deployments that were rollbacks, hotfixes, reverts or answers to an incident",
    ),
    Metric(
        "mttr",
        DISTRIBUTION,
        "minutes",
        "incidents",
        ("incidents",),
        "from a production incident to its resolution",
        censorable=True,
    ),
    Metric(
        "mttr_change_related",
        DISTRIBUTION,
        "minutes",
        "incidents",
        _ALL,
        "the same, of incidents that are linked to a deployment",
        censorable=True,
    ),
    Metric(
        "mtta",
        DISTRIBUTION,
        "minutes",
        "incidents",
        ("incidents",),
        "from a production incident to its first acknowledgement",
        censorable=True,
    ),
    Metric(
        "time_to_alert",
        DISTRIBUTION,
        "minutes",
        "incidents",
        ("incidents", "incidents.started_at"),
        "from the onset of a production incident to its alert",
    ),
    Metric(
        "incident_link_coverage",
        RATE,
        "ratio",
        "incidents",
        ("incidents", *_CODE),
        "production incidents that are linked to a deployment",
    ),
    Metric(
        "pipeline_duration",
        DISTRIBUTION,
        "minutes",
        "runs",
        ("pipeline_runs",),
        "from the start of a run's attempt to the end of its last job",
    ),
    Metric(
        "availability",
        LEVEL,
        "ratio",
        "samples",
        ("slo_samples",),
        "requests without error: the mean of the samples that are known",
    ),
    Metric(
        "error_budget_spent",
        LEVEL,
        "ratio",
        "samples",
        ("slo_samples",),
        "errors, of those that the objective allows over the period; 1 is all of the budget",
    ),
)
BY_NAME = {metric.name: metric for metric in METRICS}


def definition_version(parameters: Parameters) -> str:
    """Digest of everything that defines a value: this package's SQL and walk, and the parameters."""
    package = files("reports.dora")
    text = "\n".join(package.joinpath(name).read_text(encoding="utf-8") for name in DEFINING)
    chosen = {
        key: value for key, value in asdict(parameters).items() if key not in {"grains", "evidence_grains", "limits"}
    }
    return sha256((text + json.dumps(chosen, sort_keys=True)).encode())
