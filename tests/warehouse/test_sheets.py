"""Sheets: each one loads, says what it means, types any record, and keeps secrets out of the tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from evidence.errors import ConfigError
from tests.docs import handbook
from warehouse import sheets as module
from warehouse.dictionary import page
from warehouse.normalise import MACROS, shape_text, typed_select
from warehouse.redaction import redaction_key, use_key
from warehouse.sheets import sheet_of, sheets

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.sheets import Sheet

SECRET = "correct-horse-battery-staple"


def typed(sheet: Sheet, body: str, context: str = "{}") -> dict[str, Any]:
    """The row that a record becomes."""
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(MACROS)
    use_key(con, b"key")
    con.execute(
        f"""
        CREATE TEMP VIEW staged AS
        SELECT 0 AS sighting, 'r' AS receipt, 0 AS page, 'c' AS capture, '2026-07-02'::TIMESTAMPTZ AS collected_at,
            json_transform('{context}', '{shape_text(sheet.context_shape)}') AS c,
            NULL::VARCHAR AS row_status, 0 AS record, '{body.replace("'", "''")}' AS body
        """
    )
    cursor = con.execute(typed_select(sheet))
    names = [column[0] for column in cursor.description]
    (row,) = cursor.fetchall()
    return dict(zip(names, row, strict=True))


@pytest.mark.parametrize("stream", sheets())
def test_a_sheet_types_a_record_of_any_kind(stream: str) -> None:
    """Values of the wrong kind, and none at all, give empty columns, never an error."""
    sheet = sheets()[stream]
    values: list[Any] = [
        1, "x", [{"a": [1]}, 2], {"id": {}, "a": None}, None, 1e300, -40494299982964400, 2**70, [[1e300, "1"]],
        "infinity", "epoch", "99999-01-01T00:00:00Z",
        "0044-03-15 (BC)", "9999-12-31T23:59:59.999999999Z", "\x00", "https://a@b?key=c",
    ]  # fmt: skip
    for body in ({}, *({name: value for name in sheet.record_shape} for value in values)):  # noqa: C420 - values mutable
        row = typed(sheet, json.dumps(body))
        assert row["natural_key"]


@given(body=st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["id", "actor", "user", "state", "resources", "instances", "runs", "results", "created_at"]),
        inner, max_size=4,
    ),
    max_leaves=12,
).filter(lambda value: isinstance(value, dict)))  # fmt: skip
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("stream", ["terraform.states", "scanners.sarif", "github.deployments", "vault.audit"])
def test_deep_records_never_fail(stream: str, body: Any) -> None:
    """Expressions over lists within lists are total."""
    typed(sheets()[stream], json.dumps(body))


def test_both_names_of_a_stream_are_accepted() -> None:
    """A wrong one is told with all valid ones."""
    assert sheet_of("gh.audit") is sheet_of("github.audit_log")
    with pytest.raises(ConfigError, match=r"'github\.nothing' is not known; known are .*github\.audit_log"):
        sheet_of("github.nothing")


def test_names_are_used_once() -> None:
    """No two sheets share an alias or a table."""
    names = [name for sheet in sheets().values() for name in {sheet.alias, sheet.stream}]
    assert len(names) == len(set(names))
    assert len({sheet.table for sheet in sheets().values()}) == len(sheets())


def test_every_stream_of_the_scenarios_has_a_sheet(shared: Path) -> None:
    """By the very alias and name."""
    listed = (shared / "scenarios" / "STREAMS.md").read_text(encoding="utf-8")
    pairs = [line.split("|")[1:3] for line in listed.splitlines() if line.startswith("| `")]
    names = {alias.strip(" `"): stream.strip(" `") for alias, stream in pairs}
    assert {sheet.alias: sheet.stream for sheet in sheets().values()}.items() >= names.items()


@pytest.mark.parametrize(
    ("stream", "body"),
    [
        ("github.secret_scanning_alerts", {"number": 1, "secret": SECRET}),
        ("terraform.states", {"serial": 1, "lineage": "l", "outputs": {"o": {"value": SECRET}}, "resources": [
            {"type": "t", "instances": [{"attributes": {"password": SECRET}, "private": SECRET}]}]}),
        ("terraform.states", {"_s3": {"bucket": "b"}, "state": {"modules": [{"resources": {"x": SECRET}}]}}),
        ("terraform.plans", {"planned_values": SECRET, "resource_changes": [{"change": {"after": {"p": SECRET}}}]}),
        ("kubernetes.audit", {"auditID": "a", "requestURI": f"/x?access_token={SECRET}", "requestObject": {
            "data": {"k": SECRET}}, "responseObject": {"data": {"k": SECRET}}}),
        ("kubernetes.pods", {"metadata": {"annotations": {"kubectl.kubernetes.io/last-applied-configuration": SECRET}},
                             "spec": {"containers": [{"name": "n", "env": [{"name": "P", "value": SECRET}]}]}}),
        ("vault.audit", {"request": {"id": "1", "data": {"n": SECRET}}, "response": {"data": {"n": SECRET}}}),
        ("falco.alerts", {"output": SECRET, "output_fields": {"ka.req.configmap.obj": SECRET}}),
        ("scanners.sarif", {"runs": [{"results": [{"message": {"text": SECRET}, "locations": [{"physicalLocation": {
            "region": {"snippet": {"text": SECRET}}}}]}]}]}),
        ("scanners.trivy", {"Results": [{"Secrets": [{"RuleID": "r", "Match": SECRET, "Code": {"Lines": [SECRET]}}]}]}),
        ("github.audit_log", {"action": "api.request", "url_path": f"/x?token={SECRET}", "config": {
            "url": f"https://user:{SECRET}@example.org/hook"}}),
        ("github.deployment_statuses", {"id": 1, "log_url": f"https://user:{SECRET}@example.org/"}),
        ("github.webhooks", {"alert": {"secret": SECRET}}),
        ("github.rest", {"url": "u", "token": SECRET}),
    ],
)  # fmt: skip
def test_secrets_stay_in_the_locker(stream: str, body: dict[str, Any]) -> None:
    """No column holds a secret in clear; where joins need it, a keyed hash does."""
    row = typed(sheets()[stream], json.dumps(body))
    assert not [name for name, value in row.items() if name != "record_text" and SECRET in str(value)]


def test_nothing_that_holds_secrets_has_the_whole_record() -> None:
    """`fields` is for sources without secrets in clear; the audit log's is searched for credentials."""
    whole = {s.stream for s in sheets().values() for c in s.columns if c.name == "fields"}
    allowed = ("company.", "evidence.", "identity.", "idp.", "alertmanager.", "prometheus.", "scanners.snyk")
    assert {stream for stream in whole if not stream.startswith(allowed)} == {"github.audit_log"}


def test_the_key_of_hashes_is_the_home_s(tmp_path: Path) -> None:
    """Made once, for its owner alone, and the same again."""
    assert redaction_key(tmp_path) == redaction_key(tmp_path)
    assert (tmp_path / "redaction.key").stat().st_mode & 0o777 == 0o600


def test_context_is_read_from_the_record_and_from_the_capture() -> None:
    """An export carries `_repo` inline, a connector puts it into the capture's context."""
    sheet = sheets()["github.rulesets"]
    inline = typed(sheet, '{"id": 1, "_repo": "o/r", "_as_of": "2026-07-01T05:00:00Z"}')
    beside = typed(sheet, '{"id": 1}', '{"_repo": "o/r", "_as_of": "2026-07-01T05:00:00Z"}')
    assert inline["natural_key"] == beside["natural_key"] == "o/r/1/2026-07-01 05:00:00+00"


def test_a_state_is_read_bare_and_in_an_export() -> None:
    """The bucket's entry stands in the context or in the record."""
    sheet = sheets()["terraform.states"]
    entry = {"bucket": "b", "key": "k", "version_id": "v"}
    state = {"serial": 3, "lineage": "l", "resources": []}
    inline = typed(sheet, json.dumps({"_s3": entry, "state": state}))
    beside = typed(sheet, json.dumps(state), json.dumps({"_s3": entry}))
    for row in (inline, beside):
        assert (row["natural_key"], row["serial"], row["lineage"]) == ("b/k/v", 3, "l")
    assert typed(sheet, json.dumps(state))["natural_key"] == "l/3"


def test_nanoseconds_of_vault_are_kept() -> None:
    """The instant ends at microseconds; the number does not."""
    row = typed(sheets()["vault.audit"], '{"time": "2026-07-01T20:29:04.360893791Z", "request": {"id": "x"}}')
    assert row["event_ns"] % 1_000_000_000 == 360_893_791


def test_the_cloud_s_wrappers_are_opened() -> None:
    """AKS (text or object), EKS and GKE give the same columns."""
    sheet = sheets()["kubernetes.audit"]
    event = {"auditID": "a", "stage": "ResponseComplete", "verb": "get", "user": {"username": "u"}}
    text = json.dumps(event)
    wrapped = [{"properties": {"log": text}}, {"properties": {"log": event}}, {"message": text}]
    gke = {"insertId": "a", "protoPayload": {"methodName": "io.k8s.core.v1.pods.get",
           "authenticationInfo": {"principalEmail": "u"}}}  # fmt: skip
    for body in (event, *wrapped, gke):
        row = typed(sheet, json.dumps(body))
        assert (row["natural_key"], row["verb"], row["user_name"]) == ("a/ResponseComplete", "get", "u")


def test_the_dictionary_is_fresh() -> None:
    """`python -m warehouse.dictionary > docs/data-dictionary.md` was run after the last change of a sheet."""
    assert handbook.page("docs/data-dictionary.md") == page()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mutability": "sometimes"}, "mutability 'sometimes'; valid are append_only, mutable, snapshot"),
        ({"event_time": "nowhere"}, "'nowhere' is not one of its columns"),
        ({"colour": "red"}, r"unknown fields \['colour'\]"),
        ({"columns": {"capture": {"path": "id"}}}, r"\['capture'\] are names that the warehouse itself uses"),
        ({"columns": {"id": {"path": "id", "type": "TEXT"}}}, "has type 'TEXT'; valid are VARCHAR"),
        ({"reads": {"id": "JSON"}}, "'id' is read as BIGINT and as JSON"),
        ({"reads": {"id.part": "JSON"}}, "'id.part' is read as a whole and in part|'id' is read as"),
    ],
)
def test_a_wrong_sheet_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    """With what was found and what is valid."""
    good = {
        "stream": "a.b", "alias": "ab", "table": "a_b", "meaning": "m", "mutability": "mutable", "key": ["id"],
        "key_paths": ["id"], "event_time": "collected_at", "columns": {"id": {"path": "id", "type": "BIGINT"}},
    }  # fmt: skip
    (tmp_path / "a.b.yaml").write_text(yaml.safe_dump(good | change), encoding="utf-8")
    monkeypatch.setattr(module, "TABLES", tmp_path)
    with pytest.raises(ConfigError, match=message):
        module.sheets.__wrapped__()
