# SPDX-License-Identifier: Apache-2.0
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.registry import DefaultScope

from rankseg.datasets.checks import check_data
from rankseg.datasets.standin.masks import GENERATED, fill_missing
from rankseg.registry import DATASETS
from rankseg.training.config import load_config

PROJECT = Path(__file__).parents[2]
CONFIG = PROJECT / "configs/fixmatch/voc_92.py"
LISTS = {
    "92/labeled.txt": [
        "JPEGImages/a.jpg SegmentationClass/a.png",
        "JPEGImages/b.jpg SegmentationClass/b.png",
    ],
    "92/unlabeled.txt": ["JPEGImages/c.jpg SegmentationClass/c.png", "more/d.jpeg"],
    "val.txt": ["JPEGImages/e.jpg SegmentationClass/e.png"],
}


@pytest.fixture
def root(tmp_path) -> Path:
    """A data root with lists and nothing else."""
    for name, lines in LISTS.items():
        write(tmp_path / "splits" / name, lines)
    return tmp_path


def write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


def config(root: Path, **options):
    options = {"train_dataloader.dataset.check_counts": False, **options}
    return load_config(str(CONFIG), data_root=str(root), options=options)


def data_sets(cfg) -> tuple:
    with DefaultScope.overwrite_default_scope("rankseg"):
        return tuple(DATASETS.build(cfg[f"{part}_dataloader"].dataset) for part in ("train", "val"))


def size(path: Path) -> tuple[int, int]:
    return cv2.imread(str(path), cv2.IMREAD_UNCHANGED).shape[:2]


def test_fills_a_folder_of_lists(root):
    cfg = config(root)
    assert fill_missing(cfg) == 8
    written = (root / GENERATED).read_text().split()
    files = {p.relative_to(root).as_posix() for p in root.rglob("*.*g")}
    assert set(written) == files and len(written) == 8
    assert not (root / "SegmentationClass/c.png").exists(), "an unlabeled image needs no mask"
    train, val = data_sets(cfg)
    assert (train.num_labeled, train.num_unlabeled, len(val)) == (2, 2, 1)
    check_data(train, val)
    assert fill_missing(cfg) == 0


def test_keeps_existing_files_and_uses_their_size(root):
    (root / "JPEGImages").mkdir()
    (root / "SegmentationClass").mkdir()
    cv2.imwrite(str(root / "JPEGImages/a.jpg"), np.full((50, 40, 3), 9, np.uint8))
    for name in "ce":
        cv2.imwrite(str(root / f"SegmentationClass/{name}.png"), np.full((30, 70), 5, np.uint8))
    before = {p: p.read_bytes() for p in root.rglob("*.*g")}
    assert fill_missing(config(root)) == 6
    assert {p: p.read_bytes() for p in before} == before
    assert size(root / "SegmentationClass/a.png") == (50, 40)
    assert size(root / "JPEGImages/e.jpg") == size(root / "JPEGImages/c.jpg") == (30, 70)
    assert "JPEGImages/a.jpg" not in (root / GENERATED).read_text()
    check_data(*data_sets(config(root)))


def test_masks_hold_classes_or_two_values(root):
    fill_missing(config(root, **{"model.student.decode_head.num_classes": 3}))
    mask = root / "SegmentationClass/a.png"
    values = set(np.unique(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED)))
    assert 255 in values and {0, 1, 2} & values and values <= {0, 1, 2, 255}
    mask.unlink()
    options = {"model.student.decode_head.num_classes": 2}
    cfg = config(root, **options)
    cfg.train_dataloader.dataset.dataset.label_rule = "binary"
    assert fill_missing(cfg) == 1
    assert set(np.unique(cv2.imread(str(mask), cv2.IMREAD_UNCHANGED))) == {0, 1}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../x.jpg ../x.png", "name files below .* but got ../x.jpg"),
        ("JPEGImages/x.nef\tJPEGImages/x.png", "but got '.nef'"),
        ("x.pgm x.png", "but got '.pgm'"),  # gray only: OpenCV writes nothing
        ("JPEGImages/x.jpg", "no mask for JPEGImages/x.jpg"),
    ],
)
def test_raises_on_names_that_cannot_be_filled(root, line, message):
    write(root / "splits/val.txt", [line])
    with pytest.raises(ValueError, match=message):
        fill_missing(config(root))


def test_accepts_lists_in_another_folder(root, tmp_path_factory):
    empty = tmp_path_factory.mktemp("data") / "new"
    cfg = load_config(str(CONFIG), data_root=str(empty), split_root=str(root / "splits"))
    assert fill_missing(cfg) == 8
    assert (empty / "JPEGImages/a.jpg").is_file()


def test_fills_the_published_lists(shared, tmp_path):
    lists = shared / "data/unimatch_splits/pascal"
    if not (lists / "92").is_dir():
        pytest.skip("no published lists beside the project")
    for name, count in {"92/labeled.txt": 92, "92/unlabeled.txt": 300, "val.txt": 40}.items():
        write(tmp_path / "splits" / name, (lists / name).read_text().splitlines()[:count])
    cfg = config(tmp_path)
    assert fill_missing(cfg) == 2 * 92 + 300 + 2 * 40
    train, val = data_sets(cfg)
    assert (train.num_labeled, train.num_unlabeled, len(val)) == (92, 300, 40)
    check_data(train, val)


def test_command(root, capsys):
    main = runpy.run_path(str(PROJECT / "tools/fill_missing.py"))["main"]
    argv = [str(CONFIG), "--data-root", str(root)]
    main(argv)
    assert f"Wrote 8 generated images and masks to {root}" in capsys.readouterr().out
    main(argv)
    assert "Wrote nothing" in capsys.readouterr().out
    (root / "splits/val.txt").unlink()
    with pytest.raises(SystemExit, match="2"):
        main(argv)
    assert "val.txt does not exist" in capsys.readouterr().err
