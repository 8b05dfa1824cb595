# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from PIL import Image

from rankseg.projects.mask_decoding import decode_stats, encode_stats, read_codes
from rankseg.projects.mask_plan import make_plan


@pytest.fixture
def looks(tmp_path):
    """Statistics of masks saved as PNG."""

    def look(*masks: np.ndarray) -> dict:
        found = {}
        for k, mask in enumerate(masks):
            path = tmp_path / f"{k}.png"
            Image.fromarray(np.uint8(mask)).save(path)
            found[path] = decode_stats(encode_stats(read_codes(path), str(path)))
        return found

    return look


def disk(size: int = 96, value: int = 255) -> np.ndarray:
    rows, columns = np.indices((size, size))
    return np.uint8(np.hypot(rows - size / 2, columns - size / 3) < size / 4) * value


def compressed(mask: np.ndarray) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", mask, [cv2.IMWRITE_JPEG_QUALITY, 95])[1], 0)


def resized(mask: np.ndarray, kind: int, size: int = 70) -> np.ndarray:
    return cv2.resize(mask, (size, size), interpolation=kind)


@pytest.mark.parametrize(
    "make",
    [
        lambda: resized(disk(), cv2.INTER_AREA),
        lambda: resized(disk(), cv2.INTER_LINEAR),
        lambda: resized(disk(), cv2.INTER_CUBIC),
        lambda: resized(disk(), cv2.INTER_LINEAR, 192),
        lambda: resized(disk(), cv2.INTER_AREA, 48),
        lambda: compressed(disk()),
        lambda: np.repeat(resized(disk(), cv2.INTER_AREA)[..., None], 3, 2),
    ],
)
def test_raises_on_soft_edges(looks, make):
    found = looks(disk(), make())
    with pytest.raises(ValueError, match=r"1 of 2 masks hold \d+ values .* --above 127") as error:
        make_plan(found)
    with pytest.raises(ValueError, match="--above 127"):
        make_plan(found, names=("a", "b"))
    assert "%" in str(error.value)
    plan = make_plan(found, above=127)
    assert plan.classes == ("background", "foreground")


def test_raises_on_soft_edges_of_several_classes(looks):
    mask = np.maximum(disk(), np.roll(disk(value=128), 40, 1))
    with pytest.raises(ValueError, match="only at edges .*again as PNG, .*nearest neighbor"):
        make_plan(looks(resized(mask, cv2.INTER_LINEAR)))


def test_raises_on_soft_edges_of_colors(looks):
    mask = np.stack([disk(), np.roll(disk(), 40, 1), disk() * 0], -1)
    assert len(make_plan(looks(mask)).classes) == 4
    with pytest.raises(ValueError, match=r"hold \d+ colors only at edges .*nearest neighbor"):
        make_plan(looks(resized(mask, cv2.INTER_LINEAR)))


def test_notes_a_single_level_at_edges(looks):
    mask = disk()
    mask[cv2.dilate(mask, np.ones((3, 3), np.uint8)) != mask] = 128
    plan = make_plan(looks(mask))
    assert len(plan.classes) == 3
    assert any("the value 128 occurs only at edges, in 1 of 1 masks" in note for note in plan.notes)


def test_thin_classes_are_classes(looks):
    lines = disk(value=1)
    lines[10::20], lines[15::20], lines[18::20] = 2, 3, 4
    assert len(make_plan(looks(lines)).classes) == 5, "ids are dense"
    levels = np.choose(lines, (0, 60, 120, 180, 255))
    assert len(make_plan(looks(levels), names="abcde").classes) == 5, "as many names"
    flat = np.kron(np.uint8([[0, 60, 120], [180, 255, 0]]), np.ones((20, 20), np.uint8))
    plan = make_plan(looks(flat))
    assert len(plan.classes) == 5 and not any("edges" in note for note in plan.notes)
