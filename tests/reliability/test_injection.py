# SPDX-License-Identifier: Apache-2.0
"""Names that are made to run code: of classes, colors, categories, files, folders and runs.

Whatever runs leaves the file ``canary`` in the current folder, which is empty otherwise.
"""

import csv
import gc
import json
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rankseg import apis
from rankseg.engine.kept_labels import read_labels
from rankseg.projects.new_project import new_project
from rankseg.projects.trial_run import Seconds
from rankseg.registry import DATASETS
from rankseg.report.compare import compare
from rankseg.report.report import report
from rankseg.selection.matching import MatchedPairs, load_pairs
from rankseg.selection.matching.affine_sift import KeypointCache, Keypoints
from rankseg.testing.raw import scene, write_coco, write_raw
from rankseg.training.config_source import check_path, literal
from rankseg.training.tiny import make_tiny
from rankseg.utils.atomic_file import write_table

OPEN = "open('canary','w').name"
RUNS = [
    """{{$X:.*\\}}'+open("canary","w").name,)#""",
    """{{$X:.*\\}}'+str(__import__("os").system("touch canary")),)#""",
]
"""Names that mmengine makes code of: it takes a backslash away, and the quote after it ends."""

SHOWN = [
    *RUNS,
    '{{$X:"+' + OPEN + '+"}}',
    '{{$X:"""+' + OPEN + '+"""}}',
    "{{$X:'+" + OPEN + "+'}}",
    "{{$HOME:y}}",
    "{{ fileDirname }}",
    "{{_base_.work_dir}}",
    '"""',
    f'"""+{OPEN}+"""',
    "'''",
    f'"); {OPEN}; ("',
    f"'); {OPEN}; ('",
    "back\\slash\\",
    "\\x41 \\N{BULLET} %s {0}",
    f"=cmd|'{OPEN}'!A1",
    "<script>alert(1)</script>",
    f"# {OPEN}",
    "Zelle ü 細胞",
]
REFUSED = {
    "line break": f"a\n{OPEN}\n#",
    "carriage return": f"a\r{OPEN}",
    "line separator": f"a\u2028{OPEN}",
    "paragraph separator": f"a\u2029{OPEN}",
    "next line": f"a\x85{OPEN}",
    "zero": "a\0b",
    "escape": "a\x1b]0;title\x07",
    "half a character": "a\ud800",
    "turned": "a\u202eb",
    "long": "a" * 201,
    "blank": " ",
}


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, in which a project is made without trying its config."""
    import rankseg.projects.new_project as module

    monkeypatch.setattr(gc, "collect", lambda *args: 0)  # mmengine's: 0.5 s for each data set
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(module, "trial_run", lambda cfg: Seconds(0.5, 0.1))
    monkeypatch.setattr(module, "choose_encoder", lambda *args: None)  # read for each project
    return tmp_path


def canary() -> bool:
    return Path("canary").exists()


def write_many(root: Path, number: int) -> tuple[Path, Path]:
    """Images and masks that hold every one of that many classes."""
    folders = write_raw(root, masks=0, more=0)
    for i in range(6):
        image, ids = scene(i, number)
        Image.fromarray(image).save(folders[0] / f"{i}.png")
        if i < 4:
            Image.fromarray(ids).save(folders[1] / f"{i}.png")
    return folders


@pytest.mark.parametrize("name", RUNS)
def test_these_names_run_where_they_are_the_text_of_a_config(here, name):
    """Else the tests below would prove nothing."""
    Path("inline.py").write_text(f"classes = ({literal(name)},)\n")
    Config.fromfile("inline.py")
    assert canary()


def test_names_run_nothing_from_the_first_look_to_the_last_page(here, capsys):
    path = new_project(*write_many(here / "raw", len(SHOWN)), "mine.py", classes=SHOWN, val=2)
    text = path.read_text() + Path("mine_supervised.py").read_text()
    assert "canary" not in text and "{{" not in text and not canary()
    for config in ("mine.py", "mine_supervised.py"):
        cfg = apis.load_config(config)
        for data in (cfg.train_dataloader.dataset, cfg.val_dataloader.dataset):
            assert DATASETS.build(data).metainfo["classes"] == tuple(SHOWN)
    assert not canary()
    cfg = make_tiny(apis.load_config("mine.py"), "runs/mine", standin=False)
    apis.train(cfg)
    checkpoint = "runs/mine/iter_2.pth"
    apis.test(make_tiny(apis.load_config("mine.py"), "runs/test", standin=False), checkpoint)
    inferencer = apis.Inferencer("mine.py", checkpoint, device="cpu")
    assert list(inferencer.classes) == SHOWN and not canary()
    (saved,) = Path("runs/mine").glob("*/vis_data/config.py")
    Config.fromfile(saved)
    report(["runs/mine"], "page.html")
    compare(["runs/mine"], "picture.png", images=1)
    assert not canary()
    page = Path("page.html").read_text()
    assert "<script>" not in page and "&lt;script&gt;alert(1)" in page
    assert "No confusion" not in page


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_cannot_be_shown_are_refused(here, capsys, name):
    bad = REFUSED[name]
    folders = write_many(here / "raw", 3)
    with pytest.raises(
        ValueError, match="--classes: expected a class name to be one line"
    ) as error:
        new_project(*folders, "mine.py", classes=["a", bad, "c"])
    assert bad not in str(error.value) + "".join(capsys.readouterr()) or name == "blank"
    assert sorted(path.name for path in here.iterdir()) == ["raw"]
    for given in (dict(classes=("a", bad)), dict(metainfo=dict(classes=["a", bad]))):
        with pytest.raises(ValueError, match="expected a class name to be one line"):
            DATASETS.build(dict(type="FolderDataset", data_root=str(here), **given))


def test_color_tables_and_their_names(here):
    folders = write_raw(here / "raw", "colors")
    colors = ("0 0 0", "0 0 255", "255 128 0")
    names = [" ".join(name.split()) for name in SHOWN]
    for start in (0, 3, 9):
        three = names[start : start + 3]
        lines = [f"{color} {name}" for color, name in zip(colors, three, strict=True)]
        Path("colors.txt").write_text("\n".join(lines), encoding="utf-8")
        try:
            path = new_project(*folders, "mine.py", colors="colors.txt", overwrite=True)
        except ValueError as error:  # a comma is a blank in such a table
            assert "colors.txt" in str(error)
            continue
        found = DATASETS.build(apis.load_config(str(path)).val_dataloader.dataset).classes
        assert found == tuple(name.replace(",", " ") for name in three)
        assert not canary()


def test_categories_of_coco(here):
    pytest.importorskip("pycocotools")
    images, coco = write_coco(here / "raw")
    content = json.loads(coco.read_text())
    for pair in zip(SHOWN[:6:2], SHOWN[1:6:2], strict=True):
        for category, name in zip(content["categories"], pair, strict=True):
            category["name"] = name
        coco.write_text(json.dumps(content))
        path = new_project(images, coco, "mine.py", overwrite=True)
        data = apis.load_config(str(path)).val_dataloader.dataset
        assert set(DATASETS.build(data).classes) == {"background", *pair} and not canary()
    for fault in ("line break", "long"):
        content["categories"][0]["name"] = REFUSED[fault]
        coco.write_text(json.dumps(content))
        try:  # a category of no name is left out
            path = new_project(images, coco, "mine.py", overwrite=True)
        except ValueError as error:
            assert "outlines.json: expected a class name to be one line" in str(error)
        else:
            found = DATASETS.build(apis.load_config(str(path)).val_dataloader.dataset).classes
            assert found == ("background", pair[1])
        assert not canary()


def as_folder(name: str) -> str:
    return name.replace("/", "|").replace("\0", "")[:120]


BAD = ("{{", "}}", '"""', "'''", "\\", "\n", "\r", "\u2028", "\u2029", "\x85", "\x1b", "\u202e")


def refused(name: str) -> bool:
    return any(part in name for part in BAD)


@pytest.mark.parametrize("name", [*SHOWN, *REFUSED.values()])
def test_paths_that_a_config_cannot_name(name):
    path = f"/data/{name}/images"
    if refused(name) or name in ("a\0b", "a\ud800"):
        with pytest.raises(
            ValueError, match="Expected --out to be a path that a config can contain"
        ) as error:
            check_path(path, "--out")
        assert str(error.value).isprintable() and str(error.value).endswith("with --out.")
    else:
        check_path(path, "--out")


@pytest.mark.parametrize(
    "name", [RUNS[0], '"""', f'"); {OPEN}; ("', "Zelle ü 細胞 it's", f"a\n{OPEN}", "a\u2028b"]
)
@pytest.mark.parametrize("option", ["out", "data_out"])
def test_folders_are_named_safely_or_refused(here, name, option):
    folders = write_many(here / "raw", 3)
    (here / as_folder(name)).mkdir()
    where = f"{as_folder(name)}/mine.py" if option == "out" else f"{as_folder(name)}/data"
    options = {"out": "mine.py", option: where}
    if refused(name):
        with pytest.raises(ValueError, match=f"--{option.replace('_', '-')} to be a path tha"):
            new_project(*folders, **options)
        assert not list(here.rglob("*.py")) and not list(here.rglob("splits"))
    else:
        path = new_project(*folders, **options)
        data = DATASETS.build(apis.load_config(str(path)).val_dataloader.dataset)
        assert len(data) == 1
        assert Path(data.data_root).resolve() == next(here.rglob("splits")).parent
    assert not canary()


def test_images_and_their_folders_are_named_in_lists_alone(here):
    for name in (SHOWN[0], SHOWN[10]):
        root = here / as_folder(name)
        images, masks = write_many(root, 3)
        for folder in (images, masks):
            (folder / "0.png").rename(folder / f"{as_folder(name)}.png")
        try:
            path = new_project(images, masks, "mine.py", overwrite=True)
        except ValueError as error:  # lists cannot hold every name
            assert "\n" not in str(error)
        else:
            assert len(DATASETS.build(apis.load_config(str(path)).train_dataloader.dataset)) == 5
        assert not canary()


@pytest.mark.parametrize("name", [one for one in SHOWN if "{{" in one])
def test_a_data_root_that_would_run_when_the_saved_config_is_read(here, name):
    Path("c.py").write_text(
        "model = dict(type='x')\nval_dataloader = dict(dataset=dict(type='FolderDataset'))\n"
    )
    with pytest.raises(ValueError, match=r"val_dataloader\.dataset\.data_root to be text without"):
        apis.load_config("c.py", data_root=name)
    with pytest.raises(ValueError, match="work_dir to be text without '{{'"):
        apis.load_config("c.py", work_dir=name)
    assert not canary()


@pytest.mark.parametrize(
    "content",
    [
        {"classes": "abc"},
        {"classes": []},
        {"classes": ["a", 3]},
        {"classes": ["a", "a"]},
        {"classes": ["a", "b\n"]},
        {"classes": ["a", "b"], "palette": [[0, 0, 0]]},
        {"classes": ["a", "b"], "palette": [[0, 0, 0], [0, 0, 256]]},
        {"classes": ["a", "b"], "palette": [[0, 0, 0], "url(x)"]},
        {"names": ["a"]},
        [],
        "text",
    ],
)
def test_a_file_of_class_names_is_checked(here, content):
    Path("classes.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r"classes.json: expected .*got"):
        DATASETS.build(dict(type="FolderDataset", data_root=str(here), classes_file="classes.json"))


def test_names_in_a_table_are_no_formulas(here):
    names = ["=1+2", "+a", "-a", "@a", " =1", "\t=1", "\r=1", "-1.5", "a-b", "a\x1b[2J", "＝1", ""]
    write_table("table.csv", [names, [1, -2.5, "3"]])
    with open("table.csv", newline="") as file:
        found, numbers = csv.reader(file)
    safe = ["'=1+2", "'+a", "'-a", "'@a", "' =1", "\\t=1", "\\r=1", "-1.5", "a-b"]
    assert found == [*safe, "a\\x1b[2J", "'＝1", ""]
    assert numbers == ["1", "-2.5", "3"]


def test_a_png_text_or_palette_is_no_name(here):
    folders = write_raw(here / "raw", "palette")
    for path in folders[1].iterdir():
        info, mask = PngInfo(), Image.open(path)
        for name in RUNS:
            info.add_text("Title", name)
        mask.save(path, pnginfo=info)
    path = new_project(*folders, "mine.py")
    data = DATASETS.build(apis.load_config(str(path)).val_dataloader.dataset)
    assert data.classes == ("class_0", "class_1", "class_2") and not canary()
    assert np.shape(data.metainfo["palette"]) == (3, 3)


class Harmful:
    def __reduce__(self):
        return open, ("canary", "w")


def test_arrays_of_objects_are_not_unpickled(here):
    bad = np.empty(1, object)
    bad[0] = Harmful()
    names = ("score_1", "label_1_0", *MatchedPairs._fields, *Keypoints._fields)
    np.savez("bad.npz", **dict.fromkeys(names, bad))
    for read in (load_pairs, read_labels):
        with pytest.raises(ValueError):
            read(Path("bad.npz"))
        assert not canary()
    Path("image.png").touch()
    good = Keypoints(np.zeros((1, 2)), np.zeros((1, 4)))
    cache = KeypointCache("kept", "settings")
    cache.get("image.png", lambda: good)
    (file,) = Path("kept").iterdir()
    file.write_bytes(Path("bad.npz").read_bytes())
    assert cache.get("image.png", lambda: good) is good and not canary()
