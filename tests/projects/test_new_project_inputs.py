# SPDX-License-Identifier: Apache-2.0
"""Inputs that people have, from files to class ids that training reads."""

import gc
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.apis import load_config
from rankseg.projects.new_project import new_project
from rankseg.projects.trial_run import Seconds
from rankseg.registry import DATASETS
from rankseg.testing.raw import scene, write_coco, write_raw

NFD = "cafe\u0301"


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a project; class names, and by image name the class ids that training reads."""
    import rankseg.projects.new_project as module

    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # mmengine's: 0.5 s for each data set
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "trial_run", lambda cfg: Seconds(0.5, 0.1))
    monkeypatch.setattr(module, "choose_encoder", lambda *args: None)  # read for each project

    def read(images, masks, **options) -> tuple[tuple[str, ...], dict[str, np.ndarray]]:
        cfg = load_config(str(new_project(images, masks, "mine.py", **options)))
        labeled = DATASETS.build(cfg.train_dataloader.dataset).labeled
        samples = [
            labeled.pipeline.transforms[0](labeled.get_data_info(i)) for i in range(len(labeled))
        ]
        names = [Path(sample["img_path"]).name for sample in samples]
        return labeled.metainfo["classes"], {
            name: sample["seg_map"] for name, sample in zip(names, samples, strict=True)
        }

    return read


def box(left: int, value: int = 1) -> np.ndarray:
    ids = np.zeros((72, 96), np.uint8)
    ids[10:50, left : left + 20] = value
    return ids


def test_gray_and_palette_masks(make, tmp_path):
    images, masks = write_raw(tmp_path / "raw", masks=0, more=8)
    for k in range(6):
        mask = Image.fromarray(box(k, 251 if k % 2 else 255))
        if k % 2:
            mask.putpalette([0] * 753 + [255] * 3 + [0] * 12)
        mask.save(masks / f"{k:02}.png")
    classes, ids = make(images, masks)
    assert classes == ("background", "foreground") and len(ids) == 5
    for name, found in ids.items():
        assert np.array_equal(found, box(int(name[:2])))


def test_several_masks_of_an_image_in_its_folder(make, tmp_path, capsys):
    images, _ = write_raw(tmp_path / "raw", masks=0, more=6)
    for k in range(4):
        Image.fromarray(box(k, 255)).save(images / f"{k:02}_mask.png")
        Image.fromarray(box(50, 255)).save(images / f"{k:02}_mask_1.png")
    _, ids = make(images, images)
    assert len(ids) == 3
    for name, found in ids.items():
        assert np.array_equal(found, box(int(name[:2])) + box(50))
    printed = capsys.readouterr().out
    assert "images without a mask  2:" in printed
    assert "4 images have several masks, 8 files in total" in printed


def test_masks_of_an_image_that_disagree_are_left_out(make, tmp_path, capsys):
    images, masks = write_raw(tmp_path / "raw", masks=0, more=6)
    for k in range(4):
        Image.fromarray(box(k)).save(masks / f"{k:02}_mask.png")
        Image.fromarray(box(50 if k else 5, 2)).save(masks / f"{k:02}_mask_1.png")
    _, ids = make(images, masks)
    assert "00.png" not in ids
    assert all(np.array_equal(found, box(int(n[:2])) + box(50, 2)) for n, found in ids.items())
    printed, error = capsys.readouterr()
    assert "3 images have several masks, 6 files in total" in printed
    assert "skipped 1 file that" in error and "00_mask_1.png have another class" in error


def test_export_of_cvat(make, tmp_path, capsys):
    root = tmp_path / "export"
    images, masks = write_raw(root, "colors")
    images.rename(root / "JPEGImages")
    masks.rename(root / "SegmentationClass")
    text = "# label:color_rgb:parts:actions\nred car:0,0,255::\nbackground:0,0,0::\nx:255,128,0::\n"
    (root / "labelmap.txt").write_text(text)
    classes, ids = make(root, root)
    assert classes == ("background", "red car", "x") and len(ids) == 5
    assert all(np.array_equal(found, scene(int(name[:2]))[1]) for name, found in ids.items())
    assert f"Using the colors and names in {root / 'labelmap.txt'}" in capsys.readouterr().out


def test_151_classes_with_names_in_a_file(make, tmp_path):
    images, masks = write_raw(tmp_path / "raw", masks=0, more=6)
    values = np.kron(np.arange(152).reshape(8, 19) % 151, np.ones((9, 5))).astype(np.uint8)
    values = np.pad(values, ((0, 0), (0, 1)))
    for k in range(4):
        Image.fromarray(values).save(masks / f"{k:02}.png")
    names = tmp_path / "names.txt"
    names.write_text("".join(f"thing {k}\n" for k in range(151)))
    classes, ids = make(images, masks, classes=[str(names)])
    assert classes == tuple(f"thing {k}" for k in range(151))
    assert all(np.array_equal(found, values) for found in ids.values())


@pytest.mark.parametrize(("count", "said"), [(255, None), (256, "at most 255 classes.* names 256")])
def test_as_many_classes_as_ids(make, tmp_path, count, said):
    images, masks = write_raw(tmp_path / "raw", masks=0, more=5)
    values = np.arange(72 * 96).reshape(72, 96) % 255
    for k in range(3):
        Image.fromarray(values.astype(np.uint8)).save(masks / f"{k:02}.png")
    names = [f"c{k}" for k in range(count)]
    if said:
        with pytest.raises(ValueError, match=said):
            make(images, masks, classes=names)
    else:
        assert np.array_equal(next(iter(make(images, masks, classes=names)[1].values())), values)


def test_coco_of_two_cameras_of_which_one_is_there(make, tmp_path, capsys):
    pytest.importorskip("pycocotools")
    images, path = write_coco(tmp_path / "raw", masks=4, more=2)
    (images / "a").mkdir()
    for file in images.glob("*.png"):
        file.rename(images / "a" / file.name)
    content = json.loads(path.read_text())
    other = [{**image, "id": image["id"] + 100} for image in content["images"]]
    for folder, some in (("a", content["images"]), ("b", other)):
        for image in some:
            image["file_name"] = f"D:\\shots\\{folder}\\{image['file_name']}"
    content["images"] += other
    whole = [[0, 0, 96, 0, 96, 72, 0, 72]]
    for k in (101, 102, 103, 104):
        content["annotations"].append({"image_id": k, "category_id": 3, "segmentation": whole})
    path.write_text(json.dumps(content))
    _, ids = make(images, path)
    assert ids and all((found == 0).mean() > 0.5 for found in ids.values())
    assert (
        "6 images listed in outlines.json, not found: D:\\shots\\b\\00.png"
        in capsys.readouterr().out
    )


def test_files_that_differ_in_their_ending_get_masks_of_their_own(make, tmp_path):
    pytest.importorskip("pycocotools")
    images, path = write_coco(tmp_path / "raw", masks=3, more=2)
    content = json.loads(path.read_text())
    (images / "01.png").rename(images / "00.webp")  # what it holds counts, not its name
    content["images"][1]["file_name"] = "00.webp"
    del content["annotations"][2]  # of the two in this image
    path.write_text(json.dumps(content))
    _, ids = make(images, path, val=1, seed=2)
    masks = {
        path.name: np.asarray(Image.open(path)) for path in Path("data/mine/class_ids").iterdir()
    }
    assert sorted(masks) == ["00.png.png", "00.webp.png", "02.png"]
    assert np.unique(masks["00.png.png"]).tolist() == [0, 1, 2]
    assert np.unique(masks["00.webp.png"]).tolist() == [0, 1] and ids


def test_names_in_another_unicode_form(make, tmp_path, capsys):
    images, masks = write_raw(tmp_path / "raw", "ids")
    (masks / "00.png").rename(masks / f"{NFD}.png")
    (images / "00.png").rename(images / "caf\u00e9.png")
    classes, ids = make(images, masks, val=1, seed=1)
    assert len(ids) == 5
    assert "spelling of 1 mask differs from the image" in capsys.readouterr().out
