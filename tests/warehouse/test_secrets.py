"""Secrets of all five systems: they stay in the locker; tables have a keyed hash and the fact of redaction."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from evidence.config import Config
from warehouse import census
from warehouse.home import Home
from warehouse.sheets import sheets

NOW = datetime(2026, 7, 2, tzinfo=UTC)
PLAIN = "correct-horse-battery-staple"
TOKENS = (
    "ghp_aaaaaaaaaabbbbbbbbbbcccccccccc123456", "github_pat_11AAAAAAA0aaaaaaaaaaaa_bbbbbbbbbbbb",
    "hvs.CAESIJaaaaaaaaaaaaaaaaaaaaaaaa", "AKIAIOSFODNN7EXAMPLE", "glpat-aaaaaaaaaaaaaaaaaaaa",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl",
)  # fmt: skip
WORDS = " and ".join(("see", *TOKENS, f"https://ada:{PLAIN}@example.test/x?access_token={PLAIN}&page=2"))
URL = f"https://ada:{PLAIN}@example.test/log?ref=main&access_token={PLAIN}&X-Amz-Signature={PLAIN}"
KEY = f"-----BEGIN RSA PRIVATE KEY-----\n{PLAIN}\n-----END RSA PRIVATE KEY-----\n"
SECRET_OBJECT = {"kind": "Secret", "data": {"password": PLAIN}, "stringData": {"token": PLAIN}}

RECORDS: dict[str, dict[str, Any]] = {
    "github.secret_scanning_alerts": {
        "number": 1, "secret": PLAIN, "state": "open", "resolution_comment": WORDS, "repository": {"id": 1},
        "updated_at": "2026-07-01T00:00:00Z",
    },
    "github.audit_log": {
        "_document_id": "d", "action": "hook.create", "created_at": 1782864000000, "url_path": URL,
        "config": {"url": URL}, "data": {"config": {"secret": PLAIN, "url": URL}, "note": WORDS},
    },
    "github.deployments": {
        "id": 1, "sha": "a", "payload": {"db_password": PLAIN, "image": "x", "note": WORDS}, "description": WORDS,
        "created_at": "2026-07-01T00:00:00Z", "updated_at": "2026-07-01T00:00:00Z",
    },
    "github.deployment_statuses": {
        "id": 1, "state": "success", "target_url": URL, "log_url": URL, "description": WORDS,
        "created_at": "2026-07-01T00:00:00Z",
    },
    "github.webhooks": {"action": "created", "hook": {"config": {"url": URL, "secret": PLAIN}}},
    "github.pull_requests": {"id": 1, "number": 1, "title": WORDS, "body": KEY + WORDS},
    "git.commits": {"sha": "a", "commit": {"message": KEY + WORDS, "committer": {"date": "2026-07-01T00:00:00Z"}}},
    "vault.audit": {
        "time": "2026-07-01T00:00:00Z", "type": "response",
        "auth": {"client_token": PLAIN, "accessor": "no-secret", "metadata": {"role": "r", "secret": PLAIN}},
        "request": {
            "id": "r", "operation": "update", "path": f"auth/token/lookup/{TOKENS[2]}", "client_token": PLAIN,
            "client_token_accessor": "no-secret", "data": {"password": PLAIN, "pin": 1},
        },
        "response": {
            "data": {"data": {"password": PLAIN}, "error": PLAIN},
            "auth": {"client_token": PLAIN, "accessor": "no-secret"},
            "wrap_info": {"token": PLAIN},
        },
        "error": WORDS,
    },
    "kubernetes.audit": {
        "auditID": "a", "stage": "ResponseComplete", "level": "RequestResponse", "verb": "create",
        "stageTimestamp": "2026-07-01T00:00:00.000000Z", "requestURI": f"/api/v1/secrets?token={PLAIN}&limit=1",
        "objectRef": {"resource": "secrets", "namespace": "a"}, "requestObject": SECRET_OBJECT,
        "responseObject": SECRET_OBJECT, "annotations": {"example.test/api-key": TOKENS[0], "a/secret": PLAIN},
        "responseStatus": {"code": 422, "message": WORDS}, "user": {"username": "u", "extra": {"token": [TOKENS[5]]}},
    },
    "kubernetes.events": {
        "metadata": {"uid": "u", "resourceVersion": "1"}, "message": f"failed to pull {URL}: {WORDS}",
        "lastTimestamp": "2026-07-01T00:00:00Z",
    },
    "kubernetes.pods": {
        "metadata": {
            "name": "p", "namespace": "n", "uid": "u",
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": PLAIN, "a.test/password": PLAIN},
        },
        "spec": {"containers": [{"name": "c", "image": "i", "env": [{"name": "PASSWORD", "value": PLAIN}]}]},
    },
    "terraform.states": {
        "version": 4, "serial": 1, "lineage": "l", "outputs": {"password": {"value": PLAIN, "sensitive": True}},
        "resources": [{
            "mode": "managed", "type": "aws_db_instance", "name": "db", "instances": [{
                "attributes": {"password": PLAIN, "user": PLAIN, "arn": "arn:aws:rds:1"}, "private": PLAIN,
                "sensitive_attributes": [[{"type": "get_attr", "value": "user"}]],
            }],
        }],
    },
    "terraform.plans": {
        "timestamp": "2026-07-01T00:00:00Z", "variables": {"password": {"value": PLAIN}},
        "resource_changes": [{"address": "a", "type": "t", "change": {"actions": ["create"], "after": {"p": PLAIN}}}],
    },
    "terraform.locks": {"ID": "i", "Created": "2026-07-01T00:00:00Z", "Info": WORDS},
    "falco.alerts": {"time": "2026-07-01T00:00:00Z", "rule": "r", "output": PLAIN, "output_fields": {"a": PLAIN}},
}  # fmt: skip
# Where a stream's secrets are kept as a keyed hash, and the column that says that something was left out.
HASHES = {
    "github.secret_scanning_alerts": ("secret_hash", "secret_redacted"),
    "vault.audit": ("request_data_hash", "data_redacted"),
    "kubernetes.audit": ("request_object_hash", "bodies_redacted"),
    "terraform.states": ("outputs_hash", "attributes_redacted"),
    "falco.alerts": ("output_hash", "output_redacted"),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with one record of each stream, and a line that cannot be read."""
    folder = tmp_path_factory.mktemp("home")
    made = Home(Config(company="Acme", root=folder), {}, {"name": "tests"})
    for stream, record in RECORDS.items():
        broken = "" if sheets()[stream].document else json.dumps(record)[:-1] + "\n"
        path = folder / stream
        path.write_text(json.dumps(record) + "\n" + broken)
        made.custody.keep_file(stream, path, name=stream, now=NOW)
    made.builder().build()
    census.take(made)
    return made


def test_every_secret_is_in_the_locker(home: Home) -> None:
    """The bytes are kept as received: redaction is of what is derived from them."""
    bodies = b"".join(
        home.custody.body(s.capture) for receipt in home.custody.receipts() for s in home.custody.sightings(receipt)
    )
    assert all(secret.encode() in bodies for secret in (PLAIN, *TOKENS))


def test_no_secret_is_in_a_table(home: Home) -> None:
    """Neither in a column of any table, the quarantine and the census among them, nor in a receipt."""
    con = home.connection()
    tables = [row[0] for row in con.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
    assert set(tables) > {"evidence_quarantine", "evidence_census", *(sheets()[s].table for s in RECORDS)}
    for table in tables:
        text = repr(con.execute(f"FROM {table}").fetchall())
        found = [secret for secret in (PLAIN, *TOKENS) if secret in text]
        assert not found, f"{table}: {text}"
    receipts = json.dumps([dict(receipt.body) for receipt in home.custody.receipts()])
    assert PLAIN not in receipts


@pytest.mark.parametrize("stream", HASHES)
def test_a_keyed_hash_and_the_fact_of_redaction_stay(home: Home, stream: str) -> None:
    """Equal secrets can be joined, nobody without the key can guess them, and that something is left out is said."""
    hashed, told = HASHES[stream]
    rows = home.connection().execute(f"SELECT {hashed}, {told} FROM {sheets()[stream].table}").fetchall()
    assert rows
    assert all(value.startswith("hmac-sha256:") and said is True for value, said in rows)


def test_what_is_no_secret_stays(home: Home) -> None:
    """Redaction cuts out credentials, not the words around them, nor an HMAC that the source wrote itself."""
    con = home.connection()
    message = con.execute("SELECT message FROM kubernetes_events").fetchone()
    assert message
    assert message[0].startswith("failed to pull https://REDACTED@example.test/log?ref=main&access_token=REDACTED")
    macros = con.execute(
        "SELECT hmac_of('hmac-sha256:ab'), hmac_of(''), redact_words('plain words'), redact_json(NULL)"
    )
    assert macros.fetchone() == ("hmac-sha256:ab", "", "plain words", None)
    attributes = con.execute("SELECT resources FROM terraform_states").fetchone()
    assert attributes
    assert '"arn":"arn:aws:rds:1"' in attributes[0]
