# SPDX-License-Identifier: Apache-2.0
"""Broken and hostile files: each is handled, or refused in one sentence that leaves nothing behind.

A case puts something odd into a small good set. What is refused must be refused by the check before
training, as the command-line tools show it.
"""

import gc
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rankseg.datasets import FolderDataset, SemiDataset, check_data, read_mask
from rankseg.datasets.file_checks import FileValidator
from rankseg.imageio.reading import read_image
from rankseg.testing.broken import (
    FINE,
    GRAY,
    LABELS,
    NOISE,
    SMOOTH,
    cut,
    flipped,
    frames,
    png,
    saved,
    turned,
    write_set,
    written,
)
from rankseg.training.command_line import exit_on_user_error

LABELED, UNLABELED = "splits/few/labeled.txt", "splits/few/unlabeled.txt"
PAIRS = "images/0.png masks/0.png\nimages/1.png masks/1.png\n"
BARE = "images/2.png\nimages/3.png\n"


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """Leave out mmengine's garbage collection for every data set that is built."""
    monkeypatch.setattr(gc, "collect", lambda *args: 0)


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return write_set(tmp_path / "set")


def check(root: Path, full: bool = False, **options) -> list[str]:
    dataset = {"type": "FolderDataset", "data_root": str(root), **options}
    val = FolderDataset(data_root=root, ann_file="splits/val.txt", **options)
    return check_data(SemiDataset(dataset, split="few"), val, FileValidator(full))


def there(folder: Path) -> dict[str, int]:
    """Everything below a folder, with sizes."""
    return {str(p): p.lstat().st_size for p in sorted(folder.rglob("*"))}


def refused(root: Path, capsys, named: str, match: str, full: bool = False, **options) -> None:
    """One sentence that names the file, exit status 2, and nothing written."""
    before = there(root.parent)
    with pytest.raises(SystemExit) as stop, exit_on_user_error():
        check(root, full, **options)
    error = capsys.readouterr().err
    assert stop.value.code == 2 and error.startswith("error: ") and "Traceback" not in error
    assert error.count("\n") == 1 and error.endswith("\n"), error
    assert named in error
    assert re.search(match, error), error
    assert there(root.parent) == before


def undecodable(reason: str) -> str:
    return rf"cannot be decoded \(.*{reason}.*\)\. Save it again as .*, or remove it from the lists"


JPEG, TIFF = saved(SMOOTH, "JPEG"), saved(NOISE, "TIFF")
FLOAT, LONG = GRAY.astype(np.float32) / 255, GRAY.astype(np.int32) * 300

IMAGES = {
    "empty.jpg": (b"", r"is empty \(0 bytes\)\. Copy it again"),
    "empty.png": (b"", r"is empty \(0 bytes\)\. Copy it again"),
    "empty.tif": (b"", r"is empty \(0 bytes\)\. Copy it again"),
    "cut.jpg": (cut(JPEG), undecodable("")),
    "cut.png": (cut(saved(NOISE)), undecodable("")),
    "cut.tif": (
        cut(TIFF, 0.2),
        r"valid TIFF file, but it cannot be decoded \(.*\)\. Copy it again",
    ),
    "no_end.png": (saved(NOISE)[:-30], undecodable("truncated or damaged")),
    "head.jpg": (JPEG[:30], undecodable("")),
    "text.jpg": (b"hello world\n", undecodable("it is text that starts with 'hello world'")),
    "page.png": (
        b"<!DOCTYPE html>\n<title>404</title>",
        undecodable("starts with '<!DOCTYPE html>"),
    ),
    "lfs.png": (b"version https://git-lfs.github.com/spec/v1\n", undecodable("version https")),
    "noise.bmp": (bytes(range(128, 256)) * 4, undecodable("damaged, or OpenCV")),
    "zip.png": (b"PK\x03\x04" + bytes(60), undecodable("OpenCV cannot read this format")),
    "zero_wide.png": (png(0, 5), undecodable("")),
    "giant.png": (
        png(50000, 50000),
        r"at most 178956970 pixels, but .*Cut.*RANKSEG_MAX_PIXELS=NUM",
    ),
    "long.png": (png(2**31 - 1, 1), r"at most 178956970 pixels|cannot be decoded"),
    "hollow.png": (png(4000, 4000), undecodable("")),
    "float.tif": (saved(FLOAT, "TIFF"), "integers of 8 or 16 bits, but got float32 numbers"),
    "int32.tif": (saved(LONG, "TIFF"), "integers of 8 or 16 bits, but got int32 numbers"),
    "rgbf.tif": (written(".tif", NOISE.astype(np.float32)), "but got float32 numbers"),
    "animated.gif": (
        frames("GIF"),
        r"one image, but got 2 \(an animated or multi-page GIF\)\. Save",
    ),
    "animated.webp": (frames("WEBP"), r"but got 2 \(an animated or multi-page WEBP\)"),
    "animated.png": (frames("PNG"), r"but got 2 \(an animated or multi-page PNG\)"),
    "pages.tif": (frames("TIFF"), r"but got 2 \(.* multi-page TIFF\)\. Save"),
}
DECODED_ONLY = {"hollow.png", "cut.tif", "head.jpg"}  # the header alone does not tell


@pytest.mark.parametrize("name", IMAGES)
@pytest.mark.parametrize("half", ["labeled", "unlabeled"])
def test_images_that_are_refused(root, capsys, name, half):
    content, match = IMAGES[name]
    (root / "images" / name).write_bytes(content)
    if half == "labeled":
        (root / LABELED).write_text(f"{PAIRS}images/{name} masks/1.png\n")
    else:
        (root / UNLABELED).write_text(f"{BARE}images/{name}\n")
    if half == "unlabeled" and name in DECODED_ONLY:
        full_refused(root, capsys, name, match)
    else:
        refused(root, capsys, f"images/{name}", match)


def full_refused(root: Path, capsys, name: str, match: str) -> None:
    with pytest.raises(SystemExit), exit_on_user_error():
        check(root, full=True)
    error = capsys.readouterr().err
    assert re.search(rf"\n  Expected image .*{re.escape(name)} .*{match}", error), error


HANDLED = {
    "cmyk.jpg": (saved(SMOOTH, "JPEG", mode="CMYK", **FINE), SMOOTH, 20),
    "cmyk.tif": (saved(NOISE, "TIFF", mode="CMYK"), NOISE, 1),
    "progressive.jpg": (saved(SMOOTH, "JPEG", progressive=True, **FINE), SMOOTH, 20),
    "gray16.png": (saved(GRAY.astype(np.uint16) * 257), np.stack([GRAY] * 3, -1), 0),
    "gray16.tif": (saved(GRAY.astype(np.uint16) * 257, "TIFF"), np.stack([GRAY] * 3, -1), 0),
    "rgb16.png": (written(".png", NOISE[..., ::-1].astype(np.uint16) * 257), NOISE, 0),
    "rgb16.tif": (written(".tif", NOISE[..., ::-1].astype(np.uint16) * 257), NOISE, 0),
    "alpha.png": (saved(np.dstack([NOISE, GRAY])), NOISE, 0),
    "la.png": (saved(np.dstack([GRAY, GRAY]), mode="LA"), np.stack([GRAY] * 3, -1), 0),
    "palette.png": (saved(Image.fromarray(NOISE).quantize(4).convert("RGB"), mode="P"), None, 0),
    "bits.png": (
        saved(NOISE, mode="1"),
        np.array(Image.fromarray(NOISE).convert("1").convert("RGB")),
        0,
    ),
    "one_frame.gif": (saved(Image.fromarray(NOISE).quantize(16), "GIF"), None, 0),
    "one.webp": (saved(NOISE, "WEBP", lossless=True), NOISE, 0),
    "one.tif": (TIFF, NOISE, 0),
    "turned.jpg": (turned("JPEG"), SMOOTH, 20),  # as stored
    "turned.png": (turned("PNG"), SMOOTH, 0),
    "with blanks and tab.png": (saved(NOISE), NOISE, 0),
    "Zürich_猫_é.png": (saved(NOISE), NOISE, 0),
    "-rf.png": (saved(NOISE), NOISE, 0),
    "100%d %s.png": (saved(NOISE), NOISE, 0),
    "$(touch x);`y`'\".png": (saved(NOISE), NOISE, 0),
    "a\u2028b\x85c.png": (saved(NOISE), NOISE, 0),  # line breaks of Unicode are none in a list
    "UPPER.PNG": (saved(NOISE), NOISE, 0),
}


@pytest.mark.parametrize("name", HANDLED)
def test_images_that_are_handled(root, name):
    content, pixels, within = HANDLED[name]
    (root / "images" / name).write_bytes(content)
    (root / LABELED).write_text(f"{PAIRS}images/{name}\tmasks/1.png\n")
    check(root, full=True)
    read = read_image(str(root / "images" / name), (0, 65535)).astype(int)
    if pixels is None:
        pixels = np.array(Image.open(root / "images" / name).convert("RGB"))
    assert np.abs(read - pixels).max() <= within


def test_one_pixel_and_gray_with_alpha_go_through_training(root):
    (root / "images/2.png").write_bytes(png(1, 1, b"\0\1\2\3"))
    assert check(root)
    from rankseg.registry import TRANSFORMS

    crop = TRANSFORMS.build(dict(type="RandomResizeCropFlip", crop_size=33))
    sample = {"img": read_image(str(root / "images/2.png")), "seed": (0, 0, 0)}
    assert crop(sample)["img"].shape == (33, 33, 3)


MASKS = {
    "size": (saved(LABELS[:, :9]), r"0\.png, 10x8 pixels \(width x height\), but got 9x8"),
    "turned size": (saved(LABELS.T.copy()), r"8x10\. Save the mask in the size of the image\.$"),
    "colors": (saved(NOISE), r"one channel of class ids .* got a color image \(mode RGB\)"),
    "alpha": (saved(np.dstack([LABELS, LABELS]), mode="LA"), r"got an alpha channel \(mode LA\)"),
    "rgba": (saved(np.dstack([NOISE, GRAY])), r"got a color image \(mode RGBA\)"),
    "float": (saved(LABELS.astype(np.float32), "TIFF"), r"got floating-point numbers"),
    "value": (saved(np.full_like(LABELS, 7)), r"got \[7\], which is no class"),
    "16 bit": (saved(np.full((8, 10), 300, np.uint16)), r"class ids .* got the values \[300\]"),
    "negative": (saved(np.full((8, 10), -1, np.int32), "TIFF"), r"got the values \[-1\]"),
    "empty": (b"", r"is empty \(0 bytes\)\. Copy it again"),
    "cut": (cut(saved(LABELS), 0.7), r"decoded \(.*\)\. Save it again as a single-channel"),
    "text": (b"0 0 1 1", r"\(it is text that starts with '0 0 1 1'\)\. Save"),
    "pages": (saved(LABELS, "TIFF", save_all=True, append_images=[Image.fromarray(LABELS)]),
              r"but got 2 \(an animated or multi-page TIFF\)"),
    "giant": (png(50000, 50000, color=0), r"at most 178956970 pixels"),
}  # fmt: skip


@pytest.mark.parametrize("name", MASKS)
def test_masks_that_are_refused(root, capsys, name):
    content, match = MASKS[name]
    (root / "masks/0.png").write_bytes(content)
    refused(root, capsys, "masks/0.png", match)


def test_mask_on_the_turned_picture(root, capsys):
    (root / "images/0.png").write_bytes(turned("JPEG"))
    (root / "masks/0.png").write_bytes(saved(LABELS.T.copy()))
    match = r"but got 8x10\. The image has the EXIF orientation 6, which viewers apply and tr"
    refused(root, capsys, "masks/0.png", match)
    (root / "masks/0.png").write_bytes(saved(LABELS))
    assert any("1 of 2 images have an EXIF orientation" in note for note in check(root))


def test_masks_all_ignored_or_two_valued(root, capsys):
    for i in (0, 1):
        (root / f"masks/{i}.png").write_bytes(saved(np.full_like(LABELS, 255)))
    refused(root, capsys, "labeled.txt", "all masks hold only 255, which means ignore")
    for i in (0, 1):
        (root / f"masks/{i}.png").write_bytes(saved(np.where(LABELS == 1, 255, 0).astype(np.uint8)))
    refused(root, capsys, "labeled.txt", "hold only 0 and 255, .*binary=True")


def test_jpeg_masks_are_explained(root, capsys):
    mask = np.where(LABELS == 1, 200, 0).astype(np.uint8)
    (root / "masks/0.jpg").write_bytes(saved(mask, "JPEG"))
    (root / LABELED).write_text("images/0.png masks/0.jpg\n")
    refused(root, capsys, "masks/0.jpg", "Save masks as PNG, because JPEG changes values")


@pytest.mark.parametrize("kind", ["1", "P", "I;16"])
def test_masks_of_other_kinds_are_read(root, kind):
    ids = (LABELS == 1).astype(np.uint8)
    made = {"1": saved(ids * 255, mode="1"), "I;16": saved(ids.astype(np.uint16))}
    palette = Image.fromarray(ids)
    palette.putpalette([9, 9, 9, 200, 0, 0])
    (root / "masks/0.png").write_bytes(made.get(kind) or saved(palette))
    assert np.array_equal(read_mask(root / "masks/0.png"), ids)
    check(root)


def in_place_of(path: Path, make: Callable[[Path], None]) -> None:
    path.unlink()
    make(path)


PLACES = {
    "folder": (Path.mkdir, "to be a file, but it is a folder"),
    "pipe": (os.mkfifo, "to be a file, but it is a pipe"),  # must not wait for a writer
    "device": (lambda path: path.symlink_to("/dev/zero"), "to be a file, but it is a device"),
    "broken link": (lambda path: path.symlink_to("gone.png"), "is a link to gone.png, which does"),
    "loop": (lambda path: path.symlink_to(path.name), "cannot be read"),
    "nothing": (lambda path: None, "does not exist .*Correct the list, or the data root"),
    "other case": (lambda path: path.with_suffix(".PNG").write_bytes(saved(NOISE)), "spelled diff"),
}


@pytest.mark.parametrize("number", [0, 2, 5])
@pytest.mark.parametrize("name", PLACES)
def test_what_lies_in_the_place_of_a_file(root, capsys, name, number):
    make, match = PLACES[name]
    in_place_of(root / f"images/{number}.png", make)
    refused(root, capsys, f"images/{number}.png", match)


def test_links_are_followed_to_whole_folders_elsewhere(root, tmp_path):
    (root / "images").rename(tmp_path / "elsewhere")
    (root / "images").symlink_to(tmp_path / "elsewhere")
    assert check(root, full=True)


def test_files_that_may_not_be_read(root, capsys, monkeypatch):
    def deny(path, *args):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("rankseg.imageio.image_files.open", deny, raising=False)
    refused(root, capsys, "0.png", "you have no permission. Change the permissions")


def test_a_disk_that_fails(root, capsys, monkeypatch):
    def fail(path, *args):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("rankseg.imageio.image_files.open", fail, raising=False)
    refused(root, capsys, "0.png", r"cannot be read \(Input/output error\)\. Check the disk or th")


BELOW = "below the data root .* but got"
LISTS = {
    "empty": (b"", "to have one 'image mask' or 'image' per line, but it is empty"),
    "blank": (b" \r\n\t\n# nothing\n", "but it is empty"),
    "utf-16": (PAIRS.encode("utf-16"), "to be UTF-8 text, but got UTF-16. Save it as UTF-8 text"),
    "zero bytes": (b"images/0.png\0 masks/0.png\n", "to be UTF-8 text, but got zero bytes"),
    "binary": (saved(NOISE), "but got (zero bytes|the byte)"),
    "latin-1": (b"a.png b.png\nimages/\xfc.png masks/0.png\n", "got the byte 0xfc in line 2"),
    "long line": (b"a" * 1_000_000, "line 1 to be one sample .* but got 1000000"),
    "many words": (b"a b " * 250_000, "line 1 to be one sample .* got 1000000"),
    "three names": (b"a b c\n", "expected an image and a mask, but got 'a b c'. Put a TAB"),
    "no mask": (b"images/0.png\n", "to name a mask .* none for images/0.png"),
    "twice": (PAIRS.encode() * 2, "got image images/0.png .*more than once. Keep one line"),
    "twice in other words": (PAIRS.encode() + b"./images//0.png masks/0.png\n", "than once"),
    "above": (b"../other/0.png masks/0.png\n", f"{BELOW} ../other/0.png"),
    "above, hidden": (b"images/../../o.png masks/0.png\n", f"{BELOW} ../o.png"),
    "mask above": (b"images/0.png ../../etc/passwd\n", f"{BELOW} ../../etc/passwd"),
    "absolute": (b"/etc/o.png masks/0.png\n", f"{BELOW} /etc/o.png"),
    "swapped": (b"masks/0.png images/0.png\n", "0.png .* got a color image|got 10x8|got 8x10"),
}


@pytest.mark.parametrize("name", LISTS)
def test_lists_that_are_refused(root, capsys, name):
    content, match = LISTS[name]
    (root / LABELED).write_bytes(content)
    named = dict.fromkeys(("twice", "twice in other words"), "split 'few'")
    named["swapped"] = "images/0.png"
    refused(root, capsys, named.get(name, "labeled.txt"), match)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + PAIRS.encode(), PAIRS.replace("\n", "\r\n").encode(),
     PAIRS.replace("\n", "\r").encode(), PAIRS.replace("\n", "  \t\n\n").encode(),
     PAIRS.replace(" ", "\t").encode().rstrip(), b"# first\n" + PAIRS.encode()],
    ids=["bom", "crlf", "cr", "trailing blanks", "tabs, no last break", "comment"],
)  # fmt: skip
def test_lists_that_are_handled(root, content):
    (root / LABELED).write_bytes(content)
    assert "2 labeled" in check(root)[0]


def test_absolute_names_below_the_data_root(root):
    (root / LABELED).write_text(f"{root}/images/0.png {root}/masks/0.png\n")
    assert "1 labeled" in check(root)[0]


def test_a_validation_image_listed_twice(root, capsys):
    (root / "splits/val.txt").write_text("images/5.png masks/5.png\n" * 2)
    refused(root, capsys, "val.txt", "images/5.png more than once. Keep one line")


CLASSES = {
    "empty": (b"", "got 0 of them"),
    "twice": (b"sky\nroad\nsky\n", "got 'sky' twice"),
    "utf-16": (
        "sky\nroad".encode("utf-16"),
        "to be UTF-8 text, but got other bytes. Save the file as UTF-8",
    ),
    "zero bytes": (b"sky\0road", "to be text, but got zero bytes"),
    "another file": (b"\n".join(b"%d" % i for i in range(100_000)), "fewer than 100000, but got"),
}


@pytest.mark.parametrize("name", CLASSES)
def test_class_names_that_are_refused(root, capsys, name):
    content, match = CLASSES[name]
    (root / "classes.txt").write_bytes(content)
    refused(root, capsys, "classes.txt", match)


def test_full_check_names_all_bad_files(root, capsys):
    for name in ("images/0.png", "images/3.png", "masks/6.png"):
        path = root / name
        path.write_bytes(flipped(path.read_bytes()))
    with pytest.raises(SystemExit), exit_on_user_error():
        check(root, full=True)
    head, *lines = capsys.readouterr().err.splitlines()
    bad = "error: Expected all files to be readable, but got 3 bad ones among 7. Repair"
    assert head.startswith(bad)
    assert [re.search(r"(image|mask) \S*/(\w+/\d.png) ", line)[2] for line in lines] == [
        "images/0.png", "images/3.png", "masks/6.png"
    ]  # fmt: skip


def test_hidden_files_of_macos_and_folders_are_no_images(root):
    (root / "images/._0.png").write_bytes(b"\0\5\x16\7")
    (root / "images/sub.png").mkdir()
    assert len(FolderDataset(data_root=root)) == 7
