"""The simulated cluster, asked through the official client, and its audit log in two places."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from kubernetes import client, watch

from demo.company import simulate
from demo.http import Server, Site
from demo.systems import kubernetes
from demo.systems.known import session_id
from demo.systems.kubernetes.cluster import DEPLOYED_SHA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from demo.model import Company, Rollout

pytestmark = pytest.mark.server
_START, _END = date(2026, 7, 1), date(2026, 10, 1)


@pytest.fixture(scope="module")
def company() -> Company:
    """One company for all tests here."""
    return simulate(5, _START, _END)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the audit logs go."""
    return tmp_path_factory.mktemp("kubernetes")


@pytest.fixture(scope="module")
def site(company: Company, folder: Path) -> Iterator[Site]:
    """The cluster behind a server, its clock at the end of the period."""
    site = Site([kubernetes.build(company, folder)], company.start)
    server = Server(site)
    server.start()
    day = company.start
    while day <= company.end:
        site.set_clock("kubernetes", day)
        day += timedelta(days=1)
    yield site
    server.stop()


@pytest.fixture
def api(site: Site) -> Iterator[client.ApiClient]:
    """The official client with the cluster's token."""
    with _client(site, "demo-token") as made:
        yield made


def _client(site: Site, token: str | None) -> client.ApiClient:
    configuration = client.Configuration()
    configuration.host = f"{site.root}/kubernetes"
    configuration.api_key = {"authorization": f"Bearer {token}"} if token else {}
    configuration.retries = False
    return client.ApiClient(configuration)


def _production(company: Company, *, succeeded: bool = True) -> list[Rollout]:
    return [
        r
        for r in company.rollouts
        if r.namespace == "production" and r.succeeded == succeeded and r.started_at > company.start
    ]


def _audit(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    files = [*sorted(folder.glob("audit-*.log")), folder / "audit.log"]
    logged = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    batches = [json.loads(p.read_text()) for p in sorted((folder / "webhook").iterdir())]
    assert {b["kind"] for b in batches} == {"EventList"}
    return logged, [item for b in batches for item in b["items"]]


# -- audit log ----------------------------------------------------------------------------------------------------


def test_every_session_and_rollout_of_the_timeline_is_audited(company: Company, site: Site, folder: Path) -> None:
    """Each fact's audit id, user, verb, target and stages are found in one of the two places."""
    del site
    logged, sent = _audit(folder)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for event in (*logged, *sent):
        found.setdefault(event["auditID"], {})[event["stage"]] = event
    for told in company.kube_execs:
        assert set(found[told.audit_id]) == set(told.stages)
        end = found[told.audit_id]["ResponseComplete"]
        assert (end["user"]["username"], end["verb"], end["responseStatus"]["code"]) == (told.username, told.verb, 101)
        assert (end["objectRef"]["name"], end["objectRef"]["subresource"]) == (told.pod, "exec")
        assert datetime.fromisoformat(end["stageTimestamp"]) == told.ended_at
    for rollout in _production(company):
        end = found[rollout.audit_id]["ResponseComplete"]
        assert end["requestObject"]["metadata"]["annotations"][DEPLOYED_SHA] == rollout.sha
        assert end["user"]["username"] == "system:serviceaccount:deploy:pipeline"


def test_both_places_are_needed_and_share_nothing(company: Company, site: Site, folder: Path) -> None:
    """The file and the batches are two API servers' logs; each audit id and stage occurs once in all."""
    del site
    logged, sent = _audit(folder)
    counts = Counter((e["auditID"], e["stage"]) for e in (*logged, *sent))
    assert set(counts.values()) == {1}
    told = {t.audit_id for t in company.kube_execs} | {r.audit_id for r in _production(company)}
    assert told & {e["auditID"] for e in logged}
    assert told & {e["auditID"] for e in sent}
    assert not {e["auditID"] for e in logged} & {e["auditID"] for e in sent}


def test_people_enter_pods_only_where_the_timeline_says(company: Company, site: Site, folder: Path) -> None:
    """Background traffic has no session; the one before the period is the known record."""
    del site
    logged, sent = _audit(folder)
    entered = {e["auditID"] for e in (*logged, *sent) if e.get("objectRef", {}).get("subresource") == "exec"}
    assert entered == {t.audit_id for t in company.kube_execs} | {session_id(company)}


def test_each_api_server_speaks_every_hour(company: Company, site: Site, folder: Path) -> None:
    """A silent hour would be a broken log."""
    del site
    for place in _audit(folder):
        hours = {e["stageTimestamp"][:13] for e in place}
        now = company.start
        while now < company.end:
            assert f"{now:%Y-%m-%dT%H}" in hours
            now += timedelta(hours=1)


def test_a_failed_rollout_is_undone_in_the_same_run(company: Company, site: Site, folder: Path) -> None:
    """The pipeline puts back what is in force, under the name of the run that failed."""
    del site
    failed = _production(company, succeeded=False)
    assert failed
    patches = [
        e for place in _audit(folder) for e in place if e["verb"] == "patch" and e["stage"] == "ResponseComplete"
    ]
    for rollout in failed:
        run = f"github-run-{rollout.run_id}-{rollout.run_attempt}"
        mine = [e for e in patches if e["user"]["extra"]["sessionName"] == [run]]
        shas = [
            e["requestObject"]["metadata"]["annotations"][DEPLOYED_SHA]
            for e in sorted(mine, key=lambda e: e["stageTimestamp"])
        ]
        assert len(shas) == 2
        assert shas[0] == rollout.sha != shas[1]


def test_logs_follow_from_the_seed_and_the_clock_alone(
    company: Company, site: Site, folder: Path, tmp_path: Path
) -> None:
    """One leap and a restart write the files of daily steps."""
    del site
    for _ in range(2):
        kubernetes.build(company, tmp_path).advance(company.end)
    files = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path) for p in tmp_path.rglob("*") if p.is_file()}
    assert all((folder / f).read_bytes() == (tmp_path / f).read_bytes() for f in files)


# -- API server ---------------------------------------------------------------------------------------------------


def test_pods_run_what_was_deployed_last(company: Company, site: Site, api: client.ApiClient) -> None:
    """After a rollout its pods stand, with the deployed SHA and the digest, and the old ones are gone."""
    core = client.CoreV1Api(api)
    before, rollout = [r for r in _production(company) if r.service == "settlement-api"][:2]
    site.set_clock("kubernetes", rollout.completed_at - timedelta(seconds=1))
    during = {p.metadata.name for p in core.list_namespaced_pod("production").items}
    assert {*before.pods, *rollout.pods} <= during
    site.set_clock("kubernetes", rollout.completed_at)
    pods = {p.metadata.name: p for p in core.list_namespaced_pod("production").items}
    assert not set(before.pods) & set(pods)
    for name in rollout.pods:
        assert pods[name].metadata.annotations[DEPLOYED_SHA] == rollout.sha
        assert pods[name].status.container_statuses[0].image_id.endswith(f"@{rollout.digest}")
        assert pods[name].spec.containers[0].image == rollout.reference


def test_events_tell_a_rollout_and_go_after_their_ttl(company: Company, site: Site, api: client.ApiClient) -> None:
    """Events have a TTL of 36 hours by the virtual clock."""
    core = client.CoreV1Api(api)
    rollout = _production(company)[3]
    site.set_clock("kubernetes", rollout.completed_at + timedelta(minutes=2))
    events = [e for e in core.list_namespaced_event("production").items if e.involved_object.name in rollout.pods]
    assert {"Scheduled", "Pulled", "Created", "Started"} <= {e.reason for e in events}
    assert all((e.event_time is not None) == (e.reason == "Scheduled") for e in events)
    site.set_clock("kubernetes", rollout.completed_at + timedelta(hours=36, minutes=30))
    assert not [e for e in core.list_event_for_all_namespaces().items if e.involved_object.name in rollout.pods]


def test_an_event_that_recurs_is_updated_in_place(company: Company, site: Site, api: client.ApiClient) -> None:
    """Same uid, greater count, new resource version."""
    core = client.CoreV1Api(api)
    rollout = _production(company, succeeded=False)[0]
    seen = []
    for seconds in (21, 61):
        site.set_clock("kubernetes", rollout.started_at + timedelta(seconds=seconds))
        events = core.list_namespaced_event("production").items
        seen.append(next(e for e in events if e.reason == "Unhealthy" and e.involved_object.name == rollout.pods[0]))
    first, second = seen
    assert first.metadata.uid == second.metadata.uid
    assert first.count < second.count
    assert int(first.metadata.resource_version) < int(second.metadata.resource_version)


def test_lists_are_paged_and_a_stale_token_is_gone(company: Company, site: Site, api: client.ApiClient) -> None:
    """Pages give the whole list of the first page's instant; after five minutes the token answers 410."""
    core = client.CoreV1Api(api)
    now = _production(company)[5].completed_at + timedelta(minutes=1)
    site.set_clock("kubernetes", now)
    whole = [e.metadata.uid for e in core.list_event_for_all_namespaces().items]
    found: list[str] = []
    token = None
    while True:
        page = core.list_event_for_all_namespaces(limit=3, **({"_continue": token} if token else {}))
        found += [e.metadata.uid for e in page.items]
        token = page.metadata._continue
        if not token:
            break
        stale = token
        site.set_clock("kubernetes", site.clock("kubernetes") + timedelta(seconds=5))
    assert found == whole
    site.set_clock("kubernetes", now + timedelta(minutes=9))
    with pytest.raises(client.ApiException, match="Expired"):
        core.list_event_for_all_namespaces(limit=3, _continue=stale)


def test_a_watch_tells_what_happens_while_the_clock_moves(company: Company, site: Site, api: client.ApiClient) -> None:
    """Changes after the listed version come one by one, then bookmarks."""
    core = client.CoreV1Api(api)
    rollout = _production(company)[7]
    site.set_clock("kubernetes", rollout.started_at - timedelta(seconds=1))
    version = core.list_event_for_all_namespaces().metadata.resource_version
    site.set_clock("kubernetes", rollout.started_at + timedelta(seconds=30))
    answer = core.list_event_for_all_namespaces(
        watch=True, resource_version=version, timeout_seconds=1, allow_watch_bookmarks=True, _preload_content=False
    )
    lines = [json.loads(line) for line in answer.data.splitlines()]
    assert lines[-1]["type"] == "BOOKMARK"
    names = [x["object"]["involvedObject"]["name"] for x in lines if x["type"] == "ADDED"]
    assert {rollout.service, rollout.replica_set, *rollout.pods} <= set(names)
    versions = [int(x["object"]["metadata"]["resourceVersion"]) for x in lines]
    assert versions == sorted(versions)
    assert versions[0] == int(version) + 1


def test_a_watch_from_a_forgotten_version_says_gone(site: Site, api: client.ApiClient) -> None:
    """The stream's only line is an ERROR of code 410, which the client raises."""
    site.set_clock("kubernetes", datetime(2026, 9, 1, 12, tzinfo=UTC))
    core = client.CoreV1Api(api)
    with pytest.raises(client.ApiException, match="too old resource version"):
        list(watch.Watch().stream(core.list_event_for_all_namespaces, resource_version="1000001", timeout_seconds=1))


def test_both_forms_of_an_event_are_one_object(site: Site, api: client.ApiClient) -> None:
    """events.k8s.io/v1 renames fields of core/v1."""
    site.set_clock("kubernetes", datetime(2026, 9, 1, 12, tzinfo=UTC))
    old, new = (
        json.loads(api.request("GET", f"{api.configuration.host}{path}", headers={"authorization": "Bearer demo-token"},
                               _preload_content=False).data)
        for path in ("/api/v1/events", "/apis/events.k8s.io/v1/events")
    )  # fmt: skip
    assert [e["metadata"] for e in old["items"]] == [e["metadata"] for e in new["items"]]
    assert [(e["message"], e["involvedObject"]) for e in old["items"]] == [
        (e["note"], e["regarding"]) for e in new["items"]
    ]


def test_access_is_as_of_the_clock(company: Company, site: Site, api: client.ApiClient) -> None:
    """A person who was granted access by ticket has a binding for that time alone; standing roles are few."""
    rbac = client.RbacAuthorizationV1Api(api)
    ticket = next(t for t in company.tickets if t.type == "access")
    assert ticket.approved_at is not None
    assert ticket.valid_to is not None
    seen = []
    for at in (ticket.approved_at - timedelta(seconds=1), ticket.approved_at, ticket.valid_to):
        site.set_clock("kubernetes", at)
        names = {b.metadata.name for b in rbac.list_namespaced_role_binding("production").items}
        seen.append(f"jit-{ticket.key.lower()}" in names)
    assert seen == [False, True, False]
    assert {r.metadata.name for r in rbac.list_role_for_all_namespaces().items} == {
        "deployer",
        "pod-debugger",
        "viewer",
    }
    assert len(rbac.list_cluster_role().items) == len(rbac.list_cluster_role_binding().items) == 2


@pytest.mark.parametrize(("token", "code"), [("another", 401), (None, 403)])
def test_only_the_token_opens_the_api(site: Site, token: str | None, code: int) -> None:
    """A wrong token is unauthorized, none is anonymous and forbidden."""
    with _client(site, token) as api, pytest.raises(client.ApiException) as refused:
        client.CoreV1Api(api).list_namespaced_pod("production")
    assert refused.value.status == code


def test_the_version_is_told(api: client.ApiClient) -> None:
    """The client's first question has an answer."""
    assert client.VersionApi(api).get_code().git_version == "v1.33.3"
