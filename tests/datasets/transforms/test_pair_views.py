# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch

from rankseg.datasets.samplers.collate import collate_views
from rankseg.datasets.transforms import PackViews, PairViews
from rankseg.datasets.transforms.homography import box, move, resample, rotation
from rankseg.models.losses import attention_consistency
from rankseg.models.preprocessor import ViewPreprocessor
from rankseg.selection.matching import MatchedPairs, save_pairs

ALONE = dict(crop=None, turn=None, zoom=None, perspective=None)
KINDS = {
    "crop": dict(ALONE, crop=(0.3, 0.9)),
    "turn": dict(ALONE, turn=60.0),
    "zoom": dict(ALONE, zoom=(0.6, 1.8)),
    "perspective": dict(ALONE, perspective=0.4),
    "mirror": dict(ALONE, mirror=1.0, transforms=0),
    "all": dict(transforms=4, mirror=0.5),
}


def picture(height=80, width=120):
    """A smooth image: what is the same place has the same color."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    waves = [np.sin(x / 17 + 1), np.cos(y / 13), np.sin((x + 2 * y) / 29)]
    return np.rint(127 + 100 * np.stack(waves, -1)).astype(np.uint8)


def draw(step, seed=0, image=None, **results):
    image = picture() if image is None else image
    return step.transform(
        {"img": image, "seed": (0, 0, seed), "img_shape": image.shape[:2], **results}
    )


def as_map(image):
    return torch.from_numpy(image[..., 0] / 255.0).float()[None, None]


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_view_shows_the_first_one_where_the_map_says(kind):
    step, still = PairViews(48, short=64, **KINDS[kind]), torch.eye(3)[None]
    wrong = []
    for seed in range(8):
        results = draw(step, seed)
        first, second = as_map(results["img"]), as_map(results["strong1"])
        homography = torch.from_numpy(results["homography"])[None]
        assert attention_consistency(first, second, homography) < 1e-4  # gray levels are whole
        wrong.append(attention_consistency(first, second, still).item())
    assert np.mean(wrong) > 5e-3


def test_shapes_and_types():
    results = draw(PairViews(40, short=50))
    assert results["img"].shape == results["strong1"].shape == (40, 40, 3)
    assert results["img"].dtype == results["strong1"].dtype == np.uint8
    assert results["homography"].shape == (3, 3) and results["homography"].dtype == np.float32
    assert results["img_shape"] == (40, 40) and "keypoints" not in results


def test_the_first_view_is_the_crop_of_training_without_pairs():
    """Short side 64 px, then 48 px of it, and half of the time its mirror image."""
    image, flips = cv2.resize(picture(), (96, 64), interpolation=cv2.INTER_AREA), 0
    columns, rows = [], []
    for seed in range(20):
        view = draw(PairViews(48, short=64), seed)["img"].astype(np.float32)
        best = []
        for flipped in (False, True):
            template = np.ascontiguousarray(view[:, ::-1] if flipped else view)
            error = cv2.matchTemplate(image.astype(np.float32), template, cv2.TM_SQDIFF)
            least, _, place, _ = cv2.minMaxLoc(error)
            best.append((least / view.size, flipped, *place))
        error, flipped, column, row = min(best)
        assert error < 15  # squared gray levels, by half a pixel
        flips += flipped
        columns.append(column)
        rows.append(row)
    assert 3 < flips < 17
    assert min(columns) < 12 and max(columns) > 36 and min(rows) < 4 and max(rows) > 12


def test_without_options_the_first_view_is_the_image():
    image = picture(32, 32)
    assert np.array_equal(draw(PairViews(32, flip=0.0), 3, image)["img"], image)
    moved = [draw(PairViews(32, flip=0.0, shift=1 / 8), seed, image)["img"] for seed in range(9)]
    assert all(0 < np.abs(one.astype(int) - image).mean() < 60 for one in moved)


def test_a_sample_looks_the_same_whenever_it_is_drawn():
    one, other = (draw(PairViews(40, short=50), 7) for _ in range(2))
    assert all(np.array_equal(one[key], other[key]) for key in ("img", "strong1", "homography"))
    assert not np.array_equal(draw(PairViews(40, short=50), 8)["homography"], one["homography"])


def test_one_transform_is_drawn_from_the_set():
    options = dict(KINDS["turn"], zoom=(2.0, 2.0))
    seen = []
    for seed in range(20):
        linear = np.linalg.inv(draw(PairViews(40, **options), seed)["homography"])[:2, :2]
        seen.append(bool(np.isclose(np.linalg.det(linear), 1, atol=1e-4)))
    assert 4 < sum(seen) < 16
    both = [draw(PairViews(40, transforms=2, **options), seed)["homography"] for seed in range(9)]
    assert all(np.isclose(np.linalg.det(one[:2, :2]), 4, rtol=1e-3) for one in both)


def test_the_map_reaches_the_method():
    batch = []
    for seed in range(2):
        results = draw(PairViews(40, short=50), seed, seg_map=np.zeros((1, 1), np.int64))
        batch.append((PackViews(labeled=True).transform(results), results["homography"]))
    data = collate_views([item for item, _ in batch])
    data = ViewPreprocessor([0.0] * 3, [1.0] * 3)(data)
    assert set(data["inputs"]) == {"labeled", "labeled_twin"}
    found = torch.cat([sample.homography.data for sample in data["data_samples"]["labeled"]])
    assert found.shape == (2, 3, 3) and found.dtype == torch.float32
    assert np.array_equal(found.numpy(), np.stack([wanted for _, wanted in batch]))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(size=0), "a number of pixels, .* got size=0, short=None"),
        (dict(size=40, short=30), "got size=40, short=30"),
        (dict(size=40, flip=2), r"flip of PairViews to be in \[0, 1\], but got 2"),
        (dict(size=40, perspective=0.7), r"perspective of PairViews .* \[0, 0.5\], but got 0.7"),
        (dict(size=40, crop=(0.5, 1.5)), r"crop of PairViews to be two increasing"),
        (dict(size=40, zoom=(2, 1)), r"zoom of PairViews to be two increasing"),
        (
            dict(size=40, turn=None, transforms=4),
            "transforms of PairViews to be at most 3, .* got 4",
        ),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        PairViews(**options)


# --- pairs of images


@pytest.fixture
def matched(tmp_path):
    """Two images of one scene: the second one is the first under an affine map. And a third."""
    to_first = box(0.1, -0.1, 0.8, 0.8) @ rotation(15)
    scene = picture(120, 120)
    images = {"a/1.png": scene, "a/2.png": resample(scene, to_first, 120), "b/3.png": 255 - scene}
    for name, image in images.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / "root" / name), np.ascontiguousarray(image[..., ::-1]))
    to_second = np.linalg.inv(to_first)
    keypoints = np.full((1, 6, 4), np.nan, np.float32)
    keypoints[0, :4, :2] = [[-0.3, -0.4], [0.3, 0], [0, 0.2], [0.2, -0.5]]
    keypoints[0, :4, 2:] = move(to_second, keypoints[0, :4, :2])
    save_pairs(
        tmp_path / "pairs.npz",
        MatchedPairs(
            names=np.array(list(images)),
            image=np.array([[0, 1]]),
            homography=to_second[None],
            keypoints=keypoints,
            score=np.array([9]),
        ),
    )
    return tmp_path, images


@pytest.mark.parametrize("name", ["a/1.png", "a/2.png"])
@pytest.mark.parametrize("seed", range(4))
def test_views_of_two_images_that_match(matched, name, seed):
    folder, images = matched
    step = PairViews(48, short=100, matches=str(folder / "pairs.npz"), share=1.0)
    results = draw(step, seed, images[name], img_path=str(folder / "root" / name))
    first, second = as_map(results["img"]), as_map(results["strong1"])
    homography = torch.from_numpy(results["homography"])[None]
    assert attention_consistency(first, second, homography) < 1e-3
    assert attention_consistency(first, second, torch.eye(3)[None]) > 3e-3
    points = results["keypoints"]
    assert points.shape == (6, 4) and np.isnan(points[4:]).all()
    assert (np.abs(points[:4]) < 1).all()  # inside of both views
    np.testing.assert_allclose(
        move(homography[0].numpy(), points[:4, :2]), points[:4, 2:], atol=1e-4
    )


def test_views_of_two_images_are_mirrored_together(matched):
    folder, images = matched
    plain, mirrored = (
        draw(
            PairViews(48, short=100, flip=flip, matches=str(folder / "pairs.npz"), share=1.0),
            image=images["a/1.png"],
            img_path=str(folder / "root/a/1.png"),
        )
        for flip in (0.0, 1.0)
    )
    expected = plain["keypoints"] * [-1, 1, -1, 1]
    np.testing.assert_allclose(mirrored["keypoints"], expected, atol=1e-5)
    assert np.array_equal(mirrored["strong1"], plain["strong1"][:, ::-1])


def test_images_without_a_match_and_the_rest_of_the_share_are_views_of_one_image(matched):
    folder, images = matched
    step = PairViews(48, short=100, matches=str(folder / "pairs.npz"), share=1.0)
    alone = draw(step, 0, images["b/3.png"], img_path=str(folder / "root/b/3.png"))
    assert np.isnan(alone["keypoints"]).all() and alone["keypoints"].shape == (6, 4)
    step = PairViews(48, short=100, matches=str(folder / "pairs.npz"), share=0.3)
    path = str(folder / "root/a/1.png")
    paired = [
        np.isfinite(draw(step, i, images["a/1.png"], img_path=path)["keypoints"]).any()
        for i in range(40)
    ]
    assert 4 < sum(paired) < 22


def test_a_file_that_is_missing_or_none_is_told(tmp_path):
    step = PairViews(48, matches=str(tmp_path / "none.npz"))
    with pytest.raises(FileNotFoundError, match="none.npz does not exist. Run: python tools/match"):
        step.load_matches([])
    (tmp_path / "none.npz").write_text("text")
    with pytest.raises(ValueError, match="none.npz to be a file of tools/match_images.py"):
        step.load_matches([])


def test_a_file_of_other_images_is_told(matched, capsys):
    folder, images = matched
    step = PairViews(48, matches=str(folder / "pairs.npz"))
    step.load_matches(str(folder / "root" / name) for name in reversed(images))
    assert capsys.readouterr().out.startswith("matches: 1 pairs, 2 of 3 training images (")
    with pytest.raises(ValueError, match="but got pairs of other images in .*pairs.npz"):
        step.load_matches([str(folder / "root/b/3.png"), "/other/x/1.png"])
    PairViews(48).load_matches([])
