"""Every body that the simulated GitHub serves has the form that GitHub itself describes."""

from __future__ import annotations

import importlib
import json
import re
import sys
from datetime import date, timedelta
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from demo.company import simulate
from demo.http import Site
from demo.systems import github
from demo.systems.github.routing import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEADERS = {"authorization": f"Bearer {github.TOKEN}"}


class _Anything(ModuleType):
    """Stands for githubkit's HTTP cache library, which the schema models do not need."""

    __path__: list[str] = []  # noqa: RUF012 - the import system wants a plain list

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {"__init__": lambda *_, **__: None})


@pytest.fixture(scope="module")
def models() -> Iterator[ModuleType]:
    """GitHub's own models; githubkit 0.16 cannot import hishel 2, so it gets a stand-in while it loads."""
    before = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "hishel"}
    for name in ("hishel", "hishel.httpx", "hishel._core", "hishel._core.models", "hishel._core._spec"):
        sys.modules[name] = _Anything(name)
    try:
        yield importlib.import_module("githubkit_schemas.ghec_v2022_11_28.models")
    finally:
        for name in [n for n in sys.modules if n.partition(".")[0] == "hishel"]:
            del sys.modules[name]
        sys.modules.update(before)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A quarter of the company behind a GitHub whose clock stands in its middle."""
    company = simulate(11, date(2026, 7, 1), date(2026, 10, 1))
    folder: Path = tmp_path_factory.mktemp("github")
    return Site([github.build(company, folder)], company.start + timedelta(days=50))


def _get(site: Site, path: str) -> Any:
    response, _ = site.answer("GET", f"/github{path}", HEADERS, b"")
    assert response.status == 200, f"{path}: {response.status} {response.body[:200]!r}"
    return json.loads(response.body)


def _paths(site: Site) -> Iterator[tuple[str, str]]:
    """(path, model) of every kind of body, with items from all over the time that the clock has passed."""
    org = "/orgs/harborpay"
    yield f"{org}/audit-log?include=all&per_page=100", "list[AuditLogEvent]"
    yield f"{org}/members", "list[SimpleUser]"
    yield f"{org}/repos", "list[MinimalRepository]"
    yield f"{org}/credential-authorizations", "list[CredentialAuthorization]"
    yield f"{org}/personal-access-tokens", "list[OrganizationProgrammaticAccessGrant]"
    yield f"{org}/teams", "list[Team]"
    yield f"{org}/teams/sre/members", "list[SimpleUser]"
    yield f"{org}/teams/sre/repos", "list[MinimalRepository]"
    yield "/rate_limit", "RateLimitOverview"
    for name in ("settlement-api", "card-gateway", "customer-portal", "platform-infra", "batch-jobs"):
        yield from _repository_paths(site, f"/repos/harborpay/{name}")


def _repository_paths(site: Site, repo: str) -> Iterator[tuple[str, str]]:
    yield repo, "FullRepository"
    yield f"{repo}/pulls?state=all&per_page=100", "list[PullRequestSimple]"
    yield f"{repo}/activity?per_page=100", "list[Activity]"
    yield f"{repo}/commits?per_page=40", "list[Commit]"
    yield f"{repo}/collaborators", "list[Collaborator]"
    yield f"{repo}/rulesets", "list[RepositoryRuleset]"
    yield f"{repo}/rulesets/rule-suites?time_period=month", "list[RuleSuitesItems]"
    yield f"{repo}/environments", "ReposOwnerRepoEnvironmentsGetResponse200"
    yield f"{repo}/environments/production", "Environment"
    yield f"{repo}/actions/runs?per_page=60", "ReposOwnerRepoActionsRunsGetResponse200"
    yield f"{repo}/deployments?per_page=100", "list[Deployment]"
    for ruleset in _get(site, f"{repo}/rulesets"):
        yield f"{repo}/rulesets/{ruleset['id']}", "RepositoryRuleset"
    if repo.endswith("batch-jobs"):
        yield f"{repo}/branches/main/protection", "BranchProtection"
    for suite in _get(site, f"{repo}/rulesets/rule-suites?time_period=month")[:2]:
        yield f"{repo}/rulesets/rule-suites/{suite['id']}", "RuleSuite"
    for pull in _get(site, f"{repo}/pulls?state=all&per_page=100")[::6]:
        at = f"{repo}/pulls/{pull['number']}"
        yield at, "PullRequest"
        yield f"{at}/reviews", "list[PullRequestReview]"
        yield f"{at}/commits", "list[Commit]"
        yield f"{at}/files", "list[DiffEntry]"
        yield f"{repo}/issues/{pull['number']}/events", "list[IssueEvent]"
        yield f"{repo}/commits/{pull['head']['sha']}", "Commit"
        yield f"{repo}/commits/{pull['head']['sha']}/pulls", "list[PullRequestSimple]"
    for run in _get(site, f"{repo}/actions/runs?per_page=100")["workflow_runs"][::9]:
        at = f"{repo}/actions/runs/{run['id']}"
        yield at, "WorkflowRun"
        yield f"{at}/attempts/1", "WorkflowRun"
        yield f"{at}/attempts/1/jobs", "ReposOwnerRepoActionsRunsRunIdJobsGetResponse200"
        yield f"{at}/jobs?filter=all", "ReposOwnerRepoActionsRunsRunIdJobsGetResponse200"
        yield f"{at}/approvals", "list[EnvironmentApprovals]"
    for deployment in _get(site, f"{repo}/deployments?per_page=100")[::9]:
        at = f"{repo}/deployments/{deployment['id']}"
        yield at, "Deployment"
        yield f"{at}/statuses", "list[DeploymentStatus]"


def test_every_body_is_valid_by_githubs_own_description(site: Site, models: ModuleType) -> None:
    """Each kind of body, in each repository, passes the pydantic models made from GitHub's OpenAPI."""
    adapters: dict[str, TypeAdapter[Any]] = {}
    seen: dict[str, int] = {}
    for days in (9, 50, 91):
        site.set_clock("github", site.clock("github").replace(month=7, day=1) + timedelta(days=days))
        for path, model in _paths(site):
            if model not in adapters:
                name = model.removeprefix("list[").removesuffix("]")
                kind: Any = getattr(models, name)
                form: Any = list.__class_getitem__(kind) if model.startswith("list") else kind
                adapters[model] = TypeAdapter(form)
            body = _get(site, path)
            adapters[model].validate_python(body)
            seen[model] = seen.get(model, 0) + (len(body) if isinstance(body, list) else 1)
    assert all(seen.values()), f"kinds of body that were always empty: {[k for k, n in seen.items() if not n]}"
    assert len(seen) == len(adapters)


def test_every_route_is_covered(site: Site) -> None:
    """No GET route is left out of the check above."""
    asked = [path.partition("?")[0] for path, _ in _paths(site)]
    missing = [
        pattern
        for method, pattern, _ in ROUTES
        if method == "GET" and not any(re.fullmatch(pattern, path) for path in asked)
    ]
    assert not missing


def test_two_servers_of_one_seed_answer_the_same_bytes(site: Site, tmp_path: Path) -> None:
    """Bodies depend on the company and the clock alone, not on the port or on what was asked before."""
    other = Site([github.build(simulate(11, date(2026, 7, 1), date(2026, 10, 1)), tmp_path)], site.clock("github"))
    for path, _ in _paths(site):
        mine, _ = site.answer("GET", f"/github{path}", HEADERS, b"")
        theirs, _ = other.answer("GET", f"/github{path}", HEADERS, b"")
        assert mine.body == theirs.body
