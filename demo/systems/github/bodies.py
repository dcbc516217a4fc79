"""The objects inside GitHub's answers: users, repositories, commits; and the cache of rendered items.

- URLs name api.github.com and github.com, as the real bodies do, so that captures do not depend on a port.
- A body is rendered once per state that it can be in; `Cache` keeps the bytes.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from demo import roster

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from demo.model import Commit, Company, Repository

API = "https://api.github.com"
WEB = "https://github.com"

_USER_LINKS = {
    "followers_url": "/followers",
    "following_url": "/following{/other_user}",
    "gists_url": "/gists{/gist_id}",
    "starred_url": "/starred{/owner}{/repo}",
    "subscriptions_url": "/subscriptions",
    "organizations_url": "/orgs",
    "repos_url": "/repos",
    "events_url": "/events{/privacy}",
    "received_events_url": "/received_events",
}
_REPO_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
    "hooks_url": "/hooks",
}


def node_id(kind: str, number: object) -> str:
    """An opaque node id."""
    return f"{kind}_" + base64.urlsafe_b64encode(f"{kind}:{number}".encode()).decode().rstrip("=")


def stamp(at: datetime | None) -> str | None:
    """An instant as GitHub writes it."""
    return None if at is None else at.strftime("%Y-%m-%dT%H:%M:%SZ")


def dump(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(slots=True)
class Cache:
    """Rendered items by key. Two threads may render one item twice; the bytes are the same."""

    items: dict[tuple[object, ...], bytes] = field(default_factory=dict)

    def get(self, key: tuple[object, ...], make: Callable[[], object]) -> bytes:
        """The bytes of an item, rendered at the first call."""
        found = self.items.get(key)
        if found is None:
            found = self.items[key] = dump(make())
        return found


class Bodies:
    """Renders objects of one company."""

    def __init__(self, company: Company) -> None:
        self.company = company
        people = {p.login: (p.github_id, "User") for p in company.people.values()}
        bots = {b.login: (b.github_id, "Bot") for b in company.bots.values() if b.login and b.github_id}
        self._accounts = {**people, **bots, roster.WEB_FLOW[0]: (roster.WEB_FLOW[1], "User")}
        self._names = {p.login: (p.name, p.email) for p in company.people.values()}
        self._users = {login: self._user(login) for login in self._accounts}
        self._repos = {r.full_name: self._repo(r) for r in company.repositories.values()}

    def account_id(self, login: str) -> int:
        """The numeric id of an account."""
        return self._accounts[login][0]

    def is_bot(self, login: str) -> bool:
        """Whether an account is a bot's."""
        return self._accounts[login][1] == "Bot"

    def user(self, login: str) -> dict[str, object]:
        """A simple user."""
        return self._users[login]

    def _user(self, login: str) -> dict[str, object]:
        number, kind = self._accounts[login]
        url = f"{API}/users/{login.replace('[', '%5B').replace(']', '%5D')}"
        page = f"{WEB}/apps/{login.removesuffix('[bot]')}" if kind == "Bot" else f"{WEB}/{login}"
        return {
            "login": login, "id": number, "node_id": node_id("U", number),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4", "gravatar_id": "", "url": url,
            "html_url": page, **{k: url + v for k, v in _USER_LINKS.items()}, "type": kind,
            "user_view_type": "public", "site_admin": False,
        }  # fmt: skip

    def organisation(self) -> dict[str, object]:
        """The organisation as an owner."""
        url = f"{API}/users/{self.company.org}"
        return {
            "login": self.company.org, "id": self.company.org_id, "node_id": node_id("O", self.company.org_id),
            "avatar_url": f"https://avatars.githubusercontent.com/u/{self.company.org_id}?v=4", "gravatar_id": "",
            "url": url, "html_url": f"{WEB}/{self.company.org}", **{k: url + v for k, v in _USER_LINKS.items()},
            "type": "Organization", "user_view_type": "public", "site_admin": False,
        }  # fmt: skip

    def repository(self, full_name: str) -> dict[str, object]:
        """A minimal repository."""
        return self._repos[full_name]

    def _repo(self, repo: Repository) -> dict[str, object]:
        url = f"{API}/repos/{repo.full_name}"
        return {
            "id": repo.id, "node_id": node_id("R", repo.id), "name": repo.name, "full_name": repo.full_name,
            "private": True, "owner": self.organisation(), "html_url": f"{WEB}/{repo.full_name}",
            "description": repo.service and f"The {repo.service} service", "fork": False, "url": url,
            **{k: url + v for k, v in _REPO_LINKS.items()},
        }  # fmt: skip

    def full_repository(self, repo: Repository, pushed_at: datetime) -> dict[str, object]:
        """A repository as it answers alone."""
        counts = ("forks_count", "stargazers_count", "watchers_count", "open_issues_count", "subscribers_count")
        more = ("network_count", "forks", "open_issues", "watchers")
        return {
            **self.repository(repo.full_name), "git_url": f"git://github.com/{repo.full_name}.git",
            "ssh_url": f"git@github.com:{repo.full_name}.git", "clone_url": f"{WEB}/{repo.full_name}.git",
            "svn_url": f"{WEB}/{repo.full_name}", "mirror_url": None, "homepage": None, "language": None,
            **dict.fromkeys((*counts, *more), 0), "size": 20480, "default_branch": repo.protected_branch,
            "has_issues": False, "has_projects": False, "has_wiki": False, "has_pages": False,
            "has_discussions": False, "archived": False, "disabled": False, "visibility": "private",
            "pushed_at": stamp(pushed_at), "created_at": stamp(repo.created_at), "updated_at": stamp(pushed_at),
            "license": None, "topics": ["sox-critical"] if repo.sox_critical else [],
        }  # fmt: skip

    # -- commits ----------------------------------------------------------------------------------------------

    def _git_person(self, login: str, at: datetime) -> dict[str, object]:
        name, email = self._names.get(login, (login, f"{self.account_id(login)}+{login}@users.noreply.github.com"))
        if login == roster.WEB_FLOW[0]:
            name, email = "GitHub", "noreply@github.com"
        return {"name": name, "email": email, "date": stamp(at)}

    def commit(self, made: Commit, *, alone: bool = False) -> dict[str, object]:
        """A commit in a list or, `alone`, with its files."""
        url = f"{API}/repos/{made.repo}"
        body: dict[str, object] = {
            "sha": made.sha, "node_id": node_id("C", made.sha),
            "commit": {
                "author": self._git_person(made.author, made.authored_at),
                "committer": self._git_person(made.committer, made.committed_at),
                "message": made.message, "tree": {"sha": made.tree, "url": f"{url}/git/trees/{made.tree}"},
                "url": f"{url}/git/commits/{made.sha}", "comment_count": 0,
                "verification": {
                    "verified": True, "reason": "valid", "signature": "-----BEGIN SSH SIGNATURE-----",
                    "payload": f"tree {made.tree}", "verified_at": stamp(made.committed_at),
                },
            },
            "url": f"{url}/commits/{made.sha}", "html_url": f"{WEB}/{made.repo}/commit/{made.sha}",
            "comments_url": f"{url}/commits/{made.sha}/comments",
            "author": self.user(made.author), "committer": self.user(made.committer),
            "parents": [
                {"sha": p, "url": f"{url}/commits/{p}", "html_url": f"{WEB}/{made.repo}/commit/{p}"}
                for p in made.parents
            ],
        }  # fmt: skip
        if alone:
            files = self.files(made.repo, made.sha, made)
            added, deleted = sum(f.additions for f in made.files), sum(f.deletions for f in made.files)
            body["stats"] = {"total": added + deleted, "additions": added, "deletions": deleted}
            body["files"] = files
        return body

    def files(self, repo: str, sha: str, *commits: Commit) -> list[dict[str, object]]:
        """What commits changed, one entry a path."""
        found = {f.path: f for c in commits for f in c.files}
        return [
            {
                "sha": node_id("B", f"{sha}{f.path}").encode().hex()[-40:], "filename": f.path, "status": f.status,
                "additions": f.additions, "deletions": f.deletions, "changes": f.additions + f.deletions,
                "blob_url": f"{WEB}/{repo}/blob/{sha}/{f.path}", "raw_url": f"{WEB}/{repo}/raw/{sha}/{f.path}",
                "contents_url": f"{API}/repos/{repo}/contents/{f.path}?ref={sha}",
            }
            for f in found.values()
        ]  # fmt: skip
