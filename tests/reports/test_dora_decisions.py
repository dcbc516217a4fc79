"""The decisions that the definitions left open, by their number on the design page."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reports.dora_history import DAY, History, at


def test_decision_1_a_link_by_time_is_listed_and_not_counted() -> None:
    """Below the threshold a link shows as excluded evidence; the threshold is a parameter."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I1", 230, 240)

    assert history.compute().failed() == set()
    assert "I1" in history.compute().facts("change_failure_rate", "excluded")
    assert history.compute(threshold=0.5).failed() == {"D2"}


def test_decision_1_a_link_by_time_has_a_bound() -> None:
    """An incident more than a day after the last deployment is not linked to it at all."""
    history = History().line("a").deploy("D1", "a", 100)

    assert history.incident("I1", 100 + DAY, None).compute(threshold=0.5).failed() == {"D1"}
    late = History().line("a").deploy("D1", "a", 100).incident("I1", 101 + DAY, None)
    assert late.compute(threshold=0.5).failed() == set()


def test_decision_2_a_rollback_blames_the_first_change_after_its_target() -> None:
    """V1 V2 V3 V1: V2 failed, the rollback is rework, and nothing else is."""
    history = History().line("v1", "v2", "v3")
    for index, sha in enumerate(("v1", "v2", "v3", "v1")):
        history.deploy(f"D{index + 1}", sha, 100 * (index + 1))
    computed = history.compute()

    assert computed.kinds()["D4"] == "rollback"
    assert (computed.failed(), computed.rework()) == ({"D2"}, {"D4"})


def test_decision_2_deploying_again_what_was_rolled_back_is_no_failure() -> None:
    """V1 V2 V1 V2 V3: the last two roll forward, and are neither failure nor rework."""
    history = History().line("v1", "v2", "v3")
    for index, sha in enumerate(("v1", "v2", "v1", "v2", "v3")):
        history.deploy(f"D{index + 1}", sha, 100 * (index + 1))
    computed = history.compute()

    assert list(computed.kinds().values()) == ["baseline", "change", "rollback", "roll_forward", "change"]
    assert (computed.failed(), computed.rework()) == ({"D2"}, {"D3"})
    assert computed.value("lead_time", "count") == 2  # v2 and v3, once each


def test_decision_2_something_newer_after_a_rollback_rolls_forward() -> None:
    """V1 V2 V1 V3 where V3 was never live: a roll-forward that bears its change."""
    history = History().line("v1", "v2", "v3")
    for index, sha in enumerate(("v1", "v2", "v1", "v1", "v3")):
        history.deploy(f"D{index + 1}", sha, 100 * (index + 1))
    computed = history.compute()

    assert computed.kinds()["D4"] == "redeploy"
    assert computed.kinds()["D5"] == "roll_forward"
    assert computed.value("deployment_frequency", "change_bearing_count") == 3


def test_decision_2_a_rollback_to_what_was_never_live_finds_its_target_by_history() -> None:
    """V1 V3, back to V2 between them: V3 is blamed."""
    history = History().line("v1", "v2", "v3")
    history.deploy("D1", "v1", 100).deploy("D2", "v3", 200).deploy("D3", "v2", 300)

    assert history.compute().failed() == {"D2"}


def test_decision_2_a_redeploy_is_no_rollback_and_never_blamed() -> None:
    """The same commit twice: the incident after it blames the deployment that brought it."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).deploy("D3", "b", 300)
    history.incident("I1", 310, 320)

    assert history.compute(threshold=0.5).failed() == {"D2"}
    judged = history.incident("I2", 310, 320, deployment_id="D3").compute()
    assert judged.failed() == set()


def test_decision_2_the_older_branch_is_no_rollback() -> None:
    """An earlier deployment on another branch is no ancestor: it rolls nothing back."""
    history = History().commit("root", 0).commit("x", 1, "root").commit("y", 2, "root")
    history.deploy("D1", "root", 100).deploy("D2", "x", 200).deploy("D3", "y", 300).deploy("D4", "x", 400)
    computed = history.compute()

    assert computed.kinds()["D4"] == "roll_forward"
    assert computed.failed() == set()


def test_decision_3_a_deployment_counts_once_at_its_first_success() -> None:
    """Failure, success, failure of one run: one deployment, two failed attempts, and a version that was live."""
    history = History().line("a", "b").deploy("D1", "a", 100)
    history.deploy("D2", "b", 200, run_id="7", final_state="failure")
    history.deploy("D2b", "b", 220, run_id="7", run_attempt=2)
    history.deploy("D2c", "b", 240, run_id="7", run_attempt=3, final_state="failure")
    history.deploy("D2d", "b", 260, run_id="7", run_attempt=4)
    computed = history.compute()

    assert computed.facts("deployment_frequency", "sample") == {"D1", "D2b"}
    assert computed.value("deployment_success_rate", "rate") == pytest.approx(3 / 5)
    assert computed.value("lead_time", "median") == 210


def test_decision_4_the_first_remediation_and_the_last_resolution() -> None:
    """Without incidents the first remediation ends a failure; with them their last close does."""
    history = History().line("a", "b", "c", "d").deploy("D1", "a", 100).deploy("D2", "b", 200)
    history.deploy("D3", "c", 300).deploy("D4", "d", 400)
    history.pull("3", "c", 250, label=["hotfix"]).pull("4", "d", 350, title='Revert "work 2"').pull("2", "b", 150)

    assert history.compute().value("failed_deployment_recovery_time", "min", service="app") == 100
    history.incident("I1", 210, 600, root_cause_sha="b").incident("I2", 215, 500, root_cause_sha="b")
    assert history.compute().value("failed_deployment_recovery_time", "max", service="app") == 400


def test_decision_4_what_was_opened_again_is_open() -> None:
    """The last close counts only if no reopening follows it; an open failure stays in the count."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200)
    history.incident("I1", 210, 300, root_cause_sha="b", reopened_at=at(400))
    computed = history.compute()

    assert computed.value("failed_deployment_recovery_time", "open_count") == 1
    assert computed.value("failed_deployment_recovery_time", "median") is None
    assert computed.value("mttr", "open_count") == 1
    assert history.compute(as_of=350).value("mttr", "median") == 90


@pytest.mark.parametrize(
    "more",
    [{"body": "Fixes #9"}, {"body": "closes acme/app#9"}, {"label": ["I9"]}, {"title": "Resolve #9: totals"}],
)
def test_decision_5_a_change_that_names_the_incident_is_rework(more: dict[str, Any]) -> None:
    """A reference in the pull request makes the deployment an answer to the incident."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I9", 110, 210)

    assert history.pull("2", "b", 150, **more).compute().rework() == {"D2"}


def test_decision_5_other_ways_of_naming_and_time_alone() -> None:
    """The deployment's ticket and the incident's fix count; a deployment that merely follows does not."""
    base = History().line("a", "b").deploy("D1", "a", 100)
    base.deploy("D2", "b", 200, ticket="I9").incident("I9", 110, 210)
    assert base.compute().rework() == {"D2"}

    named = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200)
    assert named.incident("I9", 110, 210, fix_sha="b").compute().rework() == {"D2"}

    silent = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I9", 110, 210)
    assert silent.compute().rework() == set()


def test_decision_5_an_issue_number_means_nothing_in_another_repository() -> None:
    """`#9` of one repository is not the incident that another repository numbered 9."""
    history = History().line("a", "b").line("x", "y", repo="web").deploy("D1", "a", 100).deploy("D2", "b", 200)
    history.deploy("W1", "x", 100, service="web").deploy("W2", "y", 200, service="web")
    history.incident("I9", 110, 210).pull("2", "y", 150, repo="web", body="Fixes #9")

    assert history.compute().rework() == set()


REVERTS: list[dict[str, Any]] = [
    {"head_branch": "revert-2-b2"},
    {"title": 'Revert "work 2"'},
    {"body": "Reverts acme/app#2"},
    {"body": "Reverts #2"},
]


@pytest.mark.parametrize("more", REVERTS)
def test_decision_6_a_revert_blames_what_brought_the_change(more: dict[str, Any]) -> None:
    """Branch, title or body name the reverted pull request; its first deployment failed, however many followed."""
    history = History().line("a", "b", "c", "d").pull("2", "b", 50).pull("4", "d", 350, **more)
    history.deploy("D1", "a", 100).deploy("D2", "b", 200).deploy("D3", "c", 300).deploy("D4", "d", 400)
    computed = history.compute()

    assert (computed.failed(), computed.rework()) == ({"D2"}, {"D4"})
    assert computed.value("failed_deployment_recovery_time", "median") == 200


def test_decision_6_a_revert_stays_in_its_repository() -> None:
    """`Reverts other/web#2` says nothing about pull request 2 of this repository."""
    history = History().line("a", "b", "d").pull("2", "b", 50).pull("4", "d", 350, body="Reverts acme/web#2")
    history.deploy("D1", "a", 100).deploy("D2", "b", 200).deploy("D4", "d", 400)

    assert history.compute().failed() == set()


def test_decision_6_a_change_and_its_revert_in_one_deployment_failed_nobody() -> None:
    """What was never live alone did not fail."""
    history = History().line("a", "b", "d").pull("2", "b", 50).pull("4", "d", 60, head_branch="revert-2-b2")
    history.deploy("D1", "a", 100).deploy("D4", "d", 400)
    computed = history.compute()

    assert (computed.failed(), computed.rework()) == (set(), set())


def test_decision_7_weeks_before_the_first_deployment_are_zeros() -> None:
    """They count in the median, unless the service was not yet in being."""
    history = History().line("a").deploy("D1", "a", 22 * DAY)
    counts = [
        row["value"] for row in history.compute().rows("deployment_frequency", "count", service="app", grain="week")
    ]
    assert counts == [0, 0, 0, 1]
    assert history.compute().value("deployment_frequency", "median_per_week", service="app") == 0

    history.add("services", service="app", repo="app", valid_from=at(21 * DAY))
    counts = [
        row["value"] for row in history.compute().rows("deployment_frequency", "count", service="app", grain="week")
    ]
    assert counts == [1]
    assert history.compute().value("deployment_frequency", "median_per_week", service="app") == 1


def test_decision_5_a_mention_names_the_incident_and_a_pull_request_does_not() -> None:
    """A number without a verb, an id as a word of title, branch or label; the pull request's own number is none."""
    for more in (
        {"title": "repair totals, see #9"},
        {"title": "I9 repair"},
        {"head_branch": "repair-I9-totals"},
        {"label": ["incident:I9"]},
        {"title": "repair", "body": "After acme/app#9."},
    ):
        history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I9", 110, 210)
        assert history.pull("2", "b", 150, **more).compute().rework() == {"D2"}, more

    for number, title in (("9", "work (#9)"), ("2", "work, see #90"), ("2", "work for I90")):
        history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I9", 110, 210)
        assert history.pull(number, "b", 150, title=title).compute().rework() == set(), title


def test_decision_6_a_squashed_revert_carries_numbers_in_its_title() -> None:
    """`Revert "work (#2)" (#3)` takes back 2, and so does the title alone."""
    for title in ('Revert "work (#2)" (#3)', 'Revert "work 2" (#3)', 'Revert "work 2 (#77)"'):
        history = History().line("a", "b", "c").deploy("D1", "a", 100).deploy("D2", "b", 200).deploy("D3", "c", 300)
        computed = history.pull("2", "b", 150).pull("3", "c", 250, title=title).compute()
        assert (computed.failed(), computed.rework()) == ({"D2"}, {"D3"}), title


def test_decision_6_a_revert_of_something_unknown_is_rework_that_blames_nothing() -> None:
    """The number means a pull request of its own repository; one of another repository is not looked at."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200)
    history.line("x", "y", repo="web").deploy("W1", "x", 100, service="web").deploy("W2", "y", 200, service="web")
    history.pull("7", "y", 150, repo="web").pull("2", "b", 150, head_branch="revert-7-work")
    computed = history.compute()

    assert (computed.failed(), computed.rework()) == (set(), {"D2"})


def test_a_hotfix_may_be_live_before_it_is_merged() -> None:
    """The deployment that brings its first commit is the hotfix; the one that brings the merge is not another."""
    history = History().line("a", "b").commit("h", 220, "b", pr="3").commit("m", 400, "b", "h", pr="3")
    history.deploy("D1", "a", 100).deploy("D2", "b", 200).deploy("D3", "h", 300).deploy("D4", "m", 500)
    computed = history.pull("3", "m", 400, label=["hotfix"]).compute()

    assert (computed.failed(), computed.rework()) == ({"D2"}, {"D3"})


def test_a_service_has_the_repository_that_holds_what_it_deploys() -> None:
    """Two services of one repository need no list of services; a namesake wins."""
    history = (
        History().line("a", "b", repo="mono").deploy("D1", "a", 100, service="x").deploy("D2", "b", 200, service="x")
    )
    history.deploy("D3", "a", 100, service="y").deploy("D4", "b", 300, service="y")
    computed = history.compute()

    assert [computed.value("lead_time", "median", service=name) for name in ("x", "y")] == [190, 290]


def test_decision_8_the_window_is_local_and_half_open() -> None:
    """A deployment at local midnight of the end is outside; that of the start is inside."""
    history = History().line("a", "b", "c")
    history.deploy("D1", "a", -60).deploy("D2", "b", 28 * DAY - 61).deploy("D3", "c", 28 * DAY - 60)

    berlin = history.compute(zone="Europe/Berlin", as_of=29 * DAY)
    assert berlin.facts("deployment_frequency", "sample") == {"D1"}  # summer time has begun: the end is 22:00Z
    assert history.compute(as_of=29 * DAY).facts("deployment_frequency", "sample") == {"D2", "D3"}
    assert history.compute(zone="Africa/Lagos", as_of=29 * DAY).facts("deployment_frequency", "sample") == {"D1", "D2"}


def test_decision_8_periods_that_the_window_cuts_are_partial() -> None:
    """A cut week shows its count with the status `partial` and stays out of the median."""
    history = History().line("a", "b").deploy("D1", "a", 3 * DAY).deploy("D2", "b", 9 * DAY)
    computed = history.compute(first=2, days=14)
    weeks = computed.rows("deployment_frequency", "count", service="app", grain="week")

    assert [(row["value"], row["status"]) for row in weeks] == [(1, "partial"), (1, "ok"), (0, "partial")]
    assert computed.value("deployment_frequency", "median_per_week", service="app") == 1


def test_decision_9_a_baseline_counts_and_has_no_lead_time() -> None:
    """The first deployment is in the frequency and bears change; its commits are listed as excluded."""
    computed = History().line("a", "b").deploy("D1", "b", 100).compute()

    assert computed.value("deployment_frequency", "change_bearing_count") == 1
    assert computed.value("lead_time", "count") == 0
    assert computed.facts("lead_time", "excluded") == {"app@a", "app@b"}


def test_decision_10_few_observations_are_published_and_said_to_be_few() -> None:
    """Below five the value stands with the status `insufficient`."""
    history = History().line("a", "b").deploy("D1", "a", 100).deploy("D2", "b", 200)
    (row,) = history.compute().rows("change_failure_rate", "rate")

    assert (row["value"], row["denominator"], row["status"]) == (0.0, 2, "insufficient")


def test_decision_11_a_root_cause_reaches_back_without_limit() -> None:
    """The first deployment that contained the named commit failed, months before the incident."""
    history = History().line("a", "b", "c").deploy("D1", "a", 100).deploy("D2", "b", 200).deploy("D3", "c", 79 * DAY)
    history.incident("I1", 80 * DAY, None, root_cause_sha="b")

    assert history.compute(days=90).failed() == {"D2"}


def test_decision_11_a_commit_lost_in_a_squash_names_the_squash() -> None:
    """A root cause on the branch is looked up through the pull request that was squashed."""
    history = History().line("a", "b").pull("2", "b", 50, merge_method="squash")
    history.add("pr_commits", pr="2", repo="app", sha="b1", committed_at=at(1))
    history.deploy("D1", "a", 100).deploy("D2", "b", 200).incident("I1", 300, None, root_cause_sha="b1")

    assert history.compute().failed() == {"D2"}


def test_decision_11_an_abbreviated_commit_names_the_one_that_it_begins() -> None:
    """Seven letters are enough if they begin one commit alone; fewer, or two of them, name nothing."""
    for named, failed in (("bbbbbbb", {"D2"}), ("bbbbbb", set()), ("ccccccc", set())):
        history = History().line("a" * 40, "b" * 40, "c" * 39 + "1", "c" * 39 + "2")
        history.deploy("D1", "a" * 40, 100).deploy("D2", "b" * 40, 200).deploy("D3", "c" * 39 + "2", 300)
        assert history.incident("I1", 400, None, root_cause_sha=named).compute().failed() == failed


def test_decision_12_negative_spans_are_listed_and_left_out() -> None:
    """A commit dated after its deployment is in no percentile; evidence and guard show it."""
    history = History().commit("a", 0).commit("b", 500, "a").commit("c", 150, "b")
    computed = history.deploy("D1", "a", 100).deploy("D2", "c", 200).compute()

    assert (computed.value("lead_time", "count"), computed.value("lead_time", "min")) == (1, 50)
    assert "app@b" in computed.facts("lead_time", "excluded")
    assert computed.guard("negative_spans") == 2  # on both clocks


def test_decision_13_a_timeout_failed_and_a_cancelled_attempt_did_not() -> None:
    """What was cancelled or never ended is listed, not counted."""
    history = History().line("a").deploy("D1", "a", 100)
    for index, state in enumerate(("failure", "timed_out", "cancelled", "in_progress")):
        history.deploy(f"X{index}", "a", 200 + index, final_state=state)
    computed = history.compute()

    assert computed.value("deployment_success_rate", "rate") == pytest.approx(1 / 3)
    assert computed.facts("deployment_success_rate", "excluded") == {"X2/1", "X3/1"}
