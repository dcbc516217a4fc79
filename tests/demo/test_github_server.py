"""The simulated GitHub over HTTP: as of its clock, page by page, and with planned faults."""

from __future__ import annotations

import http.client
import json
import time
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from github import Auth, Github

from demo.company import simulate
from demo.faults import KINDS, Fault
from demo.simulation import Simulation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from demo.model import Company

pytestmark = pytest.mark.server
AUTH = {"Authorization": "Bearer demo-token"}
ORG, REPO = "/orgs/harborpay", "/repos/harborpay/settlement-api"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulation]:
    """A quarter of the company being served."""
    company = simulate(5, date(2026, 7, 1), date(2026, 10, 1))
    with Simulation(company, tmp_path_factory.mktemp("simulation")) as simulation:
        yield simulation


@pytest.fixture
def at_end(running: Simulation) -> Simulation:
    """The same with GitHub's clock at the end of the quarter and no faults."""
    running.set_clock("github", running.company.end)
    running.site.faults.replace([])
    return running


def _ask(simulation: Simulation, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection(simulation.url.removeprefix("http://"), timeout=10)
    try:
        connection.request("GET", f"/github{path}", headers={**AUTH, **headers})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def _json(simulation: Simulation, path: str) -> Any:
    response, body = _ask(simulation, path)
    assert response.status == 200, body
    return json.loads(body)


def _pages(simulation: Simulation, path: str) -> Iterator[Any]:
    while path:
        response, body = _ask(simulation, path)
        assert response.status == 200, body
        yield json.loads(body)
        links = [part for part in (response.getheader("Link") or "").split(", ") if 'rel="next"' in part]
        path = links[0].split(">")[0].removeprefix(f"<{simulation.urls['github']}") if links else ""


def _pull(company: Company) -> Any:
    reviewed = {(r.repo, r.number) for r in company.reviews if r.dismissed_at and r.state == "APPROVED"}
    return next(p for p in company.pull_requests if p.merged_at and (p.repo, p.number) in reviewed)


def test_a_pull_request_is_open_before_it_is_merged(at_end: Simulation) -> None:
    """State, head and merge commit are those of the instant."""
    pull = _pull(at_end.company)
    path = f"/repos/{pull.repo}/pulls/{pull.number}"
    at_end.set_clock("github", pull.merged_at - timedelta(seconds=1))
    before = _json(at_end, path)
    at_end.set_clock("github", pull.merged_at)
    after = _json(at_end, path)
    assert (before["state"], before["merged"], before["merged_at"]) == ("open", False, None)
    assert (after["state"], after["merged"], after["merge_commit_sha"]) == ("closed", True, pull.merge_commit_sha)
    at_end.set_clock("github", pull.created_at - timedelta(seconds=1))
    assert _ask(at_end, path)[0].status == 404


def test_a_review_is_approved_until_it_is_dismissed(at_end: Simulation) -> None:
    """A dismissal rewrites the review and appears among the issue's events with the state before."""
    company = at_end.company
    pull = _pull(company)
    one = next(r for r in company.reviews if (r.repo, r.number) == (pull.repo, pull.number) and r.dismissed_at)
    base = f"/repos/{pull.repo}"
    assert one.dismissed_at is not None
    states = []
    for moment in (one.dismissed_at - timedelta(seconds=1), one.dismissed_at):
        at_end.set_clock("github", moment)
        states += [r["state"] for r in _json(at_end, f"{base}/pulls/{pull.number}/reviews") if r["id"] == one.id]
    events = _json(at_end, f"{base}/issues/{pull.number}/events")
    assert states == ["APPROVED", "DISMISSED"]
    assert [e["dismissed_review"]["state"] for e in events if e["event"] == "review_dismissed"] == ["approved"]


def test_a_run_is_in_progress_until_it_completes(at_end: Simulation) -> None:
    """Attempts, jobs and deployments appear when they begin and conclude when they end."""
    run = next(r for r in at_end.company.runs if len(r.attempts) > 1 and r.name == "Deploy to production")
    path = f"/repos/{run.repo}/actions/runs/{run.id}"
    first, second = run.attempts
    at_end.set_clock("github", first.completed_at - timedelta(seconds=1))
    running = _json(at_end, path)
    at_end.set_clock("github", second.started_at + timedelta(seconds=30))
    again = _json(at_end, path)
    assert (running["status"], running["conclusion"], running["run_attempt"]) == ("in_progress", None, 1)
    assert (again["status"], again["run_attempt"], again["created_at"]) == ("in_progress", 2, running["created_at"])
    assert _json(at_end, f"{path}/attempts/1")["conclusion"] == first.conclusion
    assert [j["status"] for j in _json(at_end, f"{path}/jobs")["jobs"]] != []


def test_lists_hold_only_what_existed(at_end: Simulation) -> None:
    """No list shows a record whose time is after the clock."""
    now = at_end.company.start + timedelta(days=30, hours=17)
    at_end.set_clock("github", now)
    text = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    pulls = _json(at_end, f"{REPO}/pulls?state=all&per_page=100")
    runs = _json(at_end, f"{REPO}/actions/runs?per_page=100")["workflow_runs"]
    audit = _json(at_end, f"{ORG}/audit-log?include=all&per_page=100")
    assert pulls
    assert runs
    assert audit
    assert all(max(p["updated_at"], p["closed_at"] or "") <= text for p in pulls)
    assert all(r["updated_at"] <= text for r in runs)
    assert all(e["created_at"] <= now.timestamp() * 1000 for e in audit)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{ORG}/audit-log?include=web&per_page=70&phrase=created:2026-08-01..2026-08-31", "_document_id"),
        (f"{ORG}/audit-log?include=web&per_page=33&order=asc&phrase=created:>=2026-09-20", "_document_id"),
        (f"{REPO}/activity?per_page=41", "id"),
        (f"{REPO}/activity?per_page=7&ref=main", "id"),
        (f"{REPO}/pulls?state=closed&per_page=9&sort=updated&direction=desc", "number"),
        (f"{REPO}/deployments?per_page=11&environment=production", "id"),
        (f"{REPO}/commits?per_page=50", "sha"),
    ],
)
def test_pages_cover_everything_once(at_end: Simulation, path: str, name: str) -> None:
    """Following Link from page to page gives every record exactly once, as one large page would."""
    pages = list(_pages(at_end, path))
    found = [item[name] for page in pages for item in page]
    assert len(pages) > 1
    assert len(found) == len(set(found))
    company = at_end.company
    if "/activity?per_page=41" in path:
        assert len(found) == sum(1 for a in company.activities if a.repo == "harborpay/settlement-api")
    if "2026-08-01" in path:
        low, high = datetime(2026, 8, 1, tzinfo=UTC), datetime(2026, 9, 1, tzinfo=UTC)
        web = [e for e in company.audit_events if low <= e.time < high and not e.action.startswith("git.")]
        assert len(found) == len(web)


def test_a_cursor_survives_records_that_arrive_meanwhile(at_end: Simulation) -> None:
    """The next page of a moving list neither repeats nor leaves out what was there before."""
    at_end.set_clock("github", at_end.company.start + timedelta(days=20))
    path = f"{REPO}/activity?per_page=20"
    whole = [x["id"] for page in _pages(at_end, path) for x in page]
    pages = _pages(at_end, path)
    found = [x["id"] for x in next(pages)]
    at_end.set_clock("github", at_end.company.start + timedelta(days=40))
    found += [x["id"] for page in pages for x in page]
    assert found == whole


def test_a_filtered_run_list_counts_all_and_git_entries_expire(at_end: Simulation) -> None:
    """`total_count` is that of the filter; git entries older than seven days are gone."""
    one_day = _json(at_end, f"{REPO}/actions/runs?created=2026-07-01..2026-07-31&per_page=5")
    expected = [r for r in at_end.company.runs if r.repo == "harborpay/settlement-api" and r.created_at.month == 7]
    assert (one_day["total_count"], len(one_day["workflow_runs"])) == (len(expected), 5)
    phrase = "phrase=created:2026-07-01..2026-09-30"
    git = [e for page in _pages(at_end, f"{ORG}/audit-log?include=git&per_page=100&{phrase}") for e in page]
    oldest = (at_end.company.end - timedelta(days=7)).timestamp() * 1000
    assert git
    assert all(e["created_at"] >= oldest for e in git)


def test_conditional_requests_and_headers(at_end: Simulation) -> None:
    """A known ETag answers 304 without a body; Date is the virtual clock; the request id repeats."""
    response, body = _ask(at_end, f"{REPO}/pulls?state=closed")
    again, nothing = _ask(at_end, f"{REPO}/pulls?state=closed", **{"If-None-Match": response.getheader("ETag") or ""})
    assert (again.status, nothing) == (304, b"")
    assert body
    assert parsedate_to_datetime(response.getheader("Date") or "") == at_end.company.end
    assert response.getheader("X-GitHub-Request-Id") == again.getheader("X-GitHub-Request-Id")
    for name in ("limit", "remaining", "reset", "used", "resource"):
        assert response.getheader(f"x-ratelimit-{name}")


@pytest.mark.parametrize("header", ["Bearer expired", "token", "Basic ZGVtby10b2tlbg==", ""])
def test_a_wrong_token_is_refused(at_end: Simulation, header: str) -> None:
    """Anything but the token is 401, and unknown things are 404."""
    response, body = _ask(at_end, REPO, Authorization=header)
    assert response.status == 401
    assert json.loads(body)["message"] == "Bad credentials"
    assert _ask(at_end, "/repos/harborpay/nothing")[0].status == 404
    assert _ask(at_end, f"{REPO}/branches/main/protection")[0].status == 404


def test_each_fault_strikes_once_at_the_request_planned(at_end: Simulation) -> None:
    """The nth matching request goes wrong, the next one is answered again."""
    for kind in KINDS:
        at_end.site.faults.replace([Fault(r"/pulls\?", 2, kind, 0.05)])
        path = f"{REPO}/pulls?state=closed&kind={kind}"
        good = _ask(at_end, path)[1]
        try:
            response, body = _ask(at_end, path)
            outcome: tuple[object, ...] = (response.status, body == good, response.getheader("Retry-After") is not None)
        except (http.client.IncompleteRead, ConnectionError, http.client.BadStatusLine) as error:
            outcome = (type(error).__name__,)
        assert outcome == _OUTCOMES[kind]
        assert _ask(at_end, path)[1] == good


_OUTCOMES: dict[str, tuple[object, ...]] = {
    "rate_limit": (429, False, True),
    "secondary_limit": (403, False, True),
    "server_error": (500, False, False),
    "bad_gateway": (502, False, False),
    "unavailable": (503, False, False),
    "html": (200, False, False),
    "empty": (200, False, False),
    "truncated": ("IncompleteRead",),
    "reset": ("RemoteDisconnected",),
    "slow": (200, True, False),
}


def test_an_unknown_fault_is_refused() -> None:
    """A misspelt fault would test nothing."""
    with pytest.raises(ValueError, match="'sloow' is none of rate_limit"):
        Fault("/", 1, "sloow")


def test_the_clock_moves_over_http(at_end: Simulation) -> None:
    """A process of its own may move a clock; nonsense is refused with the reason."""
    connection = http.client.HTTPConnection(at_end.url.removeprefix("http://"), timeout=10)
    for body, status in (
        ({"system": "github", "now": "2026-07-02T10:00:00Z"}, 200),
        ({"system": "github", "now": "2026-07-02T10:00:00"}, 400),
        ({"system": "nothing", "now": "2026-07-02T10:00:00Z"}, 400),
    ):
        connection.request("POST", "/_simulation/clock", json.dumps(body))
        response = connection.getresponse()
        response.read()
        assert response.status == status
    connection.close()
    assert at_end.site.clock("github") == datetime(2026, 7, 2, 10, tzinfo=UTC)


def test_external_identities_page_by_page(at_end: Simulation) -> None:
    """GraphQL gives every member's single sign-on identity once."""
    query = "query($org:String!,$after:String){organization(login:$org){samlIdentityProvider{externalIdentities}}}"
    connection = http.client.HTTPConnection(at_end.url.removeprefix("http://"), timeout=10)
    found, after = [], None
    while True:
        variables = {"org": "harborpay", "after": after, "first": 5}
        connection.request("POST", "/github/graphql", json.dumps({"query": query, "variables": variables}), AUTH)
        body = json.loads(connection.getresponse().read())
        page = body["data"]["organization"]["samlIdentityProvider"]["externalIdentities"]
        found += [node["user"]["databaseId"] for node in page["nodes"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]
    connection.close()
    assert sorted(found) == sorted(m["id"] for m in _json(at_end, f"{ORG}/members?per_page=100"))


def test_pygithub_reads_it(at_end: Simulation) -> None:
    """The client that the connectors use pages through it."""
    client = Github(auth=Auth.Token("demo-token"), base_url=at_end.urls["github"], per_page=50, retry=None, lazy=True)
    repo = client.get_repo("harborpay/settlement-api")
    numbers = [p.number for p in repo.get_pulls(state="closed")]
    runs = repo.get_workflow_runs()
    _, events = client.requester.requestJsonAndCheck("GET", f"{ORG}/audit-log", parameters={"per_page": 5})
    assert len(numbers) == len(set(numbers)) > 50
    assert runs.totalCount == sum(1 for r in at_end.company.runs if r.repo == repo.full_name)
    assert len(events) == 5
    client.close()


@pytest.mark.slow
def test_a_request_takes_about_a_millisecond(at_end: Simulation) -> None:
    """Small answers over one kept-alive connection."""
    connection = http.client.HTTPConnection(at_end.url.removeprefix("http://"), timeout=10)
    pull = _pull(at_end.company)
    begun = time.perf_counter()
    for _ in range(200):
        connection.request("GET", f"/github/repos/{pull.repo}/pulls/{pull.number}/reviews", headers=AUTH)
        connection.getresponse().read()
    connection.close()
    assert (time.perf_counter() - begun) / 200 < 0.005
