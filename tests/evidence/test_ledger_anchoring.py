"""Publishing checkpoints: what others hold, who did not do its part, and how the log stands."""

from __future__ import annotations

import socketserver
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from evidence.canonical import canonical
from evidence.errors import IntegrityError
from evidence.ledger import keys
from evidence.ledger.anchoring import Anchors, Standing, anchor, standing
from evidence.ledger.copies import BRANCH, Copies
from evidence.ledger.log import Log
from evidence.ledger.witness import Witness, known_logs
from evidence.ledger.witness_http import server
from evidence.verify.formats.policy import parse_policy
from tests.evidence.conftest import BUCKET
from tests.evidence.ledger_stores import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from tests.evidence.conftest import Place

NOW = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)
ORIGIN = "acme/delivery-evidence"
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing answers


class Setting:
    """A log with its key, and anchors around it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signer = keys.generate(folder / "log.key", ORIGIN)
        self.store = MemoryStore()
        self.log = Log.open(self.store, folder / "state", ORIGIN)

    def grow(self, start: int, end: int) -> None:
        """Append statements."""
        self.log.append([canonical({"n": n}) for n in range(start, end)])

    def anchor(self, anchors: Anchors, now: datetime = NOW) -> dict[str, str]:
        """Publish a checkpoint."""
        return anchor(self.log, self.store, self.signer, anchors, now=now)

    def standing(self, anchors: Anchors, now: datetime = NOW) -> Standing:
        """How the log stands."""
        return standing(self.log, self.store, self.signer, anchors, now=now)

    def copies(self, *places: str) -> Copies:
        """Places below the folder."""
        return Copies(places, root=self.folder, work=self.folder / "work", environ={})

    def note(self) -> bytes:
        """The latest checkpoint."""
        note = self.log.latest()
        assert note is not None
        return note


@pytest.fixture
def setting(tmp_path: Path) -> Setting:
    """A log of three statements."""
    made = Setting(tmp_path)
    made.grow(0, 3)
    return made


@contextmanager
def witnesses(setting: Setting, count: int) -> Iterator[Anchors]:
    """Witnesses on loopback, all asked for."""
    with ExitStack() as stack:
        found = {}
        for n in range(count):
            path = setting.folder / f"w{n}.key"
            known = path.exists()
            signer = (
                keys.load(path, kind=keys.WITNESS)
                if known
                else keys.generate(path, f"witness.example/w{n}", kind=keys.WITNESS)
            )
            memory = Witness(setting.folder / f"w{n}", signer, known_logs([keys.log_key(setting.signer).vkey]))
            http = stack.enter_context(server(memory, "127.0.0.1", 0, lambda: NOW))
            thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            stack.callback(thread.join)
            stack.callback(http.shutdown)
            found[f"http://127.0.0.1:{http.server_address[1]}"] = keys.witness_key(signer)
        yield Anchors(found, count)


def test_a_checkpoint_is_cosigned_by_all(setting: Setting) -> None:
    """The note that is kept satisfies the auditor's policy, and a second call with nothing new writes nothing."""
    with witnesses(setting, 2) as anchors:
        assert setting.anchor(anchors) == {}
        (w0, w1) = anchors.witnesses.values()
        policy = parse_policy(
            f"log {keys.log_key(setting.signer).vkey}\nwitness a {w0.vkey}\nwitness b {w1.vkey}\n"
            "group both all a b\nquorum both\n".encode()
        )
        assert set(policy.accept(setting.note()).witnesses) == {"a", "b"}
        puts = dict(setting.store.objects)
        assert setting.anchor(anchors) == {}
        assert setting.store.objects == puts
    found = setting.standing(anchors)
    assert found.problems == ()
    assert found.witnesses == {w0.name: NOW, w1.name: NOW}


def test_a_silent_witness_is_named_and_asked_again(setting: Setting) -> None:
    """The checkpoint stands without it, the log says what is missing, and the next call brings it."""
    with witnesses(setting, 1) as anchors:
        other = keys.generate(setting.folder / "w1.key", "witness.example/w1", kind=keys.WITNESS)
        both = Anchors({**anchors.witnesses, NOBODY: keys.witness_key(other)}, 2)
        assert list(setting.anchor(both)) == [NOBODY]
        found = setting.standing(both)
        assert found.problems == ("1 witnesses cosigned, 2 are asked for; missing: witness.example/w1",)
    with witnesses(setting, 2) as anchors:
        assert setting.anchor(anchors) == {}
        assert setting.standing(anchors).problems == ()


def test_a_fork_is_refused_and_goes_nowhere(setting: Setting) -> None:
    """A log rewritten with its own stolen key gets no cosignature, no copy, and an error that pages someone."""
    with witnesses(setting, 1) as anchors:
        setting.anchor(anchors)
        setting.store = MemoryStore()
        setting.log = Log.open(setting.store, setting.folder / "forged", ORIGIN)
        setting.grow(1, 5)
        forked = Anchors(anchors.witnesses, 1, copies=setting.copies("copies"))
        with pytest.raises(IntegrityError, match=r"witness\.example/w0 refuses"):
            setting.anchor(forked)
    assert not (setting.folder / "copies").exists()


def test_what_is_missing_is_told(setting: Setting) -> None:
    """No checkpoint, statements under none, an old one, another key's: each is a problem in plain words."""
    nobody = Anchors()
    assert setting.standing(nobody).problems == (
        "the log of 3 statements has no checkpoint: nobody holds it to anything",
    )
    assert len(setting.standing(nobody).remarks) == 3
    setting.anchor(nobody)
    assert setting.standing(nobody).problems == ()
    setting.grow(3, 5)
    assert setting.standing(nobody).problems == ("2 statements since the checkpoint of size 3 are under no checkpoint",)
    setting.anchor(nobody)
    late = setting.standing(nobody, NOW + timedelta(hours=27))
    assert late.problems == ("the latest checkpoint is 27 hours old, one is due every day",)
    setting.signer = keys.generate(setting.folder / "other.key", ORIGIN)
    assert "not signed by the log's key" in setting.standing(nobody).problems[0]


def test_lost_state_does_not_hide_a_stale_log(setting: Setting, tmp_path: Path) -> None:
    """Without cosignature, timestamp and state nobody says when it was signed, and that is a problem."""
    setting.anchor(Anchors())
    setting.log = Log.open(setting.store, tmp_path / "fresh", ORIGIN)
    assert setting.standing(Anchors()).problems == ("nobody says when the latest checkpoint was signed",)


def test_copies_in_a_folder_are_never_changed(setting: Setting) -> None:
    """Each checkpoint is a file of its own; a copy that was edited is told and not overwritten."""
    anchors = Anchors(copies=setting.copies("a", "file:b"))
    assert setting.anchor(anchors) == {}
    setting.grow(3, 4)
    assert setting.anchor(anchors) == {}
    assert setting.anchor(anchors) == {}
    first, second = sorted((setting.folder / "a").iterdir())
    assert first.name.startswith("000000000003-")
    assert second.read_bytes() == setting.note()
    assert len(list((setting.folder / "b").iterdir())) == 2
    second.chmod(0o644)
    second.write_bytes(b"edited")
    failed = setting.anchor(anchors)
    assert list(failed) == ["a"]
    assert "somebody changed it" in failed["a"]
    assert second.read_bytes() == b"edited"


class Relay:
    """A mail relay of a few words that keeps what it is sent."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = False
        relay = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.wfile.write(b"220 relay\r\n")
                while line := self.rfile.readline().strip().upper():
                    if line == b"DATA" and not relay.refuse:
                        self.wfile.write(b"354 go on\r\n")
                        text = b"".join(iter(self.rfile.readline, b".\r\n"))
                        relay.mails.append(message_from_bytes(text, _class=EmailMessage, policy=SMTP))
                    if line == b"QUIT":
                        self.wfile.write(b"221 bye\r\n")
                        return
                    self.wfile.write(b"554 no\r\n" if relay.refuse and line == b"DATA" else b"250 ok\r\n")

        self.server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session)


@pytest.fixture
def relay() -> Iterator[Relay]:
    """A relay on loopback."""
    made = Relay()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_checkpoint_is_mailed_once(setting: Setting, relay: Relay) -> None:
    """The auditor's mail holds the checkpoint as a file; a relay that refuses is told, and asked again."""
    host = f"127.0.0.1:{relay.server.server_address[1]}"
    place = f"mailto:auditor@firm.example?relay={host}&sender=evidence@acme.example"
    anchors = Anchors(copies=setting.copies(place))
    relay.refuse = True

    assert "did not take the checkpoint" in setting.anchor(anchors)[place]
    relay.refuse = False
    assert (setting.anchor(anchors), setting.anchor(anchors)) == ({}, {})
    (mail,) = relay.mails
    (attached,) = mail.iter_attachments()
    assert (mail["To"], attached.get_content()) == ("auditor@firm.example", setting.note())
    failed = setting.anchor(Anchors(copies=setting.copies("mailto:nobody", f"mailto:a@b?relay={host}&sender=c@d&x=1")))
    assert all("is no place for mail" in why for why in failed.values())


@pytest.mark.server
def test_a_copy_in_a_locked_bucket_stays(setting: Setting, s3_place: Place, s3: S3Client) -> None:
    """In a real S3 with Object Lock a copied checkpoint is locked for as long as it is retained."""
    until = datetime(2033, 6, 1, tzinfo=UTC)
    copies = Copies(
        [s3_place.url], root=setting.folder, work=setting.folder / "work", environ=s3_place.environ, retain_until=until
    )
    assert setting.anchor(Anchors(copies=copies)) == {}
    store = s3_place.open()
    (key,) = store.list("")
    prefix = urlsplit(s3_place.url).path.strip("/")
    version = s3.head_object(Bucket=BUCKET, Key=f"{prefix}/{key}")["VersionId"]

    assert (store.get(key), store.retention(key).until) == (setting.note(), until)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(Bucket=BUCKET, Key=f"{prefix}/{key}", VersionId=version)


def git(folder: Path, *words: str) -> str:
    """What git answers."""
    return subprocess.run(["git", "-C", str(folder), *words], capture_output=True, text=True, check=True).stdout


def test_copies_in_a_git_remote_only_append(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every checkpoint is a commit on the one before, also from a fresh clone; history is never forced."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    remote = setting.folder / "remote.git"
    remote.mkdir()
    git(remote, "init", "--quiet", "--bare")
    for clone in ("one", "one", "two"):
        copies = Copies([f"git+file://{remote}"], root=setting.folder, work=setting.folder / clone, environ={})
        assert setting.anchor(Anchors(copies=copies)) == {}
        setting.grow(setting.log.size, setting.log.size + 1)
    assert git(remote, "rev-list", "--count", BRANCH).strip() == "3"
    assert len(git(remote, "ls-tree", "--name-only", BRANCH).splitlines()) == 3


def test_a_place_that_cannot_be_reached_holds_up_nothing(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is named with its cause; the other places have the copy."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    (setting.folder / "file").write_bytes(b"")
    failed = setting.anchor(Anchors(copies=setting.copies("git+nowhere.git", "file/x", "good", "ftp:x")))
    assert set(failed) == {"git+nowhere.git", "file/x", "ftp:x"}
    assert failed["git+nowhere.git"].startswith("git ls-remote: ")
    assert list((setting.folder / "good").iterdir())


def test_an_authority_that_is_none_is_told(setting: Setting) -> None:
    """Without its timestamp the checkpoint stands and the log says what it lacks."""
    anchors = Anchors(authority=NOBODY)
    assert "does not answer" in setting.anchor(anchors)[NOBODY]
    assert setting.standing(anchors).problems == (f"the checkpoint of size 3 carries no timestamp of {NOBODY}",)
    assert "not an http or https URL" in setting.anchor(Anchors(authority="tsa.example"))["tsa.example"]
