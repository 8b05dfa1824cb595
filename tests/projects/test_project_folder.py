# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.imageio.masks import read_mask
from rankseg.projects.project_folder import CONVERTED, ProjectFolder, draw_lists, write_masks
from rankseg.projects.survey import survey
from rankseg.testing.raw import write_raw
from rankseg.utils.atomic_file import WriteError


@pytest.fixture
def own(tmp_path):
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "a.png").touch()
    return folder


def test_folders_are_linked_when_written(tmp_path, own):
    root = tmp_path / "root"
    layout = ProjectFolder(root)
    assert layout.name(own / "a.png", own, "images") == "images/a.png"
    assert not root.exists()
    layout.write_links()
    assert (root / "images").resolve() == own and (root / "images/a.png").is_file()
    ProjectFolder(root).name(own / "a.png", own, "images")  # the same link again


def test_folders_inside_the_root_need_no_link(tmp_path, own):
    layout = ProjectFolder(tmp_path)
    assert layout.name(own / "a.png", own, "images") == "own/a.png"
    layout.write_links()
    assert not (tmp_path / "images").exists()


def test_other_links_are_replaced_only_with_overwrite(tmp_path, own):
    root = tmp_path / "root"
    (root).mkdir()
    (root / "images").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="images to be free for a link to .*--overwrite"):
        ProjectFolder(root).name(own / "a.png", own, "images")
    layout = ProjectFolder(root, overwrite=True)
    layout.name(own / "a.png", own, "images")
    layout.write_links()
    assert (root / "images").resolve() == own
    (root / "masks").mkdir()
    with pytest.raises(
        ValueError, match="masks to be free for a link to .* exists. Choose another"
    ):
        layout.name(own / "a.png", own, "masks")


def test_raises_if_converted_masks_would_replace_files(tmp_path, own):
    layout = ProjectFolder(tmp_path)
    layout.check_converted(own)
    (tmp_path / CONVERTED).mkdir()
    with pytest.raises(ValueError, match="Replace it with --overwrite, or choose another folder"):
        layout.check_converted(own)
    ProjectFolder(tmp_path, overwrite=True).check_converted(own)
    with pytest.raises(
        ValueError, match="converted masks, but it already exists. Choose another folder"
    ):
        ProjectFolder(tmp_path, overwrite=True).check_converted(tmp_path / CONVERTED)


def test_raises_if_the_root_is_a_file(own):
    layout = ProjectFolder(own / "a.png")
    with pytest.raises(WriteError, match="could not be written"):
        layout.write_links()


def test_written_masks_hold_class_ids(tmp_path):
    found = survey(*write_raw(tmp_path / "raw", "rgba", masks=2, more=0))
    write_masks(found, tmp_path, ["a/0.png", "a/1.png"])
    for i in range(2):
        assert np.array_equal(read_mask(tmp_path / f"a/{i}.png"), found.ids(i))


def entries(masks: int, more: int = 0):
    named = [(f"i/{i}.png", f"m/{i}.png") for i in range(masks)]
    return [*named, *((f"u/{i}.png", None) for i in range(more))]


def counts(masks: int, rare: int | None = None) -> np.ndarray:
    pixels = np.zeros((masks, 256), np.int64)
    pixels[:, :2] = 10
    if rare is not None:
        pixels[rare, 2] = 1
    return pixels


@pytest.mark.parametrize(("masks", "val"), [(2, 1), (5, 1), (10, 2), (1000, 100)])
def test_a_fifth_is_used_for_validation(masks, val):
    lists = draw_lists(entries(masks, 3), counts(masks), None, None, seed=0)
    sizes = {name: len(part) for name, part in lists.items()}
    assert sizes == {"labeled.txt": masks - val, "unlabeled.txt": 3, "val.txt": val}
    assert not set(lists["val.txt"]) & set(lists["labeled.txt"])
    assert all(mask is None for _, mask in lists["unlabeled.txt"])


@pytest.mark.parametrize("rare", range(5))
def test_the_only_image_of_a_class_is_labeled(rare):
    lists = draw_lists(entries(5, 1), counts(5, rare), None, None, seed=0)
    assert entries(5)[rare] in lists["labeled.txt"]
    lists = draw_lists(entries(5, 1), counts(5, rare), None, 1, seed=0)
    assert lists["labeled.txt"] == [entries(5)[rare]] and len(lists["unlabeled.txt"]) == 4


def test_lists_depend_only_on_the_seed():
    drawn = [draw_lists(entries(20, 1), counts(20), 4, 5, seed) for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_raises_if_labeled_images_lack_a_class():
    pixels = np.eye(5, 256, dtype=np.int64)
    with pytest.raises(ValueError, match="hold all classes, but got --labeled 2"):
        draw_lists(entries(5), pixels, 1, 2, 0)


@pytest.mark.parametrize(
    ("masks", "more", "val", "labeled", "match"),
    [
        (1, 3, None, None, "two or more images with a mask, .* but got 1"),
        (5, 0, None, None, "all 5 images have one.*--unlabeled DIR.*--labeled N"),
        (5, 1, 5, None, "1 to 4 validation images, .* but got 5"),
        (5, 0, None, 4, "--labeled to be from 1 to 3, .* but got 4"),
        (5, 1, None, 5, "--labeled to be from 1 to 4, .* but got 5"),
        (5, 1, None, 0, "but got 0"),
    ],
)
def test_raises_on_too_few_images(masks, more, val, labeled, match):
    with pytest.raises(ValueError, match=match):
        draw_lists(entries(masks, more), counts(masks), val, labeled, 0)
