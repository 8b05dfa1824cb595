# SPDX-License-Identifier: Apache-2.0
"""Images of every usual kind come out as RGB uint8; bad ones are named."""

import pickle

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from rankseg.datasets.transforms import PackViews, RandomResizeCropFlip, StrongViews, loading
from rankseg.datasets.transforms.loading import LoadSample
from rankseg.errors import FileError
from rankseg.imageio.reading import read_image

RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)


def test_color_order_is_rgb(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)


def test_gray_is_repeated(tmp_path):
    Image.fromarray(RGB[..., 0]).save(tmp_path / "a.png")
    got = read_image(tmp_path / "a.png")
    assert np.array_equal(got, np.repeat(RGB[..., :1], 3, axis=2))


def test_sixteen_bits_are_refused_unless_a_range_is_given(tmp_path):
    gray = RNG.integers(0, 1 << 16, (5, 7), dtype=np.uint16)
    gray[0, :2] = 300, 65535
    for name in ("a.png", "a.tif"):
        cv2.imwrite(str(tmp_path / name), gray)
        with pytest.raises(FileError, match=rf"{name} .*got uint16 .*value_range=\(\d+, 65535\)"):
            read_image(tmp_path / name)
        got = read_image(tmp_path / name, (0, 65535))
        assert got.dtype == np.uint8 and got.shape == (5, 7, 3)
        assert np.array_equal(got, np.stack([gray >> 8] * 3, -1))


def test_twelve_bits_in_sixteen_are_as_bright_as_the_range_says(tmp_path):
    gray = RNG.integers(100, 4200, (5, 7), dtype=np.uint16)
    wanted = np.clip((gray - 100.0) / 3900, 0, 1) * 255
    for name in ("a.png", "a.tif"):
        path = tmp_path / name
        cv2.imwrite(str(path), gray)
        assert read_image(path, (0, 65535)).max() <= 4200 >> 8  # nearly black
        got = LoadSample(value_range=(100, 4000))({"img_path": path})["img"]
        assert got.dtype == np.uint8 and got.shape == (5, 7, 3)
        assert np.abs(got - wanted[..., None]).max() <= 0.51
    Image.fromarray(RGB).save(tmp_path / "b.png")
    assert np.array_equal(read_image(tmp_path / "b.png", (100, 4000)), RGB)
    for wrong in ((5, 5), (0, 1, 2)):
        with pytest.raises(
            ValueError, match="value_range of LoadSample to be two increasing numbers"
        ):
            LoadSample(value_range=wrong)


def test_bands_are_chosen(tmp_path):
    bands = RNG.integers(0, 3000, (5, 7, 4), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", bands, photometric="rgb", extrasamples=["unspecified"])
    alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    Image.fromarray(np.dstack([RGB, alpha])).save(tmp_path / "a.png")
    Image.fromarray(np.dstack([RGB[..., :1], alpha])).save(tmp_path / "b.png")
    load = LoadSample(value_range=(0, 3000), channels=(4, 2, 1))
    got = load({"img_path": tmp_path / "a.tif"})["img"]
    assert np.abs(got - bands[..., [3, 1, 0]] / 3000 * 255).max() <= 0.51
    got = load({"img_path": tmp_path / "a.png"})["img"]
    assert np.array_equal(got, np.dstack([alpha, RGB[..., 1], RGB[..., 0]]))
    for channel, wanted in ((1, RGB[..., :1]), (2, alpha)):
        got = read_image(tmp_path / "b.png", channels=(channel,))
        assert np.array_equal(got, np.repeat(wanted, 3, 2))
    with pytest.raises(FileError, match=r"b\.png to have band 4 .* but got 2 bands"):
        load({"img_path": tmp_path / "b.png"})
    for wrong in ((1, 2), (0,), (1, 2, "3"), 1.5, ()):
        with pytest.raises(ValueError, match="channels of LoadSample to be one or three band"):
            LoadSample(channels=wrong)


def test_alpha_is_dropped(tmp_path):
    alpha = RNG.integers(0, 256, (5, 7, 1), dtype=np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], axis=2)).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), RGB)


def test_palette_image(tmp_path):
    image = Image.fromarray(RGB).quantize(8)
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_exif_orientation_is_ignored_like_that_of_the_mask(tmp_path):
    image = Image.new("RGB", (7, 5))
    exif = image.getexif()
    exif[0x0112] = 6  # "turn by 90 degrees"
    image.save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (5, 7, 3)


def test_names_outside_ascii_and_with_blanks(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "zwölf häuser.png")
    assert np.array_equal(read_image(tmp_path / "zwölf häuser.png"), RGB)


def test_sample_with_and_without_mask(tmp_path):
    mask = RNG.integers(0, 21, (5, 7), dtype=np.uint8)
    Image.fromarray(RGB).save(tmp_path / "a.png")
    Image.fromarray(mask).save(tmp_path / "m.png")
    paths = {"img_path": str(tmp_path / "a.png"), "seg_map_path": str(tmp_path / "m.png")}
    got = LoadSample()(dict(paths))
    assert np.array_equal(got["img"], RGB) and np.array_equal(got["seg_map"], mask)
    assert got["ori_shape"] == got["img_shape"] == (5, 7)
    for unlabeled in ({**paths, "seg_map_path": None}, {"img_path": paths["img_path"]}):
        assert "seg_map" not in LoadSample()(unlabeled)


def test_mask_of_another_size_is_refused(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "a.png")
    Image.fromarray(RGB[:4, :, 0]).save(tmp_path / "m.png")
    paths = {"img_path": str(tmp_path / "a.png"), "seg_map_path": str(tmp_path / "m.png")}
    with pytest.raises(
        ValueError, match=r"m\.png .* image .*a\.png, 7x5 pixels \(width x height\), but got 7x4"
    ):
        LoadSample()(paths)


def test_missing_and_damaged_images_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.png, but it does not exist"):
        read_image(tmp_path / "none.png")
    (tmp_path / "bad.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"bad\.jpg .*cannot be decoded"):
        read_image(tmp_path / "bad.jpg")


def test_opencv_adds_no_line_of_its_own_to_a_damaged_file(tmp_path, capfd):
    noise = RNG.integers(0, 256, (90, 120, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    content = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="a.png .*cannot be decoded"):
        read_image(tmp_path / "a.png")
    assert capfd.readouterr() == ("", "")


def test_values_that_are_no_class_are_refused(tmp_path):
    paths = write_pair(tmp_path, "a", fill=2)
    LoadSample()({**paths, "classes": ("sky", "road", "car")})
    match = (
        r"mask .*a_mask\.png to hold the 2 classes 0 to 1 \(sky, road\) and 255 for ignore, but "
        r"got \[2\]"
    )
    for cache in (0, 1):
        with pytest.raises(ValueError, match=match):
            LoadSample(cache=cache)({**paths, "classes": ("sky", "road")})


def write_pair(folder, name: str, fill: int = 1) -> dict:
    """An image and a mask of 40x50 pixels with a rim to ignore."""
    mask = np.full((40, 50), fill, np.uint8)
    mask[0] = 255
    image = np.random.default_rng(fill).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(image).save(folder / f"{name}.png")
    Image.fromarray(mask).save(folder / f"{name}_mask.png")
    paths = {"img_path": f"{folder / name}.png", "seg_map_path": f"{folder / name}_mask.png"}
    return {**paths, "label_rule": None}


@pytest.fixture
def opened(monkeypatch) -> list[str]:
    """Names of the images that are decoded."""
    names = []
    read = loading.read_image

    def note(path, *options):
        names.append(path[-5])
        return read(path, *options)

    monkeypatch.setattr(loading, "read_image", note)
    return names


def test_cache_drops_what_was_not_used_longest(tmp_path, opened):
    pairs = {name: write_pair(tmp_path, name, fill) for fill, name in enumerate("abc")}
    load = LoadSample(cache=2)
    for name in "abacabb":
        got = load(dict(pairs[name]))
        plain = LoadSample()(dict(pairs[name]))
        opened.pop()
        assert np.array_equal(got["img"], plain["img"])
        assert np.array_equal(got["seg_map"], plain["seg_map"])
    assert opened == list("abcb")  # b went when c came
    LoadSample()(dict(pairs["a"]))
    assert opened == list("abcba")


def test_cache_tells_samples_with_and_without_mask_apart(tmp_path, opened):
    pair, load = write_pair(tmp_path, "a"), LoadSample(cache=3)
    assert "seg_map" not in load({**pair, "seg_map_path": None})
    assert load(dict(pair))["seg_map"][1, 1] == 1
    assert load({**pair, "label_rule": {1: 0}})["seg_map"][1, 1] == 0
    assert load(dict(pair))["seg_map"][1, 1] == 1 and len(opened) == 3


def test_kept_pixels_survive_the_other_transforms(tmp_path):
    load = LoadSample(cache=1)
    pair = {**write_pair(tmp_path, "a"), "seed": (0, 0, 0)}
    before = {k: load(dict(pair))[k].copy() for k in ("img", "seg_map")}
    for draw in range(20):
        sample = load({**pair, "seed": (0, draw, 0)})
        for crop in (20, (40, 50), 64):
            cropped = RandomResizeCropFlip(crop, scale=(1.0, 1.0), min_foreground=0.5)(dict(sample))
            cropped["img"][:] = 7
            cropped["seg_map"][:] = 7
        views = StrongViews()(dict(sample))
        packed = PackViews(labeled=True)(dict(sample))
        packed["inputs"]["labeled"].zero_()
        packed["data_samples"]["labeled"].gt_sem_seg.data.zero_()
        assert np.array_equal(views["img"], before["img"])
    after = load(dict(pair))
    assert all(np.array_equal(after[key], before[key]) for key in before)
    for key in before:
        with pytest.raises(ValueError, match="read-only"):
            after[key][0] = 1


def test_cache_is_not_pickled(tmp_path, opened):
    load = LoadSample(cache=1)
    pair = write_pair(tmp_path, "a")
    load(dict(pair))
    text = pickle.dumps(load)
    assert len(text) < 1000
    copy = pickle.loads(text)
    copy(dict(pair)), load(dict(pair))
    assert opened == ["a", "a"] and repr(copy) == "LoadSample(cache=1)"


@pytest.mark.parametrize("cache", [-1, 1.5, "all"])
def test_cache_that_is_no_number_of_samples(cache):
    with pytest.raises(ValueError, match="cache of LoadSample to be a number of samples"):
        LoadSample(cache=cache)
