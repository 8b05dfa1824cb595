# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.inference.prediction import ClassPrediction, Prediction

PALETTE = [[0, 0, 0], [200, 0, 0], [0, 100, 0]]


@pytest.fixture
def prediction():
    mask = np.zeros((6, 8), np.uint8)
    mask[:, 3:], mask[4:] = 1, 2
    image = np.full((6, 8, 3), 40, np.uint8)
    return Prediction(mask, image=image, classes=["background", "cat", "dog"], palette=PALETTE)


def test_overlay_mixes_colors_and_leaves_the_background(prediction):
    picture = prediction.overlay(0.25)
    assert picture[0, 0].tolist() == [40, 40, 40]
    assert picture[0, 5].tolist() == [80, 30, 30] and picture[5, 0].tolist() == [30, 55, 30]
    assert (prediction.overlay() != picture).any()


@pytest.mark.parametrize("opacity", [-0.1, 1.1])
def test_opacity_is_a_share(prediction, opacity):
    with pytest.raises(ValueError, match=f"opacity to be from 0 to 1, but got {opacity}"):
        prediction.overlay(opacity)


def test_overlay_needs_the_image(prediction):
    bare = Prediction(prediction.mask)
    with pytest.raises(ValueError, match="prediction with its image"):
        bare.overlay()
    assert bare._repr_png_() is None


def test_saved_mask_has_ids_and_colors(prediction, tmp_path):
    path = prediction.save(tmp_path / "new/mask.png")
    with Image.open(path) as found:
        np.testing.assert_array_equal(np.asarray(found), prediction.mask)
        assert np.asarray(found.convert("RGB"))[5, 0].tolist() == [0, 100, 0]


@pytest.mark.parametrize("name", ["a.png", "a.jpg"])
def test_saved_overlay(prediction, tmp_path, name):
    path = prediction.save(tmp_path / name, overlay=True)
    found = cv2.imread(str(path))[..., ::-1].astype(int)
    assert abs(found - prediction.overlay()).mean() < 12


@pytest.mark.parametrize(("name", "overlay"), [("a.jpg", False), ("a.gif", True), ("a", False)])
def test_other_endings_are_refused(prediction, tmp_path, name, overlay):
    with pytest.raises(ValueError, match=f"ends in .png.* but got .*{name}"):
        prediction.save(tmp_path / name, overlay=overlay)
    assert not list(tmp_path.iterdir())


def test_notebook_shows_image_and_overlay(prediction):
    found = cv2.imdecode(np.frombuffer(prediction._repr_png_(), np.uint8), 1)
    assert found.shape[1] > 2 * 320 and (found == (0, 0, 200)).all(-1).any()  # red of the legend


def test_notebook_shows_the_most_probable_classes_first():
    shares = np.array([0.1, 0.7, 0.2], np.float32)
    html = ClassPrediction(1, "<b>", shares, ["a", "<b>", "c"])._repr_html_()
    places = [html.index(text) for text in ("&lt;b&gt;", "70.0%", "c</td>", "20.0%", ">a<")]
    assert places == sorted(places)
