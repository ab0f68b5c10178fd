"""The notebook runs from top to bottom, and its saved outputs are those of its code."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
from helpers import ROOT
from nbformat import NotebookNode

import dcgan_tf

execute = runpy.run_path(str(ROOT / "notebooks" / "execute.py"))
code_cells = execute["code_cells"]
SHORT = """
TRAIN_SIZE, DRAWING_ITERATIONS = 1280, 20
NETWORKS = {"gf_dim": 4, "gfc_dim": 16, "d_filters": "4,8", "dfc_dim": 16}
"""


@pytest.fixture
def notebook() -> NotebookNode:
    return execute["read"]()


def outputs(notebook: NotebookNode) -> list[NotebookNode]:
    return [output for cell in code_cells(notebook) for output in cell.outputs]


def images(notebook: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in outputs(notebook))


def assert_clean(notebook: NotebookNode) -> None:
    """There is no error, no warning, and no path of the machine in the outputs."""
    for output in outputs(notebook):
        assert output.output_type != "error" and output.get("name") != "stderr", output
        text = str(output.get("text")) + str([v for kind, v in output.get("data", {}).items() if "image" not in kind])
        assert "/tmp" not in text and str(Path.home()) not in text, text


def test_the_saved_outputs_are_clean_and_those_of_the_code(notebook: NotebookNode):
    command = "the outputs of notebooks/dcgan.ipynb are stale; run: python notebooks/execute.py"
    assert notebook.metadata.get("dcgan_tf") == execute["made_by"](notebook), command
    cells = code_cells(notebook)
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), command
    assert images(notebook) >= 15, command
    assert_clean(notebook)
    assert execute["NOTEBOOK"].stat().st_size < 1.5e6
    assert max(len(cell.source.splitlines()) for cell in cells) <= 22
    # The address of the repository is not known, so it stands only in the cell that installs the package.
    text = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\(([^)]*)\)", text)
    pages = [link for link in links if not link.startswith("https://arxiv.org/")]
    assert len(pages) >= 2
    assert [link for link in pages if not (execute["NOTEBOOK"].parent / link).is_file()] == []


@pytest.mark.slow
def test_the_notebook_runs(notebook: NotebookNode, mnist_dir: Path, tmp_path: Path):
    (settings,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", []))
    settings.source += SHORT
    out_dir, saved_images = tmp_path / "dcgan_notebook", images(notebook)
    out_dir.mkdir()
    (out_dir / "data").symlink_to(mnist_dir)
    execute["execute"](notebook, tmp_path)

    assert_clean(notebook)
    assert images(notebook) == saved_images  # the backend of matplotlib is still the notebook's
    digits, faces = (dcgan_tf.load(name, out_dir=out_dir) for name in ("digits", "faces"))
    losses = digits.losses()
    assert losses["iteration"].tolist() == [1, *range(40, 241, 40), 250, 260]
    assert all(np.isfinite(values).all() for values in losses.values())
    assert {f"epoch_{epoch:04}.png" for epoch in (1, 2, 4, 12)} <= {file.name for file in digits.samples.iterdir()}
    assert iio.imread(digits.samples / "train_00000260.png").shape == (8 * 28, 8 * 28)
    assert len(list((out_dir / "data" / "faces").iterdir())) == 300
    assert faces.generate(2).shape == (2, 32, 32, 3)
    (stopped,) = (output.text for output in outputs(notebook) if "stopped after" in output.get("text", ""))
    assert stopped.split()[-1] == "250"
