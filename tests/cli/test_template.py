"""The configuration that `init` writes: every example in it is one that works."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from cli.init import TEMPLATE
from controls import scope
from evidence.collecting import open_source
from evidence.config import Config, load_config
from evidence.sources.registry import connector, names
from warehouse.connect import connect
from warehouse.lake import Lake

if TYPE_CHECKING:
    from pathlib import Path

_COMMENTED = re.compile(r"# ?( *(?:- |\w[\w/-]*:).*)")


def uncommented() -> str:
    """The template with every setting that is commented out set: examples below an empty setting are its content."""
    lines: list[str] = []
    for line in TEMPLATE.read_text(encoding="utf-8").splitlines():
        found = _COMMENTED.fullmatch(line)
        if not found:
            lines.append(line)
            continue
        text = found[1]
        if lines and len(text) - len(text.lstrip()) > len(lines[-1]) - len(lines[-1].lstrip()):
            lines[-1] = re.sub(r": (\{\}|\[\])(?=\s|$)", ":", lines[-1])
        lines.append(text)
    return "\n".join(lines) + "\n"


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """The whole template as a configuration."""
    path = tmp_path / "evidence.yaml"
    path.write_text(uncommented(), encoding="utf-8")
    return load_config(path)


def test_every_example_is_read(config: Config) -> None:
    """Each setting that there is stands in the template, and each line of it is understood."""
    held = yaml.safe_load(uncommented())
    assert set(held) == set(Config.model_fields) - {"root", "file_name", "clock"}
    assert config.witness_quorum == 0
    assert len(config.witnesses) == 1
    assert len(config.checkpoint_copies) == 4


def test_every_source_is_shown_and_can_be_opened(config: Config) -> None:
    """With the secrets in the variables that the examples name; nothing is asked yet."""
    assert set(config.sources) == set(names())
    variables = dict.fromkeys(re.findall(r"_from: (\w+)", uncommented()), "secret")
    for system, settings in config.sources.items():
        open_source(system, settings, variables, config.root).close()


def test_the_scope_is_one_that_controls_can_ask_about(config: Config, tmp_path: Path) -> None:
    """Repositories and parameters are known to the catalogue."""
    con = connect(Lake(tmp_path / "lake"))
    scope.register(con, config.scope, zone=config.zone)
    assert con.sql("SELECT repo, service FROM scope_repositories").fetchall() == [("example/ledger", "ledger")]


def test_what_is_commented_out_is_the_default() -> None:
    """A company that uncomments a setting without an example of its own changes nothing by it."""
    plain = Config(company="Example Company")
    held = yaml.safe_load(uncommented())
    for name in ("zone", "fiscal_year_starts", "home", "store", "keys", "timestamping", "record_proofs"):
        given = Config(company="Example Company", **{name: held[name]})
        assert getattr(given, name) == getattr(plain, name), name


@pytest.mark.parametrize(
    ("system", "settings", "expected"),
    [
        ("vault", {"devices": {"a": "logs/a", "b": "/b"}}, {"devices": {"a": "{root}/logs/a", "b": "/b"}}),
        ("company", {"folder": "drops"}, {"folder": "{root}/drops"}),
        ("terraform", {"files": "s/*.tfstate"}, {"files": "{root}/s/*.tfstate"}),
        ("terraform", {"files": ["s", "/t"]}, {"files": ["{root}/s", "/t"]}),
        (
            "kubernetes", {"ca_file": "ca.pem", "audit": {"logs": ["a.log"], "batches": "b"}},
            {"ca_file": "{root}/ca.pem", "audit": {"logs": ["{root}/a.log"], "batches": "{root}/b"}},
        ),
        ("elasticsearch", {"ca_file": "ca.pem", "url": "u"}, {"ca_file": "{root}/ca.pem", "url": "u"}),
        ("company", {"folder": None}, {"folder": None}),
        ("vault", {"devices": "a"}, {"devices": "{root}/a"}),
    ],
)  # fmt: skip
def test_paths_of_sources_start_at_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, settings: object, expected: object
) -> None:
    """Wherever the command is called from; an absolute path stays, and what is no path is left to the source."""
    given: list[object] = []
    monkeypatch.setattr(connector(system), "connect", lambda settings, _: given.append(settings))
    open_source(system, settings, {}, tmp_path)  # type: ignore[arg-type]
    assert str(given[0]) == str(expected).replace("{root}", str(tmp_path))
