"""Rulesets, rule suites, branch protection, environments: the settings as of an instant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from demo.settings import REQUIRED_CHECKS, settings_at
from demo.systems.github.bodies import API, WEB, Bodies, node_id, stamp

if TYPE_CHECKING:
    from datetime import datetime

    from demo.model import PushActivity, Repository

_ACTIONS_APP = 15368


@dataclass(frozen=True, slots=True)
class Protection:
    """Renders what protects branches and environments."""

    bodies: Bodies

    def branch_settings(self, repo: Repository, now: datetime) -> dict[str, object]:
        """The settings of the protected branch at an instant."""
        return settings_at(self.bodies.company.config_changes, repo, "branch", repo.protected_branch, now)

    def ruleset(self, repo: Repository, now: datetime, *, alone: bool) -> dict[str, object]:
        """The repository's ruleset, with its rules if asked for `alone`."""
        settings = self.branch_settings(repo, now)
        changes = [c.time for c in self.bodies.company.config_changes if c.repo == repo.full_name and c.time <= now]
        url = f"{API}/repos/{repo.full_name}/rulesets/{repo.ruleset_id}"
        body: dict[str, object] = {
            "id": repo.ruleset_id, "name": "main-protection", "target": "branch", "source_type": "Repository",
            "source": repo.full_name, "enforcement": settings["enforcement"],
            "node_id": node_id("RRS", repo.ruleset_id), "created_at": stamp(repo.created_at),
            "updated_at": stamp(max(changes, default=repo.created_at)),
            "_links": {
                "self": {"href": url}, "html": {"href": f"{WEB}/{repo.full_name}/rules/{repo.ruleset_id}"},
            },
        }  # fmt: skip
        if alone:
            body |= {
                "bypass_actors": [], "current_user_can_bypass": "never", "rules": _rules(settings),
                "conditions": {"ref_name": {"include": [f"refs/heads/{repo.protected_branch}"], "exclude": []}},
            }  # fmt: skip
        return body

    def rule_suite(self, repo: Repository, update: PushActivity, *, bypassed: bool) -> dict[str, object]:
        """How the ruleset judged an update of the protected branch."""
        return {
            "id": suite_id(update), "actor_id": self.bodies.account_id(update.actor), "actor_name": update.actor,
            "before_sha": update.before, "after_sha": update.after, "ref": update.ref, "repository_id": repo.id,
            "repository_name": repo.name, "pushed_at": stamp(update.time),
            "result": "bypass" if bypassed else "pass", "evaluation_result": None if not bypassed else "fail",
        }  # fmt: skip

    def rule_suite_alone(self, repo: Repository, update: PushActivity, *, bypassed: bool) -> dict[str, object]:
        """The same with each rule's result."""
        evaluation: dict[str, object] = {
            "rule_source": {"type": "ruleset", "id": repo.ruleset_id, "name": "main-protection"},
            "enforcement": "active", "result": "fail" if bypassed else "pass", "rule_type": "pull_request",
            "details": "At least 1 approving review is required" if bypassed else None,
        }  # fmt: skip
        return {**self.rule_suite(repo, update, bypassed=bypassed), "rule_evaluations": [evaluation]}

    def classic(self, repo: Repository, now: datetime) -> dict[str, object]:
        """The branch protection of a repository without ruleset."""
        settings = self.branch_settings(repo, now)
        url = f"{API}/repos/{repo.full_name}/branches/{repo.protected_branch}/protection"
        body: dict[str, object] = {
            "url": url,
            "required_status_checks": {
                "url": f"{url}/required_status_checks", "strict": settings["strict_checks"],
                "contexts": list(REQUIRED_CHECKS), "contexts_url": f"{url}/required_status_checks/contexts",
                "checks": [{"context": name, "app_id": _ACTIONS_APP} for name in REQUIRED_CHECKS],
            },
            "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": settings["enforce_admins"]},
        }  # fmt: skip
        if settings["reviews_enforced"]:
            body["required_pull_request_reviews"] = {
                "url": f"{url}/required_pull_request_reviews",
                "dismiss_stale_reviews": settings["dismiss_stale_reviews"],
                "require_code_owner_reviews": settings["require_code_owner_review"],
                "require_last_push_approval": settings["require_last_push_approval"],
                "required_approving_review_count": settings["required_approving_review_count"],
            }  # fmt: skip
        off = ("required_linear_history", "allow_force_pushes", "allow_deletions", "block_creations", "lock_branch")
        more = ("required_conversation_resolution", "allow_fork_syncing")
        return body | {name: {"enabled": False} for name in (*off, *more)}

    def environment(self, repo: Repository, name: str, now: datetime) -> dict[str, object]:
        """An environment with its rules and the reviewers who were employed at the instant."""
        settings = settings_at(self.bodies.company.config_changes, repo, "environment", name, now)
        number = repo.environments[name]
        url = f"{API}/repos/{repo.full_name}/environments/{name}"
        body: dict[str, object] = {
            "id": number, "node_id": node_id("EN", number), "name": name, "url": url,
            "html_url": f"{WEB}/{repo.full_name}/deployments/activity_log?environments_filter={name}",
            "created_at": stamp(repo.created_at), "updated_at": stamp(repo.created_at), "can_admins_bypass": True,
            "protection_rules": [], "deployment_branch_policy": None,
        }  # fmt: skip
        if name == "production":
            people = self.bodies.company.people.values()
            reviewers = [p for p in people if p.environment_reviewer and p.employed(now)]
            body["can_admins_bypass"] = settings["can_admins_bypass"]
            body["protection_rules"] = [
                {
                    "id": number + 1000, "node_id": node_id("GA", number + 1000), "type": "required_reviewers",
                    "prevent_self_review": settings["prevent_self_review"],
                    "reviewers": [{"type": "User", "reviewer": self.bodies.user(p.login)} for p in reviewers],
                },
                {"id": number + 2000, "node_id": node_id("GA", number + 2000), "type": "branch_policy"},
            ]  # fmt: skip
            body["deployment_branch_policy"] = {
                "protected_branches": settings["protected_branches"], "custom_branch_policies": False,
            }  # fmt: skip
        return body


def suite_id(update: PushActivity) -> int:
    """The id of the rule suite of a branch update."""
    return update.id - 19_000_000_000


def _rules(settings: dict[str, object]) -> list[dict[str, object]]:
    return [
        {"type": "deletion"},
        {"type": "non_fast_forward"},
        {
            "type": "pull_request",
            "parameters": {
                "required_approving_review_count": settings["required_approving_review_count"],
                "dismiss_stale_reviews_on_push": settings["dismiss_stale_reviews"],
                "require_code_owner_review": settings["require_code_owner_review"],
                "require_last_push_approval": settings["require_last_push_approval"],
                "required_review_thread_resolution": False,
                "allowed_merge_methods": ["merge", "squash"],
            },
        },
        {
            "type": "required_status_checks",
            "parameters": {
                "strict_required_status_checks_policy": settings["strict_checks"],
                "do_not_enforce_on_create": False,
                "required_status_checks": [{"context": n, "integration_id": _ACTIONS_APP} for n in REQUIRED_CHECKS],
            },
        },
    ]
