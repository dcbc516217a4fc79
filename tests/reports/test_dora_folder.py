"""A folder of facts: files as people write them, and rows that are none."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

import duckdb
import pytest

from evidence.errors import ConfigError
from reports.dora.facts import REQUIRED
from reports.dora.folder import load_folder
from reports.dora.parameters import Parameters
from reports.dora.stage import stage

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "deployment_id,service,environment,sha,run_id,run_attempt,created_at,final_state,final_at,note\n"
GOOD = "D1,app,production,a,1,1,2026-03-02T08:00:00Z,success,2026-03-02T08:05:00Z,\n"


def deployments(folder: Path, text: str) -> duckdb.DuckDBPyConnection:
    """A connection that has read the text as deployments.csv."""
    (folder / "deployments.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    con = duckdb.connect()
    load_folder(con, folder)
    return con


def ids(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The deployments that were read."""
    return [row[0] for row in con.execute("SELECT deployment_id FROM deployments ORDER BY ALL").fetchall()]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("D2,app,production,a,1,1,2026-03-02T08:00:00,success,2026-03-02T08:05:00Z,", "is no instant with"),
        ("D2,app,production,a,1,1,2026-02-30T08:00:00Z,success,2026-03-02T08:05:00Z,", "is no instant with an offset"),
        ("D2,app,production,a,1,1,2026-03-02T08:00:00Z,inactive,2026-03-02T08:05:00Z,", "inactive"),
        ("D2,app,production,a,1,one,2026-03-02T08:00:00Z,success,2026-03-02T08:05:00Z,", "is no number"),
        ("D2,app,production", "3 fields, where the header has 10"),
        ("D2,app,production,a,1,1,2026-03-02T08:00:00Z,success,2026-03-02T08:05:00Z,,more", "11 fields"),
        ("D2,,production,a,1,1,2026-03-02T08:00:00Z,success,2026-03-02T08:05:00Z,", "without service"),
        ("D2,app,production,a,1,1,,in_progress,,", "no place in time"),
        ("D2,app,production,\udce9,1,1,2026-03-02T08:00:00Z,success,2026-03-02T08:05:00Z,", "sha is no UTF-8"),
        ('D2,app,production,"a,1', "cannot be read"),
    ],
)  # fmt: skip
def test_a_row_that_is_no_fact_is_left_out_and_named(tmp_path: Path, row: str, reason: str) -> None:
    """By its file, its line and the reason; the rows around it stay."""
    con = deployments(tmp_path, HEADER + GOOD + "\n" + row + "\n")
    ((file, line, why),) = con.execute("FROM dora_quarantine").fetchall()

    assert (file, line) == ("deployments.csv", 4)
    assert reason in why
    assert ids(con) == ["D1"]


def test_lines_are_counted_through_fields_of_several_lines(tmp_path: Path) -> None:
    """A note may hold line ends, commas and quotes; the position of what follows is that in the file."""
    noted = GOOD.rstrip("\n") + '"a ""note"",\r\nof two lines"\n'
    con = deployments(tmp_path, HEADER + noted + "D2\n" + GOOD.replace("D1", "D3"))

    assert con.execute("SELECT line FROM dora_quarantine").fetchall() == [(4,)]
    assert ids(con) == ["D1", "D3"]


def test_marks_line_ends_and_spaces_are_no_content(tmp_path: Path) -> None:
    """A byte order mark, CRLF, padded names and values, capitals of a state, offsets other than Z."""
    text = "\ufeff" + (HEADER + GOOD.replace("success", "SUCCESS")).replace(",", " , ").replace("\n", "\r\n").replace(
        "08:05:00Z", "09:05:00+01:00"
    )
    con = deployments(tmp_path, text)
    query = "SELECT deployment_id, sha, final_state, epoch(final_at) - epoch(created_at) FROM deployments"

    assert con.execute(query).fetchall() == [("D1", "a", "success", 300)]


def test_a_file_without_a_header_is_no_source(tmp_path: Path) -> None:
    """Nothing at all is a source that is not connected; a header alone is one with nothing to say."""
    (tmp_path / "incidents.csv").write_text("")
    con = deployments(tmp_path, HEADER)

    assert ids(con) == []
    with pytest.raises(duckdb.CatalogException, match="incidents"):
        con.execute("FROM incidents")


def test_missing_columns_are_refused(tmp_path: Path) -> None:
    """They are no matter of a row: the file is named with what it lacks."""
    with pytest.raises(ConfigError, match="deployments lacks final_state, final_at"):
        deployments(tmp_path, "deployment_id,service,environment,sha,run_id,run_attempt,created_at\n")


def test_a_folder_of_other_things_is_refused(tmp_path: Path) -> None:
    """The message says which files belong there."""
    with pytest.raises(ConfigError, match=r"holds none of .*deployments\.csv") as error:
        load_folder(duckdb.connect(), tmp_path)
    assert all(name in str(error.value) for name in REQUIRED)


def test_lists_may_be_separated_as_people_do(tmp_path: Path) -> None:
    """Labels by commas, semicolons or bars, parents by spaces or commas; each gives the same lists."""
    pulls = "pr,repo,title,label,merge_method,merge_sha,created_at,merged_at,head_branch\n"
    written = (("docs;hotfix", "a b"), ("docs|hotfix", "a;b"), ('"docs, hotfix"', '"a, b"'))
    for index, (labels, parents) in enumerate(written):
        folder = tmp_path / str(index)
        folder.mkdir()
        when = "2026-03-02T08:00:00Z"
        (folder / "pull_requests.csv").write_text(f"{pulls}1,app,x,{labels},squash,c,{when},{when},y\n")
        (folder / "commits.csv").write_text(f"sha,repo,parents,committed_at,pr\nc,app,{parents},{when},\n")
        con = deployments(folder, HEADER)
        window = (date(2026, 3, 2), date(2026, 3, 9))
        stage(con, window, datetime(2026, 3, 9, tzinfo=UTC), "UTC", Parameters())
        assert con.execute("SELECT label FROM dora_raw_pull_requests").fetchall() == [(["docs", "hotfix"],)]
        assert con.execute("SELECT parents FROM dora_raw_commits").fetchall() == [(["a", "b"],)]
