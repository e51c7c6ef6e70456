"""docs/notebook.ipynb runs from its first cell to its last."""

import importlib.util
import os
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.timeout(600),  # a busy machine
    pytest.mark.skipif(
        not all(map(importlib.util.find_spec, ("ipykernel", "nbclient"))),
        reason="nbclient or ipykernel is not installed; the extra `test` brings them",
    ),
]
STEPS = [f"## Step {number}: " for number in range(1, 9)]


def test_the_notebook_runs_and_shows_what_it_says(repo_root: Path) -> None:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(repo_root / "docs" / "notebook.ipynb", as_version=4)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert [text[: len(step)] for text, step in zip(texts[1:], STEPS, strict=True)] == STEPS
    committed = outputs(notebook)
    assert all(shown for shown in committed[2:]), "a cell was committed without its output"
    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": "docs"}}
    ).execute(cwd=str(repo_root / "docs"), env={**os.environ, "PYTHONPATH": str(repo_root)})
    for before, now in zip(committed, outputs(notebook), strict=True):
        assert now == before, "a cell shows something else than was committed"


def outputs(notebook: object) -> list[list[str]]:
    """The kinds of output of each cell of code; what it logs is left out."""
    return [
        sorted(
            {
                kind
                for output in cell.outputs
                if output.get("name") != "stderr"
                for kind in output.get("data", [output.output_type])
            }
        )
        for cell in notebook.cells  # type: ignore[attr-defined]
        if cell.cell_type == "code"
    ]


def test_the_committed_outputs_name_no_machine(repo_root: Path) -> None:
    text = (repo_root / "docs" / "notebook.ipynb").read_text()
    assert [path for path in ("/root", "/home", "/tmp", "/work") if f"{path}/" in text] == []
    assert len(text) < 500_000
