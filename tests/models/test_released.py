# SPDX-License-Identifier: Apache-2.0
"""Evaluation of a converted network against the released one, pixel for pixel."""

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.export.released_names import released_student, to_ours
from rankseg.models.segmentors.student import complete_test_cfg
from rankseg.registry import MODELS
from rankseg.testing.random_run import shake
from rankseg.testing.released import WIDTH, Released, evaluate_released

CLASSES = 5


@pytest.fixture(scope="module")
def theirs() -> Released:
    return shake(Released(6, CLASSES)).eval()


def ours(theirs: Released, **test_cfg):
    student = released_student(50, CLASSES, WIDTH)
    student["test_cfg"] = ConfigDict(test_cfg)
    with DefaultScope.overwrite_default_scope("rankseg"):
        model = MODELS.build(dict(type="Supervised", student=student)).eval()
    model.load_state_dict(to_ours(theirs.state_dict()))
    return model


def prediction(model, image):
    sample = SegDataSample(metainfo=dict(ori_shape=image.shape[2:], img_shape=image.shape[2:]))
    sample.gt_sem_seg = PixelData(data=torch.zeros(1, *image.shape[2:], dtype=torch.long))
    with torch.no_grad():
        (result,) = model.predict(image, [sample])
    return result


def classes(model, image):
    return prediction(model, image).pred_sem_seg.data


def image_of(*size):
    """Squares of 16 px, so that the classes change all over the image."""
    generator = torch.Generator().manual_seed(0)
    small = torch.randn(1, 3, -(-size[0] // 16), -(-size[1] // 16), generator=generator)
    return small.repeat_interleave(16, 2).repeat_interleave(16, 3)[..., : size[0], : size[1]] * 2


@pytest.mark.parametrize("size", [(65, 81), (66, 100), (90, 63)])
def test_whole_image_as_released(theirs, size):
    image = image_of(*size)
    wanted = evaluate_released(theirs, image)
    assert len(wanted.unique()) > 1
    released = ours(theirs, mode="whole", evaluation="released")
    assert torch.equal(classes(released, image), wanted)
    exact = classes(ours(theirs, mode="whole"), image)
    assert torch.equal(exact, wanted) == (size == (65, 81)), "only these sides are 16 n + 1"


@pytest.mark.parametrize("size", [(65, 129), (64, 128), (40, 99)])
def test_windows_as_released(theirs, size):
    image = image_of(*size)
    wanted = evaluate_released(theirs, image, 49)
    windows = dict(mode="slide", crop_size=(49, 49), stride=(32, 32))
    found = classes(ours(theirs, **windows, evaluation="released"), image)
    assert torch.equal(found, wanted)
    assert not torch.equal(classes(ours(theirs, **windows), image), wanted)


def test_windows_have_mean_probabilities(theirs):
    image = image_of(40, 60)
    total = torch.zeros(CLASSES, 40, 60)
    with torch.no_grad():
        for top in (0, 32):
            for left in (0, 32):
                window = image[..., top : top + 49, left : left + 49]
                share = theirs(window).softmax(1)[0]
                total[:, top : top + share.shape[1], left : left + share.shape[2]] += share
    windows = dict(mode="slide", crop_size=(49, 49), stride=(32, 32), evaluation="released")
    found = prediction(ours(theirs, **windows), image).seg_logits.data.softmax(0)
    torch.testing.assert_close(found, total / total.sum(0))


def test_prediction_after_it_is_exact_again(theirs):
    image = image_of(66, 100)
    model = ours(theirs, mode="whole")
    before = classes(model, image)
    model.student.test_cfg.evaluation = "released"
    changed = classes(model, image)
    model.student.test_cfg.evaluation = "exact"
    assert torch.equal(classes(model, image), before) and not torch.equal(changed, before)


def test_unknown_evaluation():
    with pytest.raises(ValueError, match="test_cfg.evaluation to be one of .* but got 'official'"):
        complete_test_cfg(dict(evaluation="official"))
