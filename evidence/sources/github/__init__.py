"""GitHub: the organisation's audit log, pull requests, Actions, deployments, branches, settings and people.

- Everything goes through PyGithub's requester, over one keep-alive connection (`wire`), and is kept as received
  before it is read (`inquiry`).
- What cannot be asked by time is read newest first, down to what is known (`feed`).
- A listing that several streams need (changed pull requests, runs, deployments) is asked once and shared.
- Collect `github.audit_log` before the runs, and parents before children: then nothing is asked twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from evidence.capture import Outcome
from evidence.errors import ConfigError
from evidence.sources._patience import Patience
from evidence.sources.base import Stream
from evidence.sources.github import actions, audit, branches, deployments, feed, pulls, settings, snapshots
from evidence.sources.github.inquiry import Inquiry, Memory
from evidence.sources.github.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from evidence.capture import Window
    from evidence.sources.base import Keep, Source

NAME = "github"

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_AUDIT = "github.audit_log"
_ENTITY: dict[str, Any] = {"kind": "entities", "lateness": feed.LATENESS, "second_source": _AUDIT}
_RUNS: dict[str, Any] = {"kind": "entities", "lateness": timedelta(hours=6), "second_source": _AUDIT}
# The last one after what is late by nine days, of which there is always some.
_REREADS = (_HOUR, _DAY, 7 * _DAY, 10 * _DAY)

STREAMS: tuple[Stream, ...] = (
    Stream(_AUDIT, "events", _DAY, audit.RETENTION, _REREADS, "elasticsearch.github_audit_log"),
    Stream("github.pull_requests", **_ENTITY),
    Stream("github.reviews", **_ENTITY),
    Stream("github.pull_request_commits", **_ENTITY),
    Stream("github.issue_events", **_ENTITY),
    Stream("github.branch_activity", "events", feed.LATENESS, second_source=_AUDIT),
    Stream("github.rule_suites", "events", feed.LATENESS, branches.SUITE_RETENTION, second_source=_AUDIT),
    Stream("github.workflow_runs", **_RUNS),
    Stream("github.workflow_jobs", **_RUNS),
    Stream("github.deployment_approvals", **_RUNS),
    Stream("github.deployments", **_ENTITY),
    Stream("github.deployment_statuses", **_ENTITY),
    Stream("git.commits", "entities", feed.LATENESS, second_source="github.branch_activity"),
    Stream("github.rulesets", "snapshot", second_source=_AUDIT),
    Stream("github.branch_protection", "snapshot", second_source=_AUDIT),
    Stream("github.environments", "snapshot", second_source=_AUDIT),
    Stream("github.members", "snapshot", second_source=_AUDIT),
    Stream("github.external_identities", "snapshot", second_source=_AUDIT),
    Stream("github.credential_authorizations", "snapshot", second_source=_AUDIT),
    Stream("github.personal_access_tokens", "snapshot", second_source=_AUDIT),
    Stream("github.collaborators", "snapshot", second_source=_AUDIT),
)

_ASK: dict[str, Callable[[Inquiry, Mapping[str, Any]], dict[str, Any]]] = {
    "github.audit_log": audit.audit_log,
    "github.pull_requests": pulls.pull_requests,
    "github.reviews": pulls.reviews,
    "github.pull_request_commits": pulls.commits,
    "github.issue_events": pulls.issue_events,
    "github.branch_activity": branches.branch_activity,
    "github.rule_suites": branches.rule_suites,
    "github.workflow_runs": actions.workflow_runs,
    "github.workflow_jobs": actions.workflow_jobs,
    "github.deployment_approvals": actions.deployment_approvals,
    "github.deployments": deployments.deployments,
    "github.deployment_statuses": deployments.deployment_statuses,
    "git.commits": branches.commits,
    "github.rulesets": snapshots.snapshot(snapshots.rulesets),
    "github.branch_protection": snapshots.snapshot(snapshots.branch_protection),
    "github.environments": snapshots.snapshot(snapshots.environments),
    "github.members": snapshots.snapshot(snapshots.members),
    "github.external_identities": snapshots.snapshot(snapshots.external_identities),
    "github.credential_authorizations": snapshots.snapshot(snapshots.credential_authorizations),
    "github.personal_access_tokens": snapshots.snapshot(snapshots.personal_access_tokens),
    "github.collaborators": snapshots.snapshot(snapshots.collaborators),
}


class GitHub:
    """One GitHub organisation as a `Source`.

    Args:
        access, scope: see evidence.sources.github.settings.
        patience: how failures are waited out.
    """

    streams: tuple[Stream, ...] = STREAMS

    def __init__(self, access: settings.Access, scope: settings.Scope, patience: Patience) -> None:
        self._wire, self._scope, self._patience = Wire(access), scope, patience
        self._memory = Memory()

    def collect(self, stream: str, window: Window, *, cursor: Mapping[str, Any], now: datetime, keep: Keep) -> Outcome:
        """See `evidence.sources.base.Source.collect`."""
        if stream not in _ASK:
            raise ConfigError(f"github has no stream {stream!r}; it has {', '.join(_ASK)}")
        inquiry = Inquiry(
            self._wire,
            self._patience,
            self._memory,
            scope=self._scope,
            stream=stream,
            window=window,
            now=now,
            keep=keep,
        )
        if stream == "github.audit_log" and self._scope.audit_log == "none":
            raise ConfigError("github.audit_log is asked for, but `audit_log` is `none` under the source github")
        after = _ASK[stream](inquiry, cursor)
        inquiry.succeed()
        return Outcome(after, inquiry.totals, tuple(inquiry.gaps), complete=not inquiry.gaps)

    def close(self) -> None:
        """Close the connection."""
        self._wire.close()


def connect(given: Mapping[str, Any], environ: Mapping[str, str], *, patience: Patience | None = None) -> Source:
    """A source for these settings (evidence.sources.github.settings); nothing is asked yet."""
    access, scope = settings.read(given, environ)
    return GitHub(access, scope, patience or Patience())
