# SPDX-License-Identifier: Apache-2.0
"""Tables of the config pages, filled from the metafiles."""

from rankseg.testing.config_files import FOLDER
from rankseg.testing.tools import load_tool

tool = load_tool("config_tables")


def test_no_table_is_stale():
    numbers = tool.published(FOLDER)
    assert len(numbers) > 250
    for page in FOLDER.glob("README*.md"):
        text = page.read_text()
        assert tool.fill(text, numbers) == text, f"run tools/config_tables.py: {page.name} is stale"


def test_fills_numbers_of_table_cells_only():
    numbers = {"a/b": "71.6", "a/c": "5.1 +- 0.2"}
    row = "| x | [{}](a/b.py), [64 agents](a/b.py), [{}](a/c.py), [3.0](a/d.py) |"
    below = "\n[1.0](a/b.py)"  # in a sentence
    page = tool.fill(row.format("1.0", "2.0 +- 1") + below, numbers)
    assert page == row.format("71.6", "5.1 +- 0.2") + below
