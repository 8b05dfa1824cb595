# SPDX-License-Identifier: Apache-2.0
"""The documentation: links, examples and the site."""

import re
import runpy
import shlex
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from rankseg.apis import load_config
from rankseg.registry import DATASETS

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README*.md")])
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def without_code(page: Path) -> str:
    """Return the text of a page without its code, which can look like links."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    return re.sub(r"`[^`\n]*`", lambda code: "x" * len(code[0]), text)


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page."""
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


def python_blocks(page: str) -> list[str]:
    """Return the blocks of Python code of a page in `docs`."""
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / "docs" / page).read_text(), re.M | re.S)


def write_config(folder: Path, block: str, method: str) -> str:
    """Write a config of a page that inherits from one in `configs/METHOD`."""
    path = folder / "mine.py"
    path.write_text(block.replace('_base_ = "./', f'_base_ = "{ROOT}/configs/{method}/'))
    return str(path)


@pytest.mark.parametrize(
    ("base", "folder"),
    [
        *(("omniglot_mini", folder) for folder in ("metric_learning", "tac_ccl", "san")),
        ("cub_googlenet", "metric_learning"),
    ],
)
def test_configs_for_similar_images(tmp_path, base, folder):
    blocks = python_blocks("metric_learning.md")
    (block,) = (one for one in blocks if f'_base_ = "./{base}.py"' in one)
    cfg = load_config(write_config(tmp_path, block, folder))
    (hook,) = (one for one in cfg.custom_hooks if one.type == "ClusterHook")
    assert hook.clusters == 30 and cfg.model.memory.size == 300
    if base == "cub_googlenet":
        parts = cfg.train_dataloader.dataset.dataset, cfg.val_dataloader.dataset
        assert [part.type for part in parts] == ["ClassFolderDataset"] * 2
        assert parts[1].pipeline[1].size == 227 and cfg.test_dataloader == cfg.val_dataloader


def test_config_for_own_classes(tmp_path):
    (block,) = python_blocks("classification.md")
    cfg = load_config(write_config(tmp_path, block, "simmatch"), data_root="somewhere")
    assert cfg.model.student.decode_head.num_classes == 2 and cfg.model.bank_size == 80
    assert cfg.val_dataloader.dataset.ann_file == "splits/100_seed0/val.txt"
    assert cfg.test_dataloader.dataset.folder == "test"
    other = block.replace("cifar10_mini_100", "cifar10_mini_100_mixmatch")
    other = re.sub(r"    bank_size=.*\n", "", other)
    cfg = load_config(write_config(tmp_path, other, "snowball"), data_root="somewhere")
    assert cfg.model.type == "SnowballMixMatch" and "bank_size" not in cfg.model


def test_config_that_inherits(tmp_path):
    block, line = python_blocks("configuration.md")
    cfg = load_config(write_config(tmp_path, block + line, "rankmatch"))
    assert (cfg.model.type, cfg.model.threshold, cfg.model.rank.num_agents) == (
        "RankMatch",
        0.9,
        64,
    )
    assert cfg.train_dataloader.dataset.split == "183"
    assert cfg.train_dataloader.dataset.labeled_pipeline[1].scale == (0.75, 1.5)


def test_config_for_an_own_data_set(tmp_path, monkeypatch):
    blocks = python_blocks("extend.md")
    (part,) = (one for one in blocks if "class PolypDataset" in one)
    (block,) = (one for one in blocks if 'type="PolypDataset"' in one)
    (tmp_path / "my_parts.py").write_text(part)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_parts", raising=False)
    cfg = load_config(write_config(tmp_path, block, "unimatch"))
    dataset = DATASETS.get(cfg.train_dataloader.dataset.dataset.type)
    assert dataset.__name__ == "PolypDataset"
    assert cfg.model.student.decode_head.num_classes == len(dataset.METAINFO["classes"])


def commands(page: Path) -> list[list[str]]:
    """Return the arguments of each `python tools/...` of a page, in indented code and in tables."""
    text = page.read_text().replace("\\\n", " ")
    lines = re.findall(r"^(?:    )?(?:[A-Z_]+=\S+ )?python (tools/\S+.*)$", text, re.M)
    lines += re.findall(r"\| `python (tools/[^`]+)`", text)
    return [shlex.split(line, comments=True) for line in lines]


@cache
def parser_of(tool: str) -> Callable[..., object]:
    """Return the function of a tool that reads its command line."""
    return runpy.run_path(str(ROOT / tool))["parse_args"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tools_parse_the_commands_of_a_page(page, monkeypatch):
    for command in commands(page):
        monkeypatch.setattr("sys.argv", command)
        try:
            parser_of(command[0])()
        except SystemExit as error:
            assert not error.code, shlex.join(command)


def test_tests_named_on_the_reliability_page_exist():
    named = re.findall(
        r"`((?:tests/)?[\w/]*test_\w+\.py|tests/[\w/]+)`",
        (ROOT / "docs/reliability.md").read_text(),
    )
    assert len(named) > 50
    for name in set(named):
        found = ROOT / name if "tests/" in name else ROOT / "tests/reliability" / name
        assert found.exists() or list(ROOT.glob(f"tests/**/{name}")), name


def test_finds_commands_on_the_pages():
    count = {page.name: len(commands(page)) for page in PAGES}
    assert count["get_started.md"] >= 8 and count["reports.md"] >= 8 and count["tutorial.md"] >= 10


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


def test_pictures_are_small():
    pictures = list((ROOT / "docs/tutorial").glob("*"))
    assert pictures
    for picture in pictures:
        assert picture.suffix == ".png" and picture.stat().st_size < 150_000, picture.name


def test_finds_links_on_a_page():
    assert "docs/tutorial.md" in LINK.findall(without_code(ROOT / "README.md"))


def test_site_builds_without_a_warning(tmp_path):
    """Build all pages but the API reference, which imports the whole package."""
    for package in ("sphinx", "myst_parser", "pydata_sphinx_theme", "sphinx_copybutton"):
        pytest.importorskip(package)
    from sphinx.cmd.build import build_main

    arguments = ["-q", "-W", "--keep-going", "-b", "dummy", "-t", "pages_only"]
    assert build_main([*arguments, str(ROOT / "docs"), str(tmp_path)]) == 0
