# SPDX-License-Identifier: Apache-2.0
import json
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import FolderDataset, SemiDataset, check_data, checks
from rankseg.datasets.file_checks import FileValidator
from rankseg.datasets.validation_cache import ValidationCache, cache_file, stamp


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Every image that a check opens."""
    paths, inner = [], checks.read_image_info
    monkeypatch.setattr(
        checks, "read_image_info", lambda path, *a, **k: paths.append(path) or inner(path, *a, **k)
    )
    return paths


def check(root, file: Path, full: bool = False, **options) -> list[str]:
    dataset = {"type": "FolderDataset", "data_root": str(root), **options}
    val = FolderDataset(data_root=root, ann_file="splits/val.txt", **options)
    seen = ValidationCache(file)
    try:
        return check_data(SemiDataset(dataset, split="few"), val, FileValidator(full, seen))
    finally:
        seen.save()


def test_a_second_look_opens_nothing_and_says_the_same(make_set, tmp_path, opened):
    root, file = make_set(), tmp_path / "cache/seen.json"
    first = check(root, file)
    assert len(opened) == 8
    *again, told = check(root, file)
    assert again == first and len(opened) == 8
    assert told.startswith("8 of the 8 files passed an earlier check")
    assert [path.name for path in file.parent.iterdir()] == ["seen.json"]


def test_the_full_check_trusts_no_memory_and_leaves_one(make_set, tmp_path, opened):
    root, file = make_set(), tmp_path / "seen.json"
    for _ in range(2):
        opened.clear()
        notes = check(root, file, full=True)
        assert len(opened) == 8 and not any("passed an earlier check" in note for note in notes)
    path, times = root / "images/0.png", (root / "images/0.png").stat()
    content = path.read_bytes()
    path.write_bytes(content[:45] + bytes(len(content) - 45))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(ValueError, match=r"images/0\.png .*cannot be decoded"):
        check(root, file, full=True)
    opened.clear()  # labeled and validation images have been decoded; the fast check knows that
    assert "4 of the 8 files passed" in check(root, file)[-1] and len(opened) == 4


@pytest.mark.parametrize("name", ["images/0.png", "masks/0.png", "images/3.png"])
def test_a_file_that_changed_is_opened_again(make_set, tmp_path, opened, name):
    root, file = make_set(), tmp_path / "seen.json"
    check(root, file)
    opened.clear()
    os.utime(root / name, ns=(0, 12345))
    check(root, file)
    assert len(opened) == 1
    path = root / name
    path.write_bytes(path.read_bytes()[:45])
    with pytest.raises(ValueError, match=f"{name} .*cannot be decoded"):
        check(root, file)
    with pytest.raises(
        ValueError, match=f"{name} .*cannot be decoded"
    ):  # bad ones are not remembered
        check(root, file)


def test_another_rule_is_checked_anew(make_set, tmp_path, opened):
    root, file = make_set(), tmp_path / "seen.json"
    check(root, file)
    opened.clear()
    with pytest.raises(ValueError, match=r"masks/1\.png .* got \[1\], which is no class"):
        check(root, file, classes=("sky",))
    check(root, file, label_rule={1: 2})
    assert len(set(opened)) == 4  # labeled and validation, whose masks mean something else now


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: "",
        lambda text: text[: len(text) // 2],
        lambda text: "[" * 100_000,
        lambda text: '{"version": 0, "files": {}}',
        lambda text: '{"version": 1, "files": [1]}',
        lambda text: text.replace("[10,8,", '["x",8,').replace("[8,10,", '["x",8,'),
        lambda text: json.dumps({"version": 1, "files": dict.fromkeys(json.loads(text)["files"])}),
        lambda text: "\udcff\x80",
    ],
)
def test_what_is_remembered_is_not_trusted_blindly(make_set, tmp_path, opened, damage):
    root, file = make_set(), tmp_path / "seen.json"
    first = check(root, file)
    opened.clear()
    file.write_text(damage(file.read_text()), encoding="utf-8", errors="surrogateescape")
    assert check(root, file) == first and len(opened) == 8
    assert json.loads(file.read_text())["version"] == 1


def test_where_nothing_can_be_kept_the_check_goes_on(make_set, tmp_path):
    (tmp_path / "file").write_text("in the way")
    assert check(make_set(), tmp_path / "file/seen.json")


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("a")
    path, files = tmp_path / "seen.json", (str(tmp_path / "a"),)
    seen = ValidationCache(path)
    seen.keep("rule", files, stamp(files), [1])
    seen.save()
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *a: (_ for _ in ()).throw(OSError(28, "No space")))
    seen.keep("other", files, stamp(files), [2])
    seen.save()
    assert path.read_bytes() == before and sorted(p.name for p in tmp_path.iterdir()) == [
        "a", "seen.json"
    ]  # fmt: skip


def test_it_lies_outside_of_the_data_root_and_can_be_left_out(tmp_path, monkeypatch):
    monkeypatch.delenv("RANKSEG_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "link").symlink_to(tmp_path / "set")
    path = cache_file(tmp_path / "set")
    assert path.parent == tmp_path / "cache/rankseg" and path == cache_file(tmp_path / "link")
    assert path != cache_file(tmp_path / "other") and not path.parent.exists()
    monkeypatch.setenv("RANKSEG_CACHE_DIR", "off")
    assert cache_file(tmp_path / "set") is None


def test_the_full_check_lists_fifty(make_set):
    root = make_set(number=70, labeled=2, val=2)
    for i in range(2, 66):
        (root / f"images/{i}.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"64 bad ones among 70") as error:
        check(root, None, full=True)
    lines = str(error.value).splitlines()
    assert len(lines) == 52 and lines[-1] == "  ... and 14 more"


def test_test_images_are_looked_at_in_the_full_check(make_set):
    root = make_set()
    Image.fromarray(np.full((8, 10), 77, np.uint8)).save(root / "masks/0.png")
    train = SemiDataset({"type": "FolderDataset", "data_root": str(root)}, split="few")
    (root / "splits/test.txt").write_text("images/0.png masks/0.png\n")
    (root / "splits/few/labeled.txt").write_text("images/1.png masks/1.png\n")
    train = SemiDataset({"type": "FolderDataset", "data_root": str(root)}, split="few")
    test = FolderDataset(data_root=root, ann_file="splits/test.txt")
    check_data(train, None, FileValidator(), test)
    with pytest.raises(ValueError, match=r"masks/0\.png .* got \[77\]"):
        check_data(train, None, FileValidator(full=True), test)
