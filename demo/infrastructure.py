"""Infrastructure: merges that the pipeline applies, and the state versions that each application writes."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from demo import operations
from demo.model import Attempt, Job, Run, TerraformVersion
from demo.pipelines import INFRA, NIGHTLY, Gate, answer, finish, new_run
from demo.stories import gatekeeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from demo.builder import Builder, Merge, RepoState

PIPELINE_ROLE = "terraform-pipeline"
_SECOND = timedelta(seconds=1)
_RESOURCES = ("aws_subnet", "aws_security_group", "aws_iam_role", "aws_db_instance", "aws_s3_bucket")


@dataclass(slots=True)
class StateFile:
    """Where one state file stands."""

    key: str
    lineage: str
    serial: int
    addresses: list[str]


@dataclass(slots=True)
class StateBucket:
    """The bucket's state files by key; `write` adds a version."""

    b: Builder
    files: dict[str, StateFile] = field(default_factory=dict)

    def open(self, at: datetime) -> None:
        """Write the opening version of every state file."""
        for n, key in enumerate(self.b.company.state_keys):
            names = [f"{r}.{x}" for r in _RESOURCES for x in ("main", "standby")]
            self.files[key] = StateFile(key, self.b.uuid("lineage"), 210 + 34 * n, names)
            self.write(key, at, None)

    def write(self, key: str, at: datetime, run: Run | None, *, step: int = 1, writer: str = PIPELINE_ROLE) -> str:
        """Add a version whose serial is `step` higher; returns the item that names it."""
        file, b = self.files[key], self.b
        file.serial += step
        changed = b.rng.choice(file.addresses)
        if b.chance(0.4):
            changed = f"{b.rng.choice(_RESOURCES)}.extra_{file.serial}"
            file.addresses.append(changed)
        version = b.digest("version").hex()[:32]
        company = b.company
        company.terraform_versions.append(
            TerraformVersion(
                company.state_bucket, key, version, file.lineage, file.serial, at, run.id if run else None, writer,
                tuple(sorted(file.addresses)), (changed,),
            )
        )  # fmt: skip
        return f"{company.state_bucket}/{key}:{version}"


def applied(b: Builder, done: Merge, bucket: StateBucket, key: str, steps: tuple[int, ...]) -> list[str]:
    """Plan, get approved, apply: one version per step, about 20 s apart. Returns the versions' items."""
    at, sha = done.pull.merged_at, done.pull.merge_commit_sha
    if at is None or sha is None:
        raise ValueError(f"{done.pull.repo}#{done.pull.number} was not merged")
    state, actor = b.states[done.pull.repo], done.pull.merged_by or done.pull.author
    run = new_run(b, state, (INFRA, "push"), ("main", sha), (actor, at + 6 * _SECOND))
    start = run.created_at + 9 * _SECOND
    plan = Job(b.id_at("job", start), "plan", start - 3 * _SECOND, start, start + b.minutes(1, 3), "success")
    answered = plan.completed_at + b.minutes(4, 20)
    answer(b, run, 1, Gate(gatekeeper(b, state, at, actor)), answered)
    start = answered + 15 * _SECOND
    length = timedelta(seconds=60 + 21 * len(steps))
    ready = plan.completed_at + _SECOND
    apply = Job(b.id_at("job", start), "apply", ready, start, start + length, "success", "production")
    finish(b, run, [Attempt(1, actor, run.created_at, apply.completed_at + 3 * _SECOND, "success", (plan, apply))])
    state.deployed["production"] = state.merges.index(done)
    return [bucket.write(key, start + timedelta(seconds=30 + 21 * n), run, step=step) for n, step in enumerate(steps)]


def nightly(b: Builder, state: RepoState, at: datetime, *, fails: bool = False) -> None:
    """The scheduled job of one night; a failed one is run again by whoever is on call."""
    run = new_run(b, state, (NIGHTLY, "schedule"), ("main", _head_at(state, at)), ("ytanabe", at))
    start = at + 11 * _SECOND
    job = Job(b.id_at("job", start), "reconcile", start - 3 * _SECOND, start, start + b.minutes(9, 14), "success")
    first = Attempt(1, run.actor, at, job.completed_at + 2 * _SECOND, "success", (job,))
    if not fails:
        finish(b, run, [first])
        return
    start = first.completed_at + b.minutes(20, 60)
    second = Job(b.id_at("job", start), "reconcile", start - 3 * _SECOND, start, start + b.minutes(9, 14), "success")
    failed = replace(first, conclusion="failure", jobs=(replace(job, conclusion="failure"),))
    sre = b.on_call(start).login
    finish(b, run, [failed, Attempt(2, sre, start - 9 * _SECOND, second.completed_at, "success", (second,))])


def _head_at(state: RepoState, at: datetime) -> str:
    return next(sha for time, sha in reversed(state.main) if time <= at)


def released(b: Builder, done: Merge, bucket: StateBucket) -> None:
    """One to three versions of one state file, each one serial on."""
    applied(b, done, bucket, b.rng.choice(b.company.state_keys), (1,) * b.rng.randint(1, 3))


def restored_state(b: Builder, done: Merge, bucket: StateBucket) -> None:
    """Compliant: a serial jumps because a state was restored under an approved ticket."""
    key = bucket.b.company.state_keys[0]
    at = done.pull.merged_at
    if at is not None:
        scope = {"bucket": b.company.state_bucket, "key": key, "reason": "state push after restore"}
        operations.ticket(b, "change", "W2003", at - timedelta(hours=1), scope)
    applied(b, done, bucket, key, (1, 3))


def outside_pipeline(b: Builder, done: Merge, bucket: StateBucket) -> None:
    """A person writes a version from a laptop in the evening, with the next serial."""
    released(b, done, bucket)
    at = done.pull.merged_at
    if at is not None:
        item = bucket.write(b.company.state_keys[1], at + timedelta(hours=5), None, writer="oscar.lindqvist")
        b.exception("CHG-11", "versions", "A", item, ("state written outside the pipeline", "no run spans the write"))


def serial_jump(b: Builder, done: Merge, bucket: StateBucket) -> None:
    """A serial is left out without a ticket."""
    items = applied(b, done, bucket, b.company.state_keys[1], (1, 2))
    why = ("serial jump", "the serial rose by 2 without a ticket")
    b.exception("CHG-11", "versions", "B", items[1], why)
    written = max(v.written_at for v in b.company.terraform_versions if v.key == b.company.state_keys[1])
    b.exception("EVD-01", "partitions", "B", f"terraform.states:{written.astimezone(b.zone):%Y-%m-%d}", why)


RELEASES: dict[str, Callable[[Builder, Merge, StateBucket], None]] = {
    "released": released,
    "restored_state": restored_state,
    "outside_pipeline": outside_pipeline,
    "serial_jump": serial_jump,
}
