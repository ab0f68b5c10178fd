"""What the pages say is true of the program: commands parse, links lead somewhere, and every picture is shown."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT

from dcgan_tf.cli import flags
from dcgan_tf.settings.resolve import ask, check_given

FOLDERS = ("docs", "benchmarks")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *[page for f in FOLDERS for page in ROOT.glob(f"{f}/**/*.md")]]
PICTURES = sorted(path for path in ROOT.glob("docs/*") if path.suffix in (".png", ".gif", ".jpg"))
CODE = [path for room in ("dcgan_tf", "tests", "benchmarks", "tools") for path in ROOT.glob(f"{room}/**/*.py")]
PROGRAM = re.compile(r"(?:main\.py|-m dcgan_tf|IMAGE|dcgan) (?=--|\$)")
# Flags of other programs that pages name alone, without the command.
OTHERS = {"detect_file_replacement", "discriminator", "is_crop", "is_train", "json", "limit", "load_fast", "parts"}
OTHERS |= {"pictures", "pipeline", "replicas", "slow"}
OTHERS |= {"consistency", "dropout", "freeze_d", "g_rate", "r1", "relativistic"}  # of ideas.py, commit c516e7d


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def inline(text: str) -> list[str]:
    """Return the spans of inline code of a page; a span can go over the end of a line."""
    prose = re.sub(r"^ {4}.*|^```[^`]*^```", "", text, flags=re.MULTILINE)
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose)]


def blocks(text: str) -> list[str]:
    """Return the lines of a page that are indented or fenced code, with continued ones joined."""
    fenced = "\n".join(re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    indented = "\n".join(re.findall(r"^ {4,}.*", text, re.MULTILINE))
    return re.sub(r"\\\n\s*", "", f"{indented}\n{fenced}").splitlines()


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each command line of the program on a page."""
    variables: dict[str, str] = {}
    for line in [*blocks(text), *inline(text)]:
        if assigned := re.fullmatch(r"\s*(\w+)=\"(.*)\"", line):
            variables[assigned[1]] = assigned[2]
        if found := PROGRAM.search(line):
            rest = line[found.end() :]
            for variable, value in variables.items():
                rest = rest.replace(f"${variable}", value)
            rest = re.split(r" (?:&&?|;|\|)(?: |$)", re.sub(r"\b(N|ITERATION)\b", "1", rest))[0]
            yield shlex.split(rest, comments=True)


def slug(heading: str) -> str:
    """Return the anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", re.sub(r"[`*]|\]\(.*?\)", "", heading).lower()).strip().replace(" ", "-")


def links(page: Path) -> list[str]:
    """Return the targets of the links and pictures of a page that are not on the web."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`]*`", "", text))
    return [target for target in targets if not target.startswith(("http:", "https:"))]


def test_every_command_parses():
    found = [(page, arguments) for page in PAGES for arguments in commands(page.read_text(encoding="utf-8"))]
    assert len(found) > 100 and sum("--train" in arguments for _, arguments in found) > 50
    for page, arguments in found:
        if "--help" not in arguments:
            try:
                request = flags.parse(["main.py", *arguments])
                preset = request.chosen.get("preset", "")
                ask(check_given(request.given), preset)
            except Exception as error:
                raise AssertionError(f"{name(page)}: {shlex.join(arguments)}: {error}") from error


def test_every_flag_that_a_page_names_exists_with_its_value():
    spans = [(page, span.split()) for page in PAGES for span in inline(page.read_text(encoding="utf-8"))]
    for page, words in spans:
        for word, after in zip(words, [*words[1:], "--"], strict=True):
            if not words[0].startswith("--") or not re.fullmatch(r"--\w+", word):
                continue
            flag = word.removeprefix("--")
            known = {flag, flag.removeprefix("no")} & {*flags.FLAGS, *OTHERS, "help", "noNAME"}
            assert known, f"{name(page)}: there is no {word}, in `{' '.join(words)}`"
            if flag in flags.FLAGS and flags.FLAGS[flag].kind is not bool and re.fullmatch(r"[\w,.]*[\d,a-z]", after):
                flags.FLAGS[flag].convert(flag, after)


def test_every_link_leads_somewhere():
    for page in PAGES:
        for target in links(page):
            path, _, anchor = target.partition("#")
            file = (page.parent / path) if path else page
            assert file.exists(), f"{name(page)}: {target}"
            if anchor and file.suffix == ".md":
                headings = re.findall(r"^#+ (.*)", file.read_text(encoding="utf-8"), re.MULTILINE)
                assert anchor in [slug(heading) for heading in headings], f"{name(page)}: {target}"


def test_every_picture_is_on_a_page_every_page_in_the_index_and_what_the_code_names_exists():
    shown = {(page.parent / target).resolve() for page in PAGES for target in links(page)}
    assert [name(path) for path in PICTURES if path not in shown] == []
    listed = {(ROOT / "docs" / target.partition("#")[0]).resolve() for target in links(ROOT / "docs/README.md")}
    assert [name(page) for page in ROOT.glob("docs/**/*.md") if page not in {*listed, ROOT / "docs/README.md"}] == []
    for file in [*CODE, *PAGES]:
        for path in re.findall(r"(?:docs/(?:notes/)?\w+\.md|python (?:benchmarks|tools)/[\w/]+\.py)", file.read_text()):
            assert (ROOT / path.removeprefix("python ")).exists(), f"{name(file)}: {path}"


@pytest.mark.slow
@pytest.mark.parametrize("number, changed", [(0, "losses.py"), (1, "networks.py"), (2, "model.py")])
def test_a_recipe_can_be_applied_and_trains(number: int, changed: str, images_dir: Path, tmp_path: Path):
    text = (ROOT / "docs" / "changing.md").read_text(encoding="utf-8")
    recipes = re.findall(r"^```diff\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(recipes) == 3 and changed in recipes[number]
    shutil.copytree(
        ROOT / "dcgan_tf", tmp_path / "dcgan_tf", ignore=shutil.ignore_patterns("node_modules", "pretrained")
    )
    shutil.copyfile(ROOT / "main.py", tmp_path / "main.py")
    subprocess.run(["git", "apply"], input=recipes[number], text=True, cwd=tmp_path, check=True)
    sizes = ["--output_height=16", "--gf_dim=4", "--df_dim=4", "--batch_size=8", "--iterations=6", "--log_freq=1"]
    data = ["--dataset=blobs", f"--data_dir={images_dir}", "--augment=translation", "--out_name=run"]
    command = [sys.executable, "main.py", "--train", *data, *sizes]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    losses = np.genfromtxt(tmp_path / "samples" / "run" / "losses.csv", delimiter=",", names=True)
    d_loss, g_loss = losses["d_loss"], losses["g_loss"]
    assert np.isfinite(d_loss).all() and np.isfinite(g_loss).all()
    # At chance the hinge loss of D is 2, and that of G is 0.
    assert (d_loss[0] > 1.8 and abs(g_loss[0]) < 0.2) == (changed == "losses.py")
