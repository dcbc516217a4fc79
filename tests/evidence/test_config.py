"""Configuration: every wrong setting is told with its line, what was found and what is valid; secrets are not shown."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.init import TEMPLATE
from evidence.config import Config, load_config
from evidence.errors import ConfigError
from evidence.verify.formats import notes
from evidence.verify.formats.cosignature import WitnessKey

VKEY = WitnessKey("witness.example/w1", bytes(range(32))).vkey
WITNESS = f"{{url: 'https://w.example', vkey: {VKEY}}}"
TOKEN = "gh" + "p_" + "a1B2" * 9
WHOLE = """\
company: Acme Corporation
zone: America/New_York
fiscal_year_starts: 2
home: state
store: {url: "s3://evidence/acme?region=eu-central-1", retention_years: 0}
keys: {driver: file, folder: software-keys}
timestamping: {url: "https://tsa.example/tsr"}
sources:
  github: {organisation: acme, token_from: GITHUB_TOKEN, app: {id: 1, private_key_from: APP_KEY}}
scope:
  tfstate_keys: [prod/network]
  parameters: {P_LATE: 96}
"""


def write(folder: Path, text: str | bytes) -> Path:
    """A configuration file."""
    path = folder / "evidence.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def findings(folder: Path, text: str | bytes) -> str:
    """What is told about a wrong configuration."""
    with pytest.raises(ConfigError, match=r".") as raised:
        load_config(write(folder, text))
    assert raised.value.next_step
    assert raised.value.exit_code == 2
    return str(raised.value)


def test_a_whole_configuration_is_read(tmp_path: Path) -> None:
    """Every setting arrives, and relative paths start at the file."""
    config = load_config(write(tmp_path, WHOLE))
    assert (config.company, config.zone, config.fiscal_year_starts) == ("Acme Corporation", "America/New_York", 2)
    assert (config.home_path, config.keys_path) == (tmp_path / "state", tmp_path / "state" / "software-keys")
    assert (config.store.retention_years, config.sources["github"]["token_from"]) == (0, "GITHUB_TOKEN")
    assert (config.root / config.file_name, config.log_origin) == (
        tmp_path / "evidence.yaml", "acme-corporation/delivery-evidence",
    )  # fmt: skip
    assert config.period("2025Q4").first.isoformat() == "2024-11-01"
    assert config.parameter_hours("P_LATE", 72) == 96
    assert config.parameter_hours("P_REVIEW", 72) == 72


def test_witnesses_and_their_quorum_are_read(tmp_path: Path) -> None:
    """Each witness has an address and a key, and the quorum counts them."""
    config = load_config(write(tmp_path, f"company: A\nwitnesses: [{WITNESS}]\nwitness_quorum: 1\n"))
    assert [(one.url, one.vkey) for one in config.witnesses] == [("https://w.example", VKEY)]
    assert config.witness_quorum == 1


def test_paths_start_at_the_file_wherever_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative name of the configuration gives absolute folders, and absolute folders stay."""
    (tmp_path / "there").mkdir()
    write(tmp_path / "there", f"company: A\nkeys: {{folder: {tmp_path}/keys}}\n")
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("there/evidence.yaml"))
    monkeypatch.chdir("/")
    assert config.home_path == tmp_path / "there" / "var"
    assert config.keys_path == tmp_path / "keys"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("zone: UTC\n", "line 1: company: is missing"),
        ("company: ''\n", "line 1: company: String should have at least 1 character (found '')"),
        ("company: A\n\nzone: Mars/Base\n", ("line 3: zone: is not an IANA time zone such as Europe/Berlin or "
         "America/New_York (found 'Mars/Base')")),
        ("company: A\nzon: UTC\n", ("line 2: zon: is not a setting (found 'UTC'); valid here are "
         "checkpoint_copies, clock, company, fiscal_year_starts, home, keys, record_proofs, scope, sources, store, "
         "timestamping, witness_quorum, witnesses, zone")),
        ("company: A\nstore:\n  url: x\n  years: 8\n", ("line 4: store.years: is not a setting (found 8); valid here "
         "are retention_years, url")),
        ("company: A\nfiscal_year_starts: 13\n", ("line 2: fiscal_year_starts: Input should be less than or equal "
         "to 12 (found 13)")),
        ("company: A\nstore: {retention_years: -1}\n", ("line 2: store.retention_years: Input should be greater "
         "than or equal to 0 (found -1)")),
        ("company: A\nkeys:\n  driver: hsm\n", "line 3: keys.driver: Input should be 'file' (found 'hsm')"),
        ("company: A\nsources: [github]\n", "line 2: sources: Input should be a valid dictionary (found list)"),
        ("company: A\nsources:\n  vault:\n  github:\n", "line 3: sources.vault: Input should be a valid dictionary"),
        ("company: A\nroot: /\nfile_name: x\n", "line 2: root: is not a setting"),
        ("company: A\nstore: {url: a}\nstore: {url: b}\n", "line 3: store: is set twice"),
        ("company: A\nscope:\n  a: [{b: 1, b: 2}]\n", "line 3: b: is set twice"),
        ("company: A\nwitness_quorum: 1\n", ("line 2: witness_quorum: asks for more witnesses than the 0 that are "
         "named (found 1)")),
        (f"company: A\nwitnesses:\n- {{url: 'http://w', vkey: {VKEY}, name: x}}\n", ("line 3: witnesses.0.name: is not "
         "a setting (found 'x'); valid here are url, vkey")),
        ("company: A\nwitnesses:\n- {url: 'http://w', vkey: w+00+x}\n", ("line 3: witnesses.0.vkey: is not the key "
         "that `evidence witness` prints: ")),
        (f"company: A\nwitnesses:\n- {{url: 'ftp://w', vkey: {VKEY}}}\n", "line 3: witnesses.0.url: String should"),
        (f"company: A\nwitnesses: [{WITNESS}, {WITNESS}]\n", "line 2: witnesses: names one key twice"),
        ("company: A\n1: x\n", "line 2: 1: is not a setting (found 'x'); valid here are"),
        ("company: 2020-01-01\n", "line 1: company: Input should be a valid string (found datetime.date(2020, 1, 1))"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_told_with_its_line(tmp_path: Path, text: str, expected: str) -> None:
    """The line, the setting's whole name, what was found and what is valid."""
    assert f"evidence.yaml, {expected}" in findings(tmp_path, text)


def test_everything_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    """One line for each finding, so that nobody mends a file ten times."""
    told = findings(tmp_path, "zone: X\nhome: 3\nextra: 1\nsources: {a: {password: x}}\n").splitlines()
    assert [re.sub(r":.*", "", line.split(": ", 1)[1]) for line in sorted(told)] == [
        "company", "zone", "home", "extra", "sources.a.password",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("company: [A\n", "is not YAML: .*line 2"),
        ("company: A\n\tzone: UTC\n", "is not YAML: .*line 2"),
        ("company: A\n---\ncompany: B\n", "is not YAML: .*single document"),
        ("company: &x A\nzone: *y\n", "is not YAML: .*undefined alias"),
        ("company: !!python/object:os.system x\n", "is not YAML: .*could not determine a constructor"),
        ("company: 2020-13-45\n", "is not YAML: month must be"),
        ("", "holds no settings but None; the smallest valid file is `company: NAME`"),
        ("# only a comment\n", "holds no settings"),
        ("- company\n", r"holds no settings but \['company'\]"),
        (b"company: \xff\n", "is not UTF-8: byte 9 is 0xff"),
        ("company: A\x00\n", "is not YAML: .*special characters are not allowed"),
    ],
)
def test_a_file_that_is_none_is_told(tmp_path: Path, text: str | bytes, expected: str) -> None:
    """Broken YAML names the line, other bytes the position; nothing is guessed."""
    assert re.search(expected, findings(tmp_path, text), re.DOTALL)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """With the command that makes one."""
    for path in (tmp_path / "evidence.yaml", tmp_path):
        with pytest.raises(ConfigError, match=f"no configuration at {path}") as raised:
            load_config(path)
        assert "evidence init DIR" in raised.value.next_step


@pytest.mark.parametrize(
    ("text", "line", "name"),
    [
        ("company: A\nsources:\n  github:\n    token: abcdef\n", 4, "sources.github.token"),
        ("company: A\nsources:\n  github:\n    app:\n      private_key: abcdef\n", 5, "sources.github.app.private_key"),
        ("company: A\nsources: {es: {hosts: [{url: x, passphrase: abcdef}]}}\n", 2, "sources.es.hosts.0.passphrase"),
        (f"company: A\nscope:\n  org: {TOKEN}\n", 3, "scope.org"),
        ("company: A\nstore:\n  url: s3://id:abcdef@host/bucket\n", 3, "store.url"),
        ("company: A\ntimestamping:\n  url: https://tsa.example/?access_token=abcdef\n", 3, "timestamping.url"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_shown(tmp_path: Path, text: str, line: int, name: str) -> None:
    """By its name below `sources`, by its form anywhere; the message says where secrets go."""
    told = findings(tmp_path, text)
    assert f"evidence.yaml, line {line}: {name}: looks like a secret (not shown); valid is" in told
    assert "environment variable" in told
    assert "abcdef" not in told
    assert TOKEN not in told


@pytest.mark.parametrize("text", [f"company: A\ntoken: {TOKEN}\n", "company: A\nstore: {password: abcdef}\n"])
def test_a_misplaced_secret_is_not_shown_either(tmp_path: Path, text: str) -> None:
    """A setting that there is not is told without its value if its name or form says secret."""
    told = findings(tmp_path, text)
    assert "is not a setting (found str)" in told
    assert "abcdef" not in told
    assert TOKEN not in told


@pytest.mark.parametrize("company", ["Acme, Inc. & Söhne", "株式会社", "—", "A" * 300])
def test_every_company_has_a_ledger_name(company: str) -> None:
    """A name that signed notes accept, and not the same for all that have no Latin letter."""
    origin = Config(company=company).log_origin
    notes.check_name(origin)
    assert not origin.startswith("/")
    assert origin != Config(company=company + "社").log_origin or company.isascii() or company == "Acme, Inc. & Söhne"


@pytest.mark.parametrize("hours", ["72", 1.5, -1, True, [72]])
def test_hours_that_are_none_are_refused(hours: object) -> None:
    """A parameter that counts hours is a whole number: no rounding, no text."""
    config = Config(company="A", scope={"parameters": {"P_LATE": hours}})
    with pytest.raises(ConfigError, match=r"scope\.parameters\.P_LATE counts hours, found"):
        config.parameter_hours("P_LATE", 72)


def test_an_empty_section_is_an_empty_section(tmp_path: Path) -> None:
    """`parameters:` with everything below commented out gives the defaults."""
    config = load_config(write(tmp_path, "company: A\nscope:\n  parameters:\n"))
    assert config.parameter_hours("P_LATE", 72) == 72


def test_the_template_shows_the_defaults(tmp_path: Path) -> None:
    """What `init` writes is valid, and every setting that it shows commented out has its default there."""
    head, sources = TEMPLATE.read_text().split("sources: {}", 1)
    shown = re.sub(r"(?m)^# (?= *[a-z_]+:)", "", head)
    assert shown.count("\n#") < head.count("\n#") - 8
    for text in (head, shown):
        config = load_config(write(tmp_path, text + "sources: {}" + sources))
        assert config.model_copy(update={"scope": {}, "root": Path()}) == Config(company="Example Company")
