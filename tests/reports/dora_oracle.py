"""The definitions once more, in plain loops over small histories: what the engine is compared with.

Nothing of the engine is used. Every set is computed from the whole history for every question, as the text of the
definitions says it, so that it can be read beside that text. Facts are lists of dicts in the columns of the CSV files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import product
from statistics import median
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
FAILED = {"failure", "error", "timed_out"}


@dataclass
class Oracle:
    """Answers over the window [start, end) of local dates, as known at `as_of`."""

    facts: dict[str, list[Row]]
    start: date
    end: date
    as_of: datetime
    zone: str = "UTC"
    releases: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Find the releases and what each was."""
        self.commits = {(c["repo"], c["sha"]): c for c in self.facts["commits"]}
        self.pulls = [p for p in self.facts["pull_requests"] if p["merged_at"] and p["merged_at"] <= self.as_of]
        self.incidents = [self._known(i) for i in self.facts["incidents"] if i["created_at"] <= self.as_of]
        first: dict[tuple[Any, ...], Row] = {}
        attempts = [d for d in self.facts["deployments"] if self._state(d) == "success"]
        for d in sorted(attempts, key=lambda d: (d["final_at"], d["run_attempt"])):
            first.setdefault((d["service"], d["environment"], d["sha"], d["run_id"]), d)
        self.releases = sorted(first.values(), key=lambda d: (d["final_at"], d["created_at"], d["deployment_id"]))
        for release in self.releases:
            release["kind"] = self._kind(release)

    def _known(self, incident: Row) -> Row:
        late = {k for k in ("acknowledged_at", "resolved_at") if incident[k] and incident[k] > self.as_of}
        return {k: None if k in late else v for k, v in incident.items()}

    def _state(self, d: Row) -> str:
        if not d["final_at"] or d["final_at"] > self.as_of:
            return "in_progress"
        return str(d["final_state"])

    def reach(self, repo: str, sha: str) -> set[str]:
        """A commit and its ancestors."""
        found: set[str] = set()
        todo = [sha]
        while todo:
            one = todo.pop()
            if one not in found:
                found.add(one)
                todo += self.commits.get((repo, one), {"parents": []})["parents"]
        return found

    def before(self, release: Row) -> list[Row]:
        """Earlier releases of the same service and environment."""
        same = [r for r in self.releases if all(r[k] == release[k] for k in ("service", "environment"))]
        return same[: next(i for i, r in enumerate(same) if r is release)]

    def _kind(self, release: Row) -> str:
        earlier = self.before(release)
        if not earlier:
            return "baseline"
        repo, last = release["service"], earlier[-1]
        if release["sha"] == last["sha"]:
            return "redeploy"
        if release["sha"] in self.reach(repo, last["sha"]):
            return "rollback"
        return "other"

    def carried(self, release: Row) -> set[str]:
        """What it was the first to carry."""
        old: set[str] = set()
        for earlier in self.before(release):
            old |= self.reach(release["service"], earlier["sha"])
        return self.reach(release["service"], release["sha"]) - old

    def carrier(self, incident: Row, sha: str) -> Row | None:
        """The first release of the incident's (or release's) service and environment that contains a commit."""
        for release in self.releases:
            if all(release[k] == incident[k] for k in ("service", "environment")) and sha in self.reach(
                release["service"], release["sha"]
            ):
                return release
        return None

    def bearing(self, service: str, environment: str) -> list[Row]:
        """Change-bearing releases."""
        return [
            r for r in self.releases
            if (r["service"], r["environment"]) == (service, environment) and r["kind"] in ("baseline", "other")
        ]  # fmt: skip

    def brought(self, release: Row) -> list[Row]:
        """Pull requests of which it brought the first commit."""
        found = []
        for pull in self.pulls:
            shas = {pull["merge_sha"]} | {c["sha"] for c in self._of(pull, "commits") + self._of(pull, "pr_commits")}
            history = [*self.before(release), release] if release["service"] == pull["repo"] else []
            first = next((r for r in history if shas & self.carried(r)), None)
            if first is release:
                found.append(pull)
        return found

    def _of(self, pull: Row, relation: str) -> list[Row]:
        return [c for c in self.facts[relation] if (c["repo"], c["pr"]) == (pull["repo"], pull["pr"])]

    def reverted(self, pull: Row) -> Row | None:
        """What a revert takes back."""
        own = [p for p in self.pulls if p["repo"] == pull["repo"] and p is not pull]
        if number := re.match(r"revert-(\d+)-", pull["head_branch"]):
            for other in own:
                if other["pr"] == number[1]:
                    return other
        if title := re.fullmatch(r'Revert "(.*)"', pull["title"]):
            same = [p for p in own if p["title"] == title[1] and p["merged_at"] <= pull["merged_at"]]
            return max(same, key=lambda p: p["merged_at"], default=None)
        return None

    @staticmethod
    def is_revert(pull: Row) -> bool:
        """By branch or title."""
        return bool(re.match(r"revert-\d+-", pull["head_branch"]) or re.fullmatch(r'Revert ".*"', pull["title"]))

    @staticmethod
    def is_hotfix(pull: Row) -> bool:
        """By label or branch."""
        return "hotfix" in pull["label"] or pull["head_branch"].startswith("hotfix/")

    def blamed_by_incident(self, incident: Row) -> Row | None:
        """The release that the incident's root cause came with."""
        cause = incident["root_cause_sha"]
        if not cause:
            return None
        lost = [
            p["merge_sha"] for p in self.pulls for b in self._of(p, "pr_commits")
            if b["sha"] == cause and p["repo"] == incident["service"]
        ]  # fmt: skip
        found = [r for r in (self.carrier(incident, sha) for sha in [cause, *lost]) if r]
        return min(found, key=self.releases.index, default=None)

    def failures(self) -> dict[int, list[tuple[str, Row]]]:
        """Index of each failed release → what says so: ('incident', it), ('remedy', release) or ('open', {})."""
        found: dict[int, list[tuple[str, Row]]] = {}

        def blame(release: Row | None, kind: str, by: Row) -> None:
            if release and release["kind"] in ("baseline", "other"):
                found.setdefault(self.releases.index(release), []).append((kind, by))

        for incident in self.incidents:
            blame(self.blamed_by_incident(incident), "incident", incident)
        for release in self.releases:
            if release["kind"] == "rollback":
                blame(self._rolled_back(release), "remedy", release)
            for pull in self.brought(release):
                bears = self.bearing(release["service"], release["environment"])
                if self.is_hotfix(pull) and release["kind"] != "baseline" and not self._taken_back(pull, release):
                    earlier = [r for r in bears if self.releases.index(r) < self.releases.index(release)]
                    blame(earlier[-1] if earlier else None, "remedy", release)
        for pull, environment in product(self.pulls, {r["environment"] for r in self.releases}):
            place = {"service": pull["repo"], "environment": environment}
            if first := self._taken_back(pull, place):
                same = [r for r in self.releases if place.items() <= r.items() and pull in self.brought(r)]
                blame(first, "remedy" if same else "open", same[0] if same else {})
        return found

    def _taken_back(self, pull: Row, place: Row) -> Row | None:
        """The release of a service and environment that a revert says has failed: it was live without the revert."""
        target = self.reverted(pull)
        first = target and self.carrier(place, target["merge_sha"])
        if not first or first["kind"] not in ("baseline", "other") or pull in self.brought(first):
            return None
        return first

    def _rolled_back(self, release: Row) -> Row | None:
        earlier = self.before(release)
        same = [r for r in earlier if r["sha"] == release["sha"]]
        within = [r for r in earlier if r["sha"] in self.reach(release["service"], release["sha"])]
        target = same[-1] if same else within[-1] if within else None
        after = earlier[earlier.index(target) + 1 :] if target else earlier
        return next((r for r in after if r["kind"] in ("baseline", "other")), None)

    def rework(self) -> list[Row]:
        """Rollbacks, hotfixes, reverts and what names an incident."""
        return [r for r in self.releases if r["kind"] != "baseline" and self._is_rework(r)]

    def _is_rework(self, release: Row) -> bool:
        if release["kind"] == "rollback":
            return True
        for pull in self.brought(release):
            target = self.reverted(pull)
            first = target and self.carrier(release, target["merge_sha"])
            if self.is_hotfix(pull) or (self.is_revert(pull) and first is not release):
                return True
            numbers = set(re.findall(r"#(\d+)", pull["title"]))
            for incident in self.incidents:
                named = incident["issue_number"] in numbers or incident["incident_id"] in pull["label"]
                if named and all(incident[k] == release[k] for k in ("service", "environment")):
                    return True
        return False

    def day(self, instant: datetime) -> date:
        """The local day."""
        return instant.astimezone(ZoneInfo(self.zone)).date()

    def inside(self, instant: datetime) -> bool:
        """Whether it is in the window."""
        return self.start <= self.day(instant) < self.end

    def production(self, service: str = "all") -> list[Row]:
        """Releases in the window."""
        return [
            r for r in self.releases
            if r["environment"] == "production" and service in ("all", r["service"]) and self.inside(r["final_at"])
        ]  # fmt: skip

    def weekly(self, service: str) -> list[int]:
        """Releases of each week that the window touches."""
        monday = self.start - timedelta(days=self.start.weekday())
        counts = []
        while monday < self.end:
            counts.append(
                sum(monday <= self.day(r["final_at"]) < monday + timedelta(days=7) for r in self.production(service))
            )
            monday += timedelta(days=7)
        return counts

    def leads(self, service: str, *, original: bool = False) -> list[float]:
        """Minutes of the commits that are no merges and not of a baseline; negative ones are left out."""
        found = []
        for release in self.production(service):
            for sha in self.carried(release) if release["kind"] != "baseline" else ():
                commit = self.commits.get((release["service"], sha))
                if not commit or len(commit["parents"]) > 1:
                    continue
                given = (commit["repo"], sha, "squash")
                squashed = [p for p in self.pulls if (p["repo"], p["merge_sha"], p["merge_method"]) == given]
                clocks = [b["committed_at"] for p in squashed for b in self._of(p, "pr_commits")] if original else []
                found += [minutes(release["final_at"], at) for at in clocks or [commit["committed_at"]]]
        return sorted(span for span in found if span >= 0)

    def recoveries(self, service: str) -> tuple[list[float], int]:
        """Minutes of the failures that ended, and how many have not."""
        spans, still = [], 0
        for index, by in self.failures().items():
            release = self.releases[index]
            if release not in self.production(service):
                continue
            incidents = [one for kind, one in by if kind == "incident"]
            ends = [i["resolved_at"] for i in incidents]
            if ends and not all(ends):
                still += 1
                continue
            remedies = [r["final_at"] for kind, r in by if kind == "remedy"]
            if not ends and not remedies:
                still += 1
                continue
            end = max(ends) if ends else min(remedies)
            spans.append(minutes(end, release["final_at"]))
        return sorted(span for span in spans if span >= 0), still

    def attempts(self, service: str) -> tuple[int, int]:
        """Attempts that succeeded, of those that ended well or badly, in the window."""
        known = [
            self._state(d) for d in self.facts["deployments"]
            if d["environment"] == "production" and service in ("all", d["service"]) and d["final_at"]
            and self.inside(d["final_at"]) and self._state(d) in FAILED | {"success"}
        ]  # fmt: skip
        return known.count("success"), len(known)

    def spells(self, service: str, until: str) -> list[float]:
        """Minutes from the production incidents of the window to `until`, where that has come."""
        return sorted(
            minutes(i[until], i["created_at"]) for i in self.incidents
            if i["environment"] == "production" and service in ("all", i["service"]) and self.inside(i["created_at"])
            and i[until] and i[until] >= i["created_at"]
        )  # fmt: skip


def minutes(end: datetime, start: datetime) -> float:
    """Minutes between two instants."""
    return (end - start).total_seconds() / 60


def middle(spans: list[float]) -> float | None:
    """The median, None of nothing."""
    return median(spans) if spans else None
