# SPDX-License-Identifier: Apache-2.0
"""What the pages point to exists."""

import re
from pathlib import Path

import pytest

from rankseg.apis import load_config

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def without_code(page: Path) -> str:
    """The text of a page; what stands in blocks of code is no link."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: "x" * len(code[0]), text)


def anchors(page: Path) -> set[str]:
    """The names that a page gives its headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    return {re.sub(r"[^\w\- ]", "", one).strip().lower().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_pictures_exist(page):
    for link in LINK.findall(without_code(page)):
        if re.match(r"https?:|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        *(("omniglot_mini", folder) for folder in ("metric_learning", "tac_ccl", "san")),
        ("cub_googlenet", "metric_learning"),
    ],
)
def test_configs_for_images_of_ones_own(tmp_path, base, folder):
    """Those of the README build on a config of the folder that it names."""
    blocks = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    (block,) = (one for one in blocks if f'_base_ = "./{base}.py"' in one)
    mine = tmp_path / "mine.py"
    mine.write_text(block.replace('"./', f'"{ROOT}/configs/{folder}/'))
    cfg = load_config(str(mine))
    (hook,) = (one for one in cfg.custom_hooks if one.type == "ClusterHook")
    assert hook.clusters == 30 and cfg.model.memory.size == 300
    if base == "cub_googlenet":
        parts = cfg.train_dataloader.dataset.dataset, cfg.val_dataloader.dataset
        assert [part.type for part in parts] == ["ClassFolderDataset"] * 2
        assert parts[1].pipeline[1].size == 227 and cfg.test_dataloader == cfg.val_dataloader


def test_pictures_are_small():
    pictures = list((ROOT / "docs/tutorial").glob("*"))
    assert pictures
    for picture in pictures:
        assert picture.suffix == ".png" and picture.stat().st_size < 150_000, picture.name


def test_links_are_found_at_all():
    assert "docs/tutorial.md" in LINK.findall(without_code(ROOT / "README.md"))


def test_site_builds_without_a_warning(tmp_path):
    """Build all pages but the API reference, which imports the whole package."""
    for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton"):
        pytest.importorskip(package)
    from sphinx.cmd.build import build_main

    arguments = "-q -W --keep-going -b dummy -t pages_only".split()
    assert build_main([*arguments, str(ROOT / "docs"), str(tmp_path)]) == 0
