"""What a record does not say is never taken for what it ought to say: the verdict that rested on it is no PASS."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from controls.cases import Records, played
from controls.definitions import catalogue

WAIT, FAIL = "INDETERMINATE", "EXCEPTION"
ONE = "sha256:" + 64 * "1"
B0, B1 = f"{0xB0:040x}", f"{0xB1:040x}"


class Silence(NamedTuple):
    """A field that one record of a control's cases loses, and what becomes of a verdict that passed.

    Attributes:
        alias: the record's stream.
        record: path of a field of the record, and its value: the record that has it, the first if several do.
        field: path of the field that is lost; a number is an index.
        subject: member and attribute that passed.
        verdict: what it has now.
    """

    alias: str
    record: tuple[str, Any]
    field: str
    subject: tuple[str, str]
    verdict: str


SILENCES = {
    "CHG-01": [Silence("gh.pr", ("id", 101), "user", ("example/app#1", "A"), WAIT)],
    "CHG-05": [
        Silence(
            "scan.trivy", ("CreatedAt", "2024-02-01T09:40:00Z"), "Results", ("example/app:deployment:101", "C"), WAIT
        ),
        Silence("scan.sarif", ("version", "2.1.0"), "runs.0.results", ("example/app:deployment:101", "A"), WAIT),
        Silence("scan.sarif", ("version", "2.1.0"), "runs.0.invocations", ("example/app:deployment:101", "E"), WAIT),
        Silence(
            "gh.dependabot", ("number", 1), "security_advisory.severity", ("example/app:deployment:102", "B"), WAIT
        ),
        Silence("scan.zap", ("_sha", "aa1"), "site.0.alerts.0.riskcode", ("example/app:deployment:101", "D"), WAIT),
    ],
    "CHG-06": [Silence("cal.freeze", ("id", "close"), "services", ("example/app:403/2:production", "E"), WAIT)],
    "CHG-07": [Silence("gh.audit", ("_document_id", "w72"), "actor_id", ("example/app:deployment:72", "E"), WAIT)],
    "CHG-11": [
        Silence("tf.state", ("_s3.version_id", "v3"), "state.serial", ("states/prod.tfstate:v3", "B"), WAIT),
        Silence("itsm.ticket", ("scope.key", "prod.tfstate"), "requester", ("states/prod.tfstate:v6", "B"), FAIL),
    ],
    "CHG-13": [Silence("gh.pr", ("id", 911), "user", ("example/app#91", "B"), WAIT)],
    "APD-06": [
        Silence(
            "vault.audit",
            ("request.id", "y1"),
            "request.remote_address",
            ("vault-approle:job@vault.audit:y1", "D"),
            WAIT,
        ),
        Silence("nhi", ("id", "pat:short"), "kind", ("pat:short", "C"), WAIT),
        Silence("nhi", ("id", "gh-app:good"), "scopes", ("gh-app:good", "B"), FAIL),
    ],
    "APD-07": [
        Silence("vault.audit", ("request.id", "u3"), "auth.policies", ("vault.audit:u3", "C"), WAIT),
        Silence("gh.team", ("slug", "developers"), "members", ("vault.audit:u3", "B"), WAIT),
    ],
    "APD-09": [Silence("bg_review", ("ticket", "BG-1"), "reviewer", ("vault.audit:r1", "D"), FAIL)],
    "APD-10": [Silence("waiver", ("id", "WV-61"), "requested_by", ("W4:F1+F5", "B"), FAIL)],
    "APD-11": [
        Silence(
            "k8s.rbac",
            ("metadata.name", "view"),
            "rules",
            ("kubernetes:RoleBinding/production/view:2024-02-05", "A"),
            WAIT,
        ),
    ],
    "APD-12": [
        Silence("k8s.audit", ("auditID", "x6"), "responseStatus", ("kubernetes.audit:x6", "A"), FAIL),
        Silence("itsm.ticket", ("key", "ACC-1"), "approver", ("kubernetes.audit:x1", "C"), FAIL),
        Silence("bg_review", ("ticket", "ACC-1"), "reviewer", ("kubernetes.audit:x1", "E"), FAIL),
    ],
    "CHG-03": [Silence("gh.compare", ("head", B1), "files", (f"example/infra:main:{B0}..{B1}", "B"), WAIT)],
    "OPS-03": [
        Silence("inc", ("id", "INC-34"), "financial_data_affected", ("incident:INC-34", "D"), WAIT),
        Silence("postmortem", ("incident", "INC-31"), "actions", ("incident:INC-31", "C"), FAIL),
    ],
    "OPS-05": [
        Silence("am.silence", ("id", "s1"), "createdBy", ("silence:s1", "E"), WAIT),
    ],
    "OPS-08": [
        Silence("ev.heartbeat", ("to", "2024-02-03T23:00:00Z"), "missing", ("github.audit_log:2024-02-03", "A"), FAIL),
        Silence("itsm.ticket", ("key", "LOG-1"), "requester", ("github.audit_log:t1", "D"), FAIL),
    ],
    "SEC-01": [
        Silence(
            "scan.trivy",
            ("CreatedAt", "2024-02-01T10:00:00Z"),
            "Results.0.Vulnerabilities.3.Severity",
            ("reg/app:CVE-3:c", "B"),
            WAIT,
        ),
    ],
    "SEC-02": [
        Silence("scan.trivy", ("CreatedAt", "2024-02-01T09:00:00Z"), "Results", (f"{ONE}:2024-02-01", "B"), WAIT),
    ],
    "SEC-05": [
        Silence(
            "scan.sarif",
            ("version", "2.1.0"),
            "runs.0.invocations.0.executionSuccessful",
            ("example/app:sast:2024-W06", "A"),
            WAIT,
        ),
        Silence("waiver", ("id", "WV-51"), "beneficiary", ("waiver:WV-51", "B"), FAIL),
    ],
}


@pytest.mark.parametrize("control", SILENCES)
def test_absent_field_is_no_pass(control: str) -> None:
    """A verdict that passed by what a record said is none without it."""
    asked = SILENCES[control]
    result, _ = played(catalogue()[control], change=lambda held: _without(held, asked))
    found = {(v.subject, v.attribute): v.verdict for v in result.verdicts}

    assert {s.subject: found.get(s.subject) for s in asked} == {s.subject: s.verdict for s in asked}


def _without(records: Records, silences: list[Silence]) -> Records:
    """The records, each without the field that it loses."""
    held = {alias: list(rows) for alias, rows in records.items()}
    for silence in silences:
        path, value = silence.record
        number = next(n for n, row in enumerate(held[silence.alias]) if _at(row, path.split(".")) == value)
        held[silence.alias][number] = _lost(held[silence.alias][number], silence.field.split("."))
    return held


def _at(value: Any, path: list[str]) -> Any:
    for part in path:
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _lost(value: Any, path: list[str]) -> Any:
    """A copy of a value with nothing at a path that must be there."""
    if isinstance(value, list):
        at = int(path[0])
        return [*value[:at], _lost(value[at], path[1:]), *value[at + 1 :]]
    assert path[0] in value
    return value | {path[0]: _lost(value[path[0]], path[1:]) if path[1:] else None}
