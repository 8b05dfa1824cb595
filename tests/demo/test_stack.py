# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from rankseg.demo.stack import make_demo_stacks
from rankseg.demo.volume import DemoVolume
from rankseg.imageio.tiff import TiffStack
from rankseg.utils.atomic_file import WriteError


def test_four_stacks_by_the_names_of_the_lucchi_set(tmp_path):
    out = make_demo_stacks(tmp_path / "new/drawn", seed=3, pages=3, test_pages=2, size=96)
    assert sorted(path.name for path in out.iterdir()) == [
        "testing.tif",
        "testing_groundtruth.tif",
        "training.tif",
        "training_groundtruth.tif",
    ]
    for part, (name, count) in enumerate([("training", 3), ("testing", 2)]):
        volume = DemoVolume((3, part), count, 96)
        with (
            TiffStack(out / f"{name}.tif") as images,
            TiffStack(out / f"{name}_groundtruth.tif") as masks,
        ):
            assert len(images) == len(masks) == count
            for i in range(count):
                image, mask = volume.page(i)
                assert (images[i] == image).all()
                assert masks[i].dtype == np.uint8 and (masks[i] == 255 * mask).all()


@pytest.mark.parametrize("wrong", [{"pages": 0}, {"test_pages": 0}, {"size": 63}, {"seed": -1}])
def test_numbers_that_make_no_stack(tmp_path, wrong):
    with pytest.raises(ValueError, match="at least one page per stack, pages of 64 px or more"):
        make_demo_stacks(tmp_path / "drawn", **wrong)
    assert not any(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("dear")
    with pytest.raises(ValueError, match="to be new or an empty folder"):
        make_demo_stacks(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_nothing_half_drawn_is_left(tmp_path, monkeypatch):
    def fail(self, number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(DemoVolume, "page", fail)
    with pytest.raises(WriteError, match="drawn could not be written"):
        make_demo_stacks(tmp_path / "drawn", pages=1, test_pages=1, size=64)
    assert not any(tmp_path.iterdir())
