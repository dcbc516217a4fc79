"""`evidence sample` and `evidence decide`: first the ledger, then the nonce; beside the proposal, who decided."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from cli.main import main
from controls import sampling
from evidence.ledger import keys
from tests.reports.small_home import PERIOD, at, incident, keep, make_home
from warehouse.checkpoints import LOG_KEY

if TYPE_CHECKING:
    from warehouse.home import Home

pytestmark = pytest.mark.slow

NAMES = [f"INC-{number}" for number in range(1, 9)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A company with eight incidents."""
    made = make_home(tmp_path_factory.mktemp("sample"))
    made.config.keys_path.mkdir(parents=True, exist_ok=True)
    keys.generate(made.config.keys_path / LOG_KEY, made.config.log_origin)
    whole = {"from": "2026-06-25", "to": "2026-10-05", "status": "complete"}
    keep(made, "evidence.partitions", [{"source": stream, **whole} for stream in ("inc", "postmortem")])
    made.builder().build(["evidence.partitions"])
    add(made, NAMES)
    return made


def add(home: Home, names: list[str]) -> None:
    """Hand in incidents."""
    keep(home, "company.incidents", [incident(name, at(n), at(n, 30), None) for n, name in enumerate(names)])
    home.builder().build(["company.incidents"])


def ask(home: Home, *words: str) -> int:
    """The exit code of a call about the quarter."""
    return main([*words, "--config", str(home.config.root / "evidence.yaml"), "--period", PERIOD])


SAMPLE = ("sample", "--control", "OPS-03", "--pack", "P-1")


def drawn(home: Home, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What a draw prints."""
    assert ask(home, *SAMPLE, "--nonce", "n1", "--json", *words) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_nothing_is_drawn_before_the_commitment(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """A nonce draws only from a population that the ledger knew; the draw can be repeated from what it prints."""
    assert ask(home, *SAMPLE, "--nonce", "n1") == 2
    assert "OPS-03 incidents was never committed to as it stands now" in capsys.readouterr().err
    assert ask(home, *SAMPLE) in (0, 1)  # 1 where no witness is configured
    assert "OPS-03 incidents: 8 members, root" in capsys.readouterr().out

    found = drawn(home, capsys, "--size", "3", "--also", "incident:INC-8")
    members = [f"incident:{name}" for name in NAMES]
    root = sampling.population_root(members)
    again = sampling.select(members, sampling.seed("P-1", "OPS-03", found["definition"], root, "n1"), 3)
    assert found["selections"] == {"selection": again, "judgemental, no part of any projection": ["incident:INC-8"]}
    assert (found["members"], found["roots"]) == (8, {"OPS-03 incidents": root})
    assert drawn(home, capsys)["basis"] == "exact, at most 5% at 95% confidence, 0 deviations allowed"


def test_other_population_or_part_is_named(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """A population, a part of the subject or an item that is not there is named, with what there is."""
    assert ask(home, *SAMPLE, "--population", "things") == 2
    assert "--population things; OPS-03 has incidents" in capsys.readouterr().err
    assert ask(home, *SAMPLE, "--stratum", "colour") == 2
    assert "--stratum colour: a subject of incidents has the parts" in capsys.readouterr().err


def test_decision_stands_beside_the_proposal(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """A proposal is open until a named person decides, with a reason, and then both are listed."""
    assert ask(home, "decide", "--json") == 0
    before = json.loads(capsys.readouterr().out)
    proposal = next(p for p in before if p["group"] == "OPS-03")
    assert (proposal["grouped_by"], proposal["decision"]) == ("control", None)

    digest = proposal["sha256"][:12]
    words = ("decide", "--proposal", digest, "--severity", "no deficiency", "--by", "W5")
    assert ask(home, *words) == 2
    assert "a decision needs a person and a reason" in capsys.readouterr().err
    assert ask(home, *words, "--reason", "a drill") in (0, 1)
    capsys.readouterr()
    assert ask(home, "decide", "--json") == 0
    after = next(p for p in json.loads(capsys.readouterr().out) if p["group"] == "OPS-03")
    assert (after["severity"], after["decision"]["decided"], after["decision"]["by"]) == (
        proposal["severity"], "no deficiency", "W5",
    )  # fmt: skip
