"""Routes of protection: classic protection, rulesets, rule suites, environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from demo.systems.github.bodies import dump
from demo.systems.github.paging import numbered, tagged
from demo.systems.github.protection import suite_id
from demo.systems.github.routing import REPO, get, not_found

if TYPE_CHECKING:
    from demo.systems import Request, Response
    from demo.systems.github.answers import Answers


@get(f"{REPO}/branches/(?P<branch>[^/]+)/protection")
def branch_protection(a: Answers, r: Request) -> Response:
    """Classic protection; 404 where there is none, also where a ruleset protects."""
    repo = a.repository(r)
    if repo.protection != "classic" or r.params["branch"] != repo.protected_branch:
        return not_found("Branch not protected")
    return tagged(dump(a.protection.classic(repo, r.now)))


@get(f"{REPO}/rulesets")
def rulesets(a: Answers, r: Request) -> Response:
    """Rulesets without their rules."""
    repo = a.repository(r)
    return numbered(r, [repo] if repo.ruleset_id else [], lambda x: dump(a.protection.ruleset(x, r.now, alone=False)))


@get(f"{REPO}/rulesets/(?P<id>\\d+)")
def ruleset(a: Answers, r: Request) -> Response:
    """One ruleset with its rules."""
    repo = a.repository(r)
    if repo.ruleset_id != int(r.params["id"]):
        return not_found()
    return tagged(dump(a.protection.ruleset(repo, r.now, alone=True)))


@get(f"{REPO}/rulesets/rule-suites")
def rule_suites(a: Answers, r: Request) -> Response:
    """How updates of the protected branch were judged, newest first, over a day unless `time_period` says more."""
    repo = a.repository(r)
    found = a.suites(r, repo)
    return numbered(r, found, lambda u: dump(a.protection.rule_suite(repo, u, bypassed=u.after in a.overridden)))


@get(f"{REPO}/rulesets/rule-suites/(?P<id>\\d+)")
def rule_suite(a: Answers, r: Request) -> Response:
    """One judgement with each rule's result."""
    repo = a.repository(r)
    for update in a.index.activities.until(repo.full_name, r.now):
        if suite_id(update) == int(r.params["id"]):
            bypassed = update.after in a.overridden
            return tagged(dump(a.protection.rule_suite_alone(repo, update, bypassed=bypassed)))
    return not_found()


@get(f"{REPO}/environments")
def environments(a: Answers, r: Request) -> Response:
    """Environments with their protection rules."""
    repo = a.repository(r)
    names = list(repo.environments)
    return numbered(r, names, lambda name: dump(a.protection.environment(repo, name, r.now)), "environments")


@get(f"{REPO}/environments/(?P<name>[^/]+)")
def environment(a: Answers, r: Request) -> Response:
    """One environment."""
    return tagged(dump(a.protection.environment(a.repository(r), r.params["name"], r.now)))
