"""Which deployment carried which commit first: a walk over the commit graph.

Rules:

- A deployment carries the commits reachable from its SHA and from no earlier successful deployment of the same
  service and environment. One visited set per (service, environment) makes the whole history one walk.
- *baseline*: the first one, or the first after a gap in collection. *redeploy*: the SHA before it again.
  *rollback*: a proper ancestor of the SHA before it. *roll_forward*: after a rollback, anything that is neither;
  also a SHA that was carried before and is no ancestor. *change*: the rest.
- Named tuples, because a dataclass per deployment costs as much as the walk.
- A SHA that the graph does not know is a commit without parents.

Example: V1 V2 V1 V2 is baseline, change, rollback, roll_forward.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Deployed(NamedTuple):
    """A successful deployment as the walk needs it; `dep` is the caller's number for it."""

    dep: int
    sha: str
    rebaseline: bool = False


class Classified(NamedTuple):
    """What a deployment was.

    `target` is, for a rollback, the latest earlier deployment of that SHA, else the latest one within its
    history, else None. `carried` are the commits that it was the first to carry.
    """

    dep: int
    kind: str
    previous: int | None
    target: int | None
    carried: tuple[str, ...]


class Graph:
    """The commits of one repository and their parents."""

    def __init__(self, parents: Mapping[str, Sequence[str]]) -> None:
        self._parents = parents
        self._generations: dict[str, int] | None = None

    def unvisited(self, sha: str, visited: set[str]) -> tuple[str, ...]:
        """Commits reachable from `sha` and not in `visited`, which takes them up."""
        if sha in visited:
            return ()
        visited.add(sha)
        found = [sha]
        parents = self._parents
        for commit in found:  # grows while it is walked: breadth first
            for parent in parents.get(commit, ()):
                if parent not in visited:
                    visited.add(parent)
                    found.append(parent)
        return tuple(found)

    def is_ancestor(self, old: str, new: str) -> bool:
        """Whether `old` is a proper ancestor of `new`; walks only commits younger than `old`."""
        if old == new:
            return False
        generation = self._generation()
        floor = generation.get(old, 0)
        seen = {new}
        frontier = [new]
        for commit in frontier:
            for parent in self._parents.get(commit, ()):
                if parent == old:
                    return True
                if parent not in seen and generation.get(parent, 0) > floor:
                    seen.add(parent)
                    frontier.append(parent)
        return False

    def _generation(self) -> dict[str, int]:
        """Length of the longest path to a root; an ancestor's is smaller."""
        if self._generations is None:
            waiting: dict[str, int] = {}
            children: dict[str, list[str]] = {}
            for commit, parents in self._parents.items():
                known = [parent for parent in parents if parent in self._parents]
                waiting[commit] = len(known)
                for parent in known:
                    children.setdefault(parent, []).append(commit)
            ready = [commit for commit, count in waiting.items() if not count]
            generations = dict.fromkeys(ready, 0)
            for commit in ready:
                for child in children.get(commit, ()):
                    generations[child] = max(generations.get(child, 0), generations[commit] + 1)
                    waiting[child] -= 1
                    if not waiting[child]:
                        ready.append(child)
            self._generations = generations
        return self._generations


def walk(deployments: Iterable[Deployed], graph: Graph) -> list[Classified]:
    """Classify the successful deployments of one service and environment, given in the order they finished."""
    visited: set[str] = set()
    history: list[Deployed] = []
    results: list[Classified] = []
    state = ""  # the kind of the deployment that made the present state: redeploys leave it as it was
    for deployment in deployments:
        dep, sha, rebaseline = deployment
        previous = history[-1] if history else None
        repeated = sha in visited
        carried = graph.unvisited(sha, visited)
        kind, target = "change", None
        if previous is None or rebaseline:
            kind = "baseline"
        elif sha == previous.sha:
            kind = "redeploy"
        elif repeated and graph.is_ancestor(sha, previous.sha):
            kind, target = "rollback", _target(sha, history, graph)
        elif repeated or state == "rollback":
            kind = "roll_forward"
        if kind != "redeploy":
            state = kind
        history.append(deployment)
        results.append(Classified(dep, kind, previous.dep if previous else None, target, carried))
    return results


def _target(sha: str, history: Sequence[Deployed], graph: Graph) -> int | None:
    same = (earlier.dep for earlier in reversed(history) if earlier.sha == sha)
    within = (earlier.dep for earlier in reversed(history) if graph.is_ancestor(earlier.sha, sha))
    return next(same, None) or next(within, None)
