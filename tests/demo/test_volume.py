# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from rankseg.demo.volume import KINDS, DemoVolume, SmoothField


@pytest.fixture(scope="module")
def volume():
    return DemoVolume(0, pages=12, size=192)


@pytest.fixture(scope="module")
def pages(volume):
    return [volume.page(i) for i in range(12)]


def test_a_page_is_a_gray_noisy_image_and_a_mask(pages):
    for image, mask in pages:
        assert image.dtype == np.uint8 and mask.dtype == bool
        assert image.shape == mask.shape == (192, 192)
        assert 90 < image.mean() < 190 and len(np.unique(image)) > 100


def test_mitochondria_are_rare_and_larger_than_noise(pages):
    share = np.mean([mask.mean() for _, mask in pages])
    assert 0.01 < share < 0.12
    mask = max((mask for _, mask in pages), key=np.sum)
    areas = cv2.connectedComponentsWithStats(mask.astype(np.uint8))[2][1:, cv2.CC_STAT_AREA]
    assert areas.max() > 150


def test_mitochondria_go_on_from_page_to_page(pages):
    masks = [mask for _, mask in pages]

    def overlap(apart: int) -> float:
        pairs = list(zip(masks, masks[apart:], strict=False))
        return sum((a & b).sum() for a, b in pairs) / sum((a | b).sum() for a, b in pairs)

    assert overlap(1) > 0.7 > overlap(9)


def test_an_outline_is_dark_and_so_are_folds_inside(pages):
    for image, mask in pages[:3]:
        inner = cv2.erode(mask.astype(np.uint8), np.ones((7, 7)), borderValue=0) > 0
        rim = mask & (cv2.erode(mask.astype(np.uint8), np.ones((5, 5))) == 0)
        assert image[rim].mean() < image[~mask].mean() - 20
        assert image[inner].mean() < image[~mask].mean()


def test_what_looks_alike_is_no_foreground(volume, pages):
    kinds = {one.kind for one in volume.organelles.values()}
    assert kinds == set(range(len(KINDS)))
    share = np.mean([mask.mean() for _, mask in pages])
    others = {k: one for k, one in volume.organelles.items() if KINDS[one.kind] != "mitochondrion"}
    kept, volume.organelles = volume.organelles, others
    try:
        assert not any(volume.page(i)[1].any() for i in (0, 6, 11))
    finally:
        volume.organelles = kept
    assert share > 0


def test_a_page_does_not_depend_on_what_was_painted_before(volume, pages):
    again = DemoVolume(0, pages=12, size=192).page(7)
    assert all((a == b).all() for a, b in zip(again, pages[7], strict=True))
    other = DemoVolume(1, pages=12, size=192).page(7)
    assert (other[1] != pages[7][1]).any()


def test_a_field_is_smooth_across_pages_and_within():
    field = SmoothField(np.random.default_rng(0), size=60, depth=40, cell=20)
    values = np.stack([field.at(z) for z in range(40)])
    assert values.shape == (40, 60, 60) and 0.2 < values.std() < 0.9
    for axis in range(3):
        assert np.abs(np.diff(values, axis=axis)).max() < 0.2
