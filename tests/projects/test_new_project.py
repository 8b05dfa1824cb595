# SPDX-License-Identifier: Apache-2.0
import gc
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from rankseg.apis import load_config, train
from rankseg.datasets.splits.splits import read_list
from rankseg.projects.encoders import Encoder
from rankseg.projects.machine import Machine
from rankseg.projects.new_project import CONFIGS, new_project
from rankseg.projects.settings import class_weights
from rankseg.projects.trial_run import Seconds
from rankseg.registry import DATASETS
from rankseg.report.gain import gain_after_training
from rankseg.testing.raw import COLORS, KINDS, scene, write_coco, write_raw
from rankseg.training.tiny import make_tiny
from rankseg.utils.atomic_file import WriteError


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make a project in an empty current folder; the config is loaded, no step is taken."""
    import rankseg.projects.new_project as module

    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # mmengine's: 0.5 s for each data set
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "trial_run", lambda cfg: Seconds(0.5, 0.1))
    monkeypatch.setattr(module, "choose_encoder", lambda *args: None)  # read for each project
    return lambda folders, **options: new_project(*folders, **{"out": "mine.py", **options})


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_training_reads_every_kind_of_mask_as_painted(make, tmp_path, kind):
    folders = write_raw(tmp_path / "raw", kind)
    before = snapshot(tmp_path / "raw")
    path = make(folders)
    assert snapshot(tmp_path / "raw") == before, "nothing is written to what somebody has"
    cfg = load_config(str(path))
    semi = DATASETS.build(cfg.train_dataloader.dataset)
    assert (semi.num_labeled, semi.num_unlabeled) == (5, 4)
    sample = semi.labeled.pipeline.transforms[0](semi.labeled.get_data_info(0))
    number = int(Path(sample["img_path"]).stem)
    expected = scene(number)[1]
    expected = np.uint8(expected > 0) if kind in ("binary", "rgb_binary") else expected
    assert np.array_equal(sample["seg_map"][1:], expected[1:])
    assert np.array_equal(sample["img"], np.asarray(Image.open(sample["img_path"])))
    assert cfg.model.student.decode_head.num_classes == len(semi.metainfo["classes"])
    assert len(DATASETS.build(cfg.val_dataloader.dataset)) == 1


@pytest.fixture
def small(tmp_path, monkeypatch) -> Path:
    """Weights of a small encoder, which the tool chooses without a GPU."""
    import rankseg.projects.encoders as module

    timm = pytest.importorskip("timm")
    torch.manual_seed(0)
    torch.save(timm.create_model("test_efficientnet").state_dict(), tmp_path / "small.pth")
    monkeypatch.setattr(module, "SMALL", "test_efficientnet")
    monkeypatch.setattr(module, "packaged_file", lambda: tmp_path / "small.pth")
    return tmp_path / "small.pth"


@pytest.mark.parametrize("encoder", [None, "none"])
def test_both_configs_train(small, tmp_path, monkeypatch, capsys, encoder):
    monkeypatch.chdir(tmp_path)
    import rankseg.projects.trial_run as module

    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # mmengine's: 0.5 s for each data set
    plain, models = module.build_optim_wrapper, []
    monkeypatch.setattr(
        module, "build_optim_wrapper", lambda model, cfg: models.append(model) or plain(model, cfg)
    )
    raw = write_raw(tmp_path / "raw", "binary")
    path = new_project(*raw, "mine.py", classes=("gap", "cell"), encoder=encoder)
    assert [type(model).__name__ for model in models] == ["Supervised", "RankMatch"]
    cfg = load_config(str(path))
    count = {None: 1600, "none": 3000}[encoder]
    assert cfg.model.get("pretrained") == (None if encoder else str(small))
    assert (cfg.model.labels_from, cfg.model.warmup) == ("teacher", count // 4)
    printed = capsys.readouterr().out
    assert f"{count:,} iterations each, of 4 and 8 crops of 65 pixels." in printed
    assert ("small.pth" in printed) == (encoder is None) and "lr_mult" not in printed
    assert not Path("work_dirs").exists()
    train(make_tiny(load_config("mine_supervised.py"), "work_dirs/mine_supervised", standin=False))
    train(make_tiny(cfg, "work_dirs/mine", standin=False))
    assert "supervised run" in gain_after_training(cfg)


@pytest.mark.parametrize("number", [4, 5])
def test_classes_are_weighted_by_the_masks_of_the_labeled_list(make, tmp_path, number):
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(6):
        mask = np.zeros((72, 96), np.uint8)
        mask[: 4 * (i + 1)] = np.arange(96) % number  # each image has another share of objects
        cv2.imwrite(f"masks/{i}.png", mask)
        cv2.imwrite(f"images/{i}.png", rng.integers(0, 255, (72, 96, 3), np.uint8))
    cfg = load_config(str(make(("images", "masks"), classes=tuple("abcde"[:number]), labeled=3)))
    names = [Path(image).stem for image, _ in read_list("data/mine/splits/mine/labeled.txt")]
    masks = [cv2.imread(f"masks/{name}.png", cv2.IMREAD_UNCHANGED) for name in names]
    pixels = np.array([np.bincount(mask.ravel(), minlength=256) for mask in masks])
    weights = cfg.model.student.decode_head.loss_decode.class_weight
    assert len(names) < 6 and tuple(weights) == class_weights(pixels, number) != (1,) * number
    softer = cfg.model.get("unlabeled_class_weight")
    assert cfg.model.get("soft_labels", False) == (softer is not None) == (number >= 5)
    assert softer is None or tuple(softer) == class_weights(pixels, number, 0.25)


def test_weights_of_another_network_write_nothing(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folders, before = write_raw(tmp_path / "raw"), snapshot(tmp_path)
    with pytest.raises(ValueError, match=r"small.pth: missing in the file .*timm's resnet18"):
        new_project(*folders, "mine.py", encoder="resnet18", weights=small)
    with pytest.raises(ValueError, match="'test_efficientnt'. Did you mean .*test_efficientnet"):
        new_project(*folders, "mine.py", encoder="test_efficientnt")
    assert snapshot(tmp_path) == before


def test_printed_text_and_written_files(make, tmp_path, capsys):
    path = make(write_raw(tmp_path / "raw"), classes=("ground", "tree", "house"), seed=3)
    printed = capsys.readouterr().out
    for words in (
        "images with a mask     6: 96x72 pixels, color, 8 bits",
        "lists: 5 labeled, 4 unlabeled, 1 for validation",
        "validation uses only 1 image",
        "train.py mine_supervised.py\n",
        "train.py mine.py\n",
        "report.py work_dirs/mine_supervised work_dirs/mine --out work_dirs/mine/report.html\n",
        "compare.py work_dirs/mine_supervised work_dirs/mine --out work_dirs/mine/compare.png\n",
        "about 25 min for the baseline and 25 min for RankMatch",
        "test.py work_dirs/mine --show-dir work_dirs/mine/pictures\n",
        "predict.py work_dirs/mine ",
        "raw/images --out work_dirs/mine/predicted",
    ):
        assert words in printed
    assert "mmengine" not in printed
    page = cv2.imread("data/mine/overview.png")
    assert page.shape[0] > 600 and page.shape[1] > 900
    text = path.read_text()
    here = ("/_base_/", str(tmp_path), str(CONFIGS.parent))
    assert 'classes_file="splits/mine/classes.json"' in text
    assert json.loads(Path("data/mine/splits/mine/classes.json").read_text())["classes"] == [
        "ground",
        "tree",
        "house",
    ]
    lines = [line for line in text.splitlines() if not any(path in line for path in here)]
    assert len(lines) < 120 and max(map(len, lines)) <= 100
    lists = Path("data/mine/splits/mine")
    assert {one.stem for one in lists.glob("*.txt")} == {"labeled", "unlabeled", "val"}
    assert read_list(lists / "val.txt")[0][1].startswith("masks/")


def test_notes_a_class_missing_in_validation(make, tmp_path, capsys):
    images, masks = write_raw(tmp_path / "raw", masks=3)
    for path in sorted(masks.iterdir())[1:]:
        Image.fromarray(np.uint8(np.asarray(Image.open(path)) == 1)).save(path)
    make((images, masks))
    printed = capsys.readouterr().out
    assert "note: no validation image holds class_2: its accuracy" in printed
    assert "no labeled image" not in printed and "holds class_1" not in printed


def test_notes_masks_among_the_images(make, tmp_path, capsys):
    images, masks = write_raw(tmp_path / "raw")
    masks.rename(images / "masks")
    make((images, images / "masks"))
    assert capsys.readouterr().out.endswith("prediction treats them as images)\n")


def test_broken_files_are_listed_at_the_end(make, tmp_path, capsys):
    folders = write_raw(tmp_path / "raw", masks=12, more=20)
    (folders[0] / "05.png").write_bytes(b"no image")
    (folders[0] / "30.png").write_bytes(b"")
    make(folders)
    error = capsys.readouterr().err
    assert error.count("05.png") == error.count("30.png") == 1 and "skipped 2 files" in error
    files = Path("data/mine/splits/mine").glob("*.txt")
    names = [image for path in files for image, _ in read_list(path)]
    assert len(names) == 30 and not {"images/05.png", "images/30.png"} & set(names)


def test_existing_config_is_kept(make, tmp_path):
    folders = write_raw(tmp_path / "raw")
    make(folders)
    before = snapshot(tmp_path)
    with pytest.raises(ValueError, match="mine.py to be new, .*Choose another --out, or add"):
        make(folders)
    assert snapshot(tmp_path) == before
    for path in Path().glob("*.py"):
        path.unlink()
    with pytest.raises(ValueError, match="splits/mine to be new, .*--out, or add"):
        make(folders)
    make(folders, overwrite=True, seed=4)
    assert snapshot(tmp_path) != before


def test_failed_trial_run_leaves_no_files(make, tmp_path, monkeypatch):
    import rankseg.projects.new_project as module

    folders = write_raw(tmp_path / "raw")
    make(folders)
    before = Path("mine.py").read_text()

    def fail(cfg) -> float:
        raise ValueError("no")

    monkeypatch.setattr(module, "trial_run", fail)
    with pytest.raises(ValueError, match="no"):
        make(folders, overwrite=True, seed=1)
    assert Path("mine.py").read_text() == before
    with pytest.raises(ValueError, match="no"):
        make(folders, out="other.py")
    colors = write_raw(tmp_path / "colors", "rgba")
    for _ in range(2):  # the second call finds nothing in its way
        with pytest.raises(ValueError, match="^no$"):
            make(colors, out="third.py")
    assert sorted(path.name for path in Path().glob("*.py")) == ["mine.py", "mine_supervised.py"]


@pytest.mark.parametrize(
    ("out", "match"),
    [
        ("mine.txt", "--out to be a file name .* ends in .py, but got mine.txt"),
        ("my project.py", "--out to be .* got my project.py"),
        (f"{'x' * 201}.py", "at most 200 letters"),
        ("raw/images/00.png/mine.py", "00.png to be a writable folder, but it is a file. .*--out"),
    ],
)
def test_raises_on_invalid_out(make, tmp_path, out, match):
    folders = write_raw(tmp_path / "raw")
    with pytest.raises(ValueError, match=match):
        make(folders, out=out)


def test_raises_on_unwritable_data_out(make, tmp_path, monkeypatch):
    folders = write_raw(tmp_path / "raw")
    monkeypatch.setattr("os.access", lambda path, mode: Path(path) != tmp_path / "locked")
    (tmp_path / "locked").mkdir()
    with pytest.raises(ValueError, match="locked to be a writable folder, .* --data-out"):
        make(folders, data_out="locked/x")
    assert not Path("mine.py").exists()
    monkeypatch.undo()


def test_full_disk_leaves_no_config(make, tmp_path, monkeypatch):
    def full(*args) -> None:
        raise OSError(28, "No space left on device")

    folders = write_raw(tmp_path / "raw", "rgba")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left on device.*Free space"):
        make(folders)
    assert not Path("mine.py").exists()


def test_color_table_and_unknown_colors(make, tmp_path):
    folders = write_raw(tmp_path / "raw", "colors")
    Path("colors.txt").write_text("0 0 0 ground\n255 128 0 ignore\n0 0 255 tree\n")
    cfg = load_config(str(make(folders, colors="colors.txt")))
    data = DATASETS.build(cfg.train_dataloader.dataset)
    assert data.metainfo["classes"] == ("ground", "tree")
    assert [tuple(color) for color in data.metainfo["palette"]] == [COLORS[0], COLORS[1]]
    masks = [cv2.imread(str(path), -1) for path in Path("data/mine/class_ids").iterdir()]
    assert {int(value) for mask in masks for value in np.unique(mask)} == {0, 1, 255}
    Path("colors.txt").write_text("0 0 0 ground\n0 0 255 tree\n")
    with pytest.raises(ValueError, match=r"masks/0\d.png has the color 255 128 0 .* at column"):
        make(folders, colors="colors.txt", overwrite=True)


def test_outlines(make, tmp_path):
    pytest.importorskip("pycocotools")
    cfg = load_config(str(make(write_coco(tmp_path / "raw"))))
    classes = DATASETS.build(cfg.val_dataloader.dataset).classes
    assert classes == ("background", "nucleus", "cell")
    assert len(list(Path("data/mine/class_ids").iterdir())) == 6


def test_unlabeled_folder_and_few_labels(make, tmp_path):
    images, masks = write_raw(tmp_path / "raw", masks=10, more=0)
    more, _ = write_raw(tmp_path / "more", masks=1, more=2)
    make((images, masks), unlabeled=more, labeled=3, val=2)
    root = Path("data/mine/splits/mine")
    assert [len(read_list(root / f"{n}.txt")) for n in ("labeled", "unlabeled", "val")] == [3, 8, 2]
    assert ("unlabeled/00.png", None) in read_list(root / "unlabeled.txt")


def test_16_bit_images_use_the_full_range(make, tmp_path):
    images, masks = write_raw(tmp_path / "raw")
    for path in images.iterdir():
        dark = np.asarray(Image.open(path).convert("L")).astype(np.uint16) * 4
        Image.fromarray(dark).save(path)
    cfg = load_config(str(make((images, masks))))
    for data in (cfg.train_dataloader.dataset, cfg.val_dataloader.dataset):
        data = getattr(DATASETS.build(data), "labeled", None) or DATASETS.build(data)
        sample = data.pipeline.transforms[0](data.get_data_info(0))
        assert sample["img"].max() > 250


def test_small_images_are_padded(make, tmp_path, capsys):
    images, masks = write_raw(tmp_path / "raw")
    for path in (*images.iterdir(), *masks.iterdir()):
        image = Image.open(path)
        image.crop((0, 0, 96, 40)).save(path)
    cfg = load_config(str(make((images, masks))))
    assert cfg.crop.crop_size == 65
    assert "smaller than the crop" in capsys.readouterr().out


@pytest.mark.parametrize("stored", ["gray", "gray in colors", "colors"])
def test_gray_images_have_one_magnification(make, tmp_path, stored):
    images, masks = write_raw(tmp_path / "raw", "binary")
    for path in images.iterdir():
        image = Image.open(path).resize((400, 300))
        if stored != "colors":
            image = image.convert("L").convert("RGB" if "in" in stored else "L")
        image.save(path)
    for path in masks.iterdir():
        Image.open(path).resize((400, 300), Image.NEAREST).save(path)
    cfg = load_config(str(make((images, masks))))
    crop = cfg.train_dataloader.dataset.unlabeled_pipeline[1]
    low, high = crop.scale
    assert high / low == pytest.approx(4 if stored == "colors" else 1.25 / 0.8, rel=1e-2)
    windows = cfg.model.student.get("test_cfg", {}).get("stride")
    assert windows == (None if stored == "colors" else (crop.crop_size // 2,) * 2)
    assert (len(cfg.val_dataloader.dataset.pipeline) == 3) == (stored != "colors")


@pytest.mark.parametrize(("width", "shrink"), [(90, 1.5), (12, 1.0)])
def test_photos_of_small_objects_keep_their_size(make, tmp_path, monkeypatch, width, shrink):
    import rankseg.projects.new_project as module

    (tmp_path / "w.pth").touch()
    lite0 = Encoder("tf_efficientnet_lite0", tmp_path / "w.pth", "mit", 5, (1, 3), (4, 16), 1)
    monkeypatch.setattr(module, "choose_encoder", lambda *args: lite0)
    monkeypatch.setattr(module, "this_machine", lambda: Machine(cores=2, memory=16))
    rng = np.random.default_rng(0)
    mask = np.zeros((256, 256), np.uint8)
    for start in (10, 120):
        mask[start : start + width, start : start + width] = 1
    for name in ("images", "masks"):
        (tmp_path / name).mkdir()
    for i in range(4):
        cv2.imwrite(f"masks/{i}.png", mask)
        cv2.imwrite(f"images/{i}.png", rng.integers(0, 255, (256, 256, 3), np.uint8))
    cfg = load_config(str(make(("images", "masks"), labeled=2)))
    assert cfg.crop.scale == pytest.approx((0.8 / shrink, 1.4 / shrink), abs=1e-3)
