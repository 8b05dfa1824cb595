# SPDX-License-Identifier: Apache-2.0
"""The cells of docs/notebooks/first_steps.ipynb work in their order, in a smaller form."""

import json
import logging
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[1] / "docs/notebooks/first_steps.ipynb"
SMALLER = {
    "ITERATIONS = 300": "ITERATIONS = 2",
    "labeled=8, unlabeled=40, val=12": "labeled=2, unlabeled=2, val=3",
}


@pytest.fixture
def notebook(tmp_path, monkeypatch) -> dict:
    """Return the smaller notebook; the current folder is an empty one."""
    text = FILE.read_text()
    for old, new in SMALLER.items():
        assert old in text
        text = text.replace(old, new)
    monkeypatch.chdir(tmp_path)
    return json.loads(text)


@pytest.fixture
def loud():
    """Undo the silence of the first cell."""
    yield
    logging.disable(logging.NOTSET)


def test_cells_work_in_order(notebook, tmp_path, loud):
    cells = ["".join(one["source"]) for one in notebook["cells"] if one["cell_type"] == "code"]
    names = {"__name__": "__main__"}
    for cell in cells:
        exec(compile(cell, str(FILE), "exec"), names)
    for file in ("shapes.py", "shapes_supervised.py", "mask.png", "overlay.jpg", "report.html"):
        assert (tmp_path / file).stat().st_size > 0
    assert names["result"].last.name == "iter_2.pth"
    assert names["prediction"]._repr_png_().startswith(b"\x89PNG")
    assert len(list((tmp_path / "predicted/masks").iterdir())) == 7
    assert re.search(r"only (one|\d) validation image", (tmp_path / "report.html").read_text())


@pytest.mark.skipif(not find_spec("nbclient"), reason="nbclient is not installed")
def test_notebook_runs_in_jupyter(notebook, tmp_path):
    import nbclient
    import nbformat

    node = nbformat.from_dict(notebook)
    nbformat.validate(node)
    nbclient.NotebookClient(node, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    shown = [one.data for cell in node.cells for one in cell.get("outputs", []) if "data" in one]
    assert any("image/png" in one for one in shown) and any("text/html" in one for one in shown)


def test_notebook_is_saved_without_outputs():
    for cell in json.loads(FILE.read_text())["cells"]:
        assert not cell.get("outputs") and cell.get("execution_count") is None
