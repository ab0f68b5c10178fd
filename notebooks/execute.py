"""Execute notebooks/dcgan.ipynb from top to bottom, and save its outputs in it.

    pip install -e ".[test]" && python notebooks/execute.py

It runs in a temporary folder, so it fetches MNIST and trains anew. The metadata of the notebook gets the digest of its
code and the version of dcgan_tf: by them tests/test_notebook.py finds outputs that are not those of the code.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

import dcgan_tf

NOTEBOOK = Path(__file__).with_name("dcgan.ipynb")


def read() -> NotebookNode:
    """Return the notebook."""
    return nbformat.read(NOTEBOOK, as_version=4)


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return the cells with code, in order."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def made_by(notebook: NotebookNode) -> dict[str, str]:
    """Return what decides the outputs: the SHA-256 digest of the code, and the version of dcgan_tf.

    The cell with the tag "install" does not count, so that the address of the repository can be put there.
    """
    cells = [cell for cell in code_cells(notebook) if "install" not in cell.metadata.get("tags", [])]
    code = "\n\n".join(cell.source for cell in cells)
    return {"code_sha256": hashlib.sha256(code.encode()).hexdigest(), "version": dcgan_tf.__version__}


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Execute all cells with `folder` as the current folder. Raises CellExecutionError if one fails."""
    client = NotebookClient(
        notebook,
        timeout=1800,  # seconds for one cell
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
    )
    client.execute()


def main() -> None:
    """Execute the notebook and write it."""
    notebook, start = read(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        execute(notebook, Path(folder))
    notebook.metadata["dcgan_tf"] = made_by(notebook)
    nbformat.write(notebook, NOTEBOOK)
    print(f"Executed {NOTEBOOK} in {time.monotonic() - start:.0f} s; {NOTEBOOK.stat().st_size / 1e6:.2f} MB.")


if __name__ == "__main__":
    main()
