# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from rankseg.projects.pairing import find_pairs


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
        ("a.ome.tif", "a.png"),
        ("a.OME.tiff", "a_mask.png"),
        ("a.png", "a_mask.ome.tif"),
        ("a.b.png", "a.b_mask.png"),
        ("a.jpg", "a-GT.tif"),
        ("a.jpg", "mask_a.png"),
        ("a_label.jpg", "a_label.png"),
        ("a_image.png", "a_mask.png"),
        ("img_7.png", "label_7.png"),
        ("0001TP.png", "0001TP_L.png"),
        ("s/a.png", "s/a_seg.png"),
    ],
)
def test_matching_names(make, image, mask):
    root = make(f"i/{image}", "i/other.png", f"m/{mask}")
    pairs = find_pairs(root / "i", root / "m")
    assert named(pairs, root) == {f"i/{image}": f"m/{mask}", "i/other.png": None}
    assert pairs.unmatched == ()


def test_mask_in_another_subfolder_is_unmatched(make):
    root = make("i/s/a.png", "i/s/b.png", "m/t/a.png", "m/s/b.png")
    pairs = find_pairs(root / "i", root / "m")
    assert named(pairs, root)["i/s/a.png"] is None
    assert pairs.unmatched == (root / "m/t/a.png",)


def test_one_folder_for_both(make):
    root = make("d/a.png", "d/a_mask.png", "d/b.png", "d/b_mask.png", "d/c.png", "d/._a.png")
    pairs = find_pairs(root / "d", root / "d")
    assert named(pairs, root) == {
        "d/a.png": "d/a_mask.png",
        "d/b.png": "d/b_mask.png",
        "d/c.png": None,
    }


def test_hidden_folders_are_skipped_and_links_followed(make):
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
            "images in .*i and masks in .*m with matching names.* got images a.png and masks b.png",
        ),
        (
            ["i/a.png", "m/a.png", "m/a_mask.png"],
            ValueError,
            "one mask .* for .*a.png, but got .*a.png and .*a_mask.png",
        ),
        (["i/a.png", "i/a.jpg", "m/a.png"], ValueError, r"matches .*a.jpg and .*a.png"),
        (
            ["i/a.txt", "m/a.png"],
            FileNotFoundError,
            "i to hold images, files that end .* got 1 .txt",
        ),
        (["i/a.png", "m/a.txt"], FileNotFoundError, "m to hold masks"),
        (["i/a.png"], FileNotFoundError, "m to be a folder of masks, but it does not exist"),
    ],
)
def test_raises_on_names_that_do_not_match(make, names, error, match):
    root = make(*names)
    with pytest.raises(error, match=match):
        find_pairs(root / "i", root / "m")


def test_raises_on_one_folder_without_masks(make):
    root = make("d/a.png", "d/b.png")
    with pytest.raises(ValueError, match="no file is named like a mask"):
        find_pairs(root / "d", root / "d")


NFC, NFD = "caf\u00e9", "cafe\u0301"


def joined(pairs) -> dict[str, list[str]]:
    return {image.name: [mask.name for mask in masks] for image, masks in pairs.entries if masks}


@pytest.mark.parametrize(
    "masks",
    [
        ["a_mask.png", "a_mask_1.png"],
        ["a_mask_1.png", "a_mask_2.png", "a_mask_10.png"],
        ["a_mask1.png", "a_mask2.png"],
        ["a_mask (1).png", "a_mask.png"],
        ["a-label-0.tif", "a-label-1.tif"],
        ["A_Mask.png", "a_mask_1.png"],
        ["a/1.png", "a/2.png"],
        ["a/cell_x.png", "a/cell_y.png"],
        ["a_masks/0.png", "a_masks/1.png"],
        ["a_cp_masks.png"],
    ],
)
def test_several_masks_of_one_image(make, masks):
    root = make("i/a.png", "i/b.png", "m/b_mask.png", *(f"m/{mask}" for mask in masks))
    pairs = find_pairs(root / "i", root / "m")
    assert joined(pairs) == {
        "a.png": [Path(m).name for m in sorted(masks)],
        "b.png": ["b_mask.png"],
    }
    assert not pairs.unmatched and not pairs.ignored


def test_several_masks_in_the_image_folder(make):
    names = [f"d/s ({k}){end}.png" for k in (1, 2, 3) for end in ("", "_mask")]
    root = make(*names, "d/s (3)_mask_1.png", "d/s (4).png", "d/lost_mask_1.png", "d/lost_mask.png")
    pairs = find_pairs(root / "d", root / "d")
    assert joined(pairs)["s (3).png"] == ["s (3)_mask.png", "s (3)_mask_1.png"]
    assert [image.name for image, masks in pairs.entries if not masks] == ["s (4).png"]
    assert [path.name for path in pairs.unmatched] == ["lost_mask.png", "lost_mask_1.png"]


def test_number_may_be_that_of_the_image(make):
    root = make("i/a_1.png", "i/a_2.png", "m/a_mask_1.png", "m/a_mask_2.png")
    assert joined(find_pairs(root / "i", root / "m")) == {
        "a_1.png": ["a_mask_1.png"],
        "a_2.png": ["a_mask_2.png"],
    }
    root = make("i/a.png")
    with pytest.raises(
        ValueError,
        match="a_mask_1.png to match one image, but it matches .*i/a.*png and .*i/a.*png",
    ):
        find_pairs(root / "i", root / "m")


def test_image_with_a_mask_word_in_its_name(make):
    root = make("d/my_seg_2.png", "d/my_seg_2_mask.png", "d/my_seg_3.png")
    assert named(find_pairs(root / "d", root / "d"), root) == {
        "d/my_seg_2.png": "d/my_seg_2_mask.png",
        "d/my_seg_3.png": None,
    }


def test_masks_in_the_image_folder_are_ignored(make):
    root = make("i/a.png", "i/a_mask.png", "i/a_mask_1.png", "i/b.png", "i/c_mask.png", "m/a.png")
    pairs = find_pairs(root / "i", root / "m")
    assert named(pairs, root) == {"i/a.png": "m/a.png", "i/b.png": None, "i/c_mask.png": None}
    assert [path.name for path in pairs.ignored] == ["a_mask.png", "a_mask_1.png"]


def test_images_inside_the_folder_of_masks(make):
    root = make("d/a.png", "d/images/a.png", "d/images/b.png")
    assert named(find_pairs(root / "d/images", root / "d"), root) == {
        "d/images/a.png": "d/a.png",
        "d/images/b.png": None,
    }


def test_raises_on_files_named_by_class(make):
    root = make("i/a.png", "i/b.png", *(f"m/{k}/{c}.png" for k in "ab" for c in ("car", "tree")))
    with pytest.raises(ValueError, match="several images have files named car, tree"):
        find_pairs(root / "i", root / "m")


@pytest.mark.parametrize(
    "masks", [["a_mask.png", "a_seg.png"], ["a_mask.png", "mask_a.png"], ["a.png", "a_mask_1.png"]]
)
def test_raises_on_masks_of_different_names(make, masks):
    root = make("i/a.png", *(f"m/{mask}" for mask in masks))
    with pytest.raises(ValueError, match="one mask or numbered masks for .*i/a.png, but got"):
        find_pairs(root / "i", root / "m")


def test_unicode_form_and_case_may_differ(make):
    root = make(f"i/{NFC}.png", "i/Dog.JPG", f"m/{NFD}_mask.png", "m/dog.png")
    pairs = find_pairs(root / "i", root / "m")
    assert joined(pairs) == {f"{NFC}.png": [f"{NFD}_mask.png"], "Dog.JPG": ["dog.png"]}
    assert len(pairs.respelled) == 2


def test_exact_spelling_has_precedence(make):
    root = make("i/a.png", "i/A.png", "m/a.png", "m/A.png")
    pairs = find_pairs(root / "i", root / "m")
    assert named(pairs, root) == {"i/A.png": "m/A.png", "i/a.png": "m/a.png"}
    assert not pairs.respelled


def test_raises_on_names_that_differ_in_unicode_form(make):
    root = make(f"i/{NFC}.png", f"i/{NFD}.jpg", f"m/{NFC}.png")
    with pytest.raises(ValueError, match=r"cafe.u0301.*cafe?.*differ only in their Unicode form"):
        find_pairs(root / "i", root / "m")


def test_skipped_endings_are_named(make):
    root = make("i/a.heic", "i/b.heic", "j/a.png", "m/b.png", "m/a.npy")
    with pytest.raises(FileNotFoundError, match=r"i to hold images, .* got 2 .heic"):
        find_pairs(root / "i", root / "m")
    with pytest.raises(ValueError, match=r"Skipped masks: 1 .npy"):
        find_pairs(root / "j", root / "m")
    root = make("k/a.txt")
    with pytest.raises(FileNotFoundError, match="k to hold masks, .* got 1 .txt"):
        find_pairs(root / "j", root / "k")


def test_suggests_a_subfolder_of_images(make):
    root = make("d/images/a.png", "d/masks/a.png")
    for masks in ("d", "d/masks"):
        with pytest.raises(ValueError, match="or set --images .*d/images"):
            find_pairs(root / "d", root / masks)
