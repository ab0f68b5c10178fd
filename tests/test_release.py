"""What a release holds: setuptools packs the program, without its tests; the version is the same everywhere."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from helpers import ROOT

import dcgan_tf

PACK = """
from setuptools import setup

setup(script_args=["-q", "sdist", "--formats=tar", "--dist-dir=sdist", "build_py", "--build-lib=wheel"])
"""
NOT_PACKED = shutil.ignore_patterns("__pycache__", "node_modules")


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository's code, with what setuptools packs into the wheel and the source distribution."""
    copy = tmp_path_factory.mktemp("packed")
    for file in ROOT.iterdir():
        if file.is_file() and file.name != ".git":
            shutil.copy(file, copy)
    for name in ("dcgan_tf", "benchmarks", "tools", "notebooks"):
        shutil.copytree(ROOT / name, copy / name, ignore=NOT_PACKED)
    shutil.copytree(ROOT / "tests", copy / "tests", ignore=lambda _, names: [n for n in names if not n.endswith(".py")])
    subprocess.run([sys.executable, "-c", PACK], cwd=copy, check=True, capture_output=True, timeout=120)
    return copy


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def program(root: Path) -> set[str]:
    """Return the files of the program: its modules, the web page, the pretrained runs, and the mark of its types."""
    kinds = (".py", ".html", ".css", ".js", ".json", ".npz", ".typed")
    files = {name for name in names_in(root / "dcgan_tf") if Path(name).suffix in kinds}
    return {f"dcgan_tf/{name}" for name in files}


def test_the_wheel_holds_the_program_and_nothing_else(packed: Path):
    wheel = names_in(packed / "wheel")
    assert wheel == program(packed)
    assert {"dcgan_tf/py.typed", "dcgan_tf/export/web/index.html", "dcgan_tf/pretrained/mnist/generator.npz"} <= wheel
    assert sum((packed / "wheel" / name).stat().st_size for name in wheel) < 17e6


def test_the_source_distribution_holds_the_program_and_what_builds_it(packed: Path):
    with tarfile.open(packed / "sdist" / f"dcgan_tf-{dcgan_tf.__version__}.tar") as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    names = {name for name in names if not name.startswith("dcgan_tf.egg-info/")}
    beside = {"CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "README.md", "main.py", "flags.py"}
    builds = {"MANIFEST.in", "PKG-INFO", "pyproject.toml", "setup.cfg"}
    assert names == program(packed) | beside | builds


def test_the_version_is_the_same_everywhere():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.search(r"^version: (.*)$", citation, re.MULTILINE)[1] == dcgan_tf.__version__
    released = re.search(r"^date-released: (.*)$", citation, re.MULTILINE)[1]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", changelog, re.MULTILINE)
    assert next(heading for heading in headings if heading != "Unreleased") == f"{dcgan_tf.__version__} ({released})"
