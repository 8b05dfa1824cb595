# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from rankseg.datasets.own.pairs import find_pairs


@pytest.fixture
def make(tmp_path):
    def touch(*names: str) -> Path:
        for name in names:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        return tmp_path

    return touch


def named(pairs, root: Path) -> dict[str, str | None]:
    return {
        image.relative_to(root).as_posix(): " ".join(m.relative_to(root).as_posix() for m in masks)
        or None
        for image, masks in pairs.entries
    }


@pytest.mark.parametrize(
    ("image", "mask"),
    [
        ("a.jpg", "a.png"),
        ("a.jpg", "a_mask.png"),
        ("a.jpg", "a-GT.tif"),
        ("a.jpg", "mask_a.png"),
        ("a_label.jpg", "a_label.png"),
        ("a_image.png", "a_mask.png"),
        ("img_7.png", "label_7.png"),
        ("0001TP.png", "0001TP_L.png"),
        ("s/a.png", "s/a_seg.png"),
    ],
)
def test_names_that_belong_together(make, image, mask):
    root = make(f"i/{image}", "i/other.png", f"m/{mask}")
    pairs = find_pairs(root / "i", root / "m")
    assert named(pairs, root) == {f"i/{image}": f"m/{mask}", "i/other.png": None}
    assert pairs.alone == ()


def test_mask_in_another_subfolder_is_alone(make):
    root = make("i/s/a.png", "i/s/b.png", "m/t/a.png", "m/s/b.png")
    pairs = find_pairs(root / "i", root / "m")
    assert named(pairs, root)["i/s/a.png"] is None
    assert pairs.alone == (root / "m/t/a.png",)


def test_one_folder_for_both(make):
    root = make("d/a.png", "d/a_mask.png", "d/b.png", "d/b_mask.png", "d/c.png", "d/._a.png")
    pairs = find_pairs(root / "d", root / "d")
    assert named(pairs, root) == {
        "d/a.png": "d/a_mask.png",
        "d/b.png": "d/b_mask.png",
        "d/c.png": None,
    }


def test_hidden_folders_are_left_out_and_links_followed(make):
    root = make("d/a.png", "d/.thumbs/b.png", "far/c.png", "m/a.png")
    (root / "d/more").symlink_to(root / "far")
    pairs = find_pairs(root / "d", root / "m")
    assert named(pairs, root) == {"d/a.png": "m/a.png", "d/more/c.png": None}


def test_masks_inside_the_images(make):
    root = make("d/a.png", "d/b.png", "d/masks/a.png")
    assert named(find_pairs(root / "d", root / "d/masks"), root) == {
        "d/a.png": "d/masks/a.png",
        "d/b.png": None,
    }


@pytest.mark.parametrize(
    ("names", "error", "match"),
    [
        (
            ["i/a.png", "m/b.png"],
            ValueError,
            "no mask in .*m has the name of .*a.png.*b.png",
        ),
        (["i/a.png", "m/a.png", "m/a_mask.png"], ValueError, "a.png and .*a_mask.png both belong"),
        (["i/a.png", "i/a.jpg", "m/a.png"], ValueError, r"belongs to .*a.jpg and to .*a.png"),
        (["i/a.txt", "m/a.png"], FileNotFoundError, "i holds no images: expected files that end"),
        (["i/a.png", "m/a.txt"], FileNotFoundError, "m holds no masks"),
        (["i/a.png"], FileNotFoundError, "m of masks does not exist"),
    ],
)
def test_refused(make, names, error, match):
    root = make(*names)
    with pytest.raises(error, match=match):
        find_pairs(root / "i", root / "m")


def test_one_folder_without_names_of_masks(make):
    root = make("d/a.png", "d/b.png")
    with pytest.raises(ValueError, match="no file in it is called a mask"):
        find_pairs(root / "d", root / "d")
