# SPDX-License-Identifier: Apache-2.0
"""Two segmentors that predict as one."""

import pytest
import torch
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample

from rankseg.models.segmentors.ensemble import MeanSegmentor, mean_logits
from rankseg.models.windows import predict
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_student


@pytest.fixture
def members():
    init_default_scope("rankseg")
    torch.manual_seed(0)
    return [MODELS.build(toy_student()).eval() for _ in range(2)]


def probabilities(segmentor, images):
    meta = dict(ori_shape=(40, 27), img_shape=(40, 27), pad_shape=(40, 27))
    results = predict(segmentor, images, [SegDataSample(metainfo=meta) for _ in images])
    logits = torch.stack([result.seg_logits.data for result in results])
    labels = torch.cat([result.pred_sem_seg.data for result in results])
    assert torch.equal(labels, logits.argmax(1))
    return logits.softmax(1)


def test_mean_of_probabilities(members):
    images = torch.randn(2, 3, 40, 27)
    mean = MeanSegmentor(members)
    assert not mean.training
    wanted = sum(probabilities(member, images) for member in members) / 2
    torch.testing.assert_close(probabilities(mean, images), wanted)


def test_by_windows(members):
    images = torch.randn(1, 3, 40, 27)
    members[0].test_cfg.update(mode="slide", crop_size=(17, 17), stride=(12, 12))
    mean = MeanSegmentor(members)
    found = probabilities(mean, images)
    last = mean_logits(
        [
            m.encode_decode(images[..., 23:, 10:], [{"img_shape": images[..., 23:, 10:].shape[2:]}])
            for m in members
        ]
    )
    torch.testing.assert_close(found[0, :, -1, -1], last[0, :, -1, -1].softmax(0))


def test_nothing_of_the_members_is_changed(members):
    before = [sorted(member.state_dict()) for member in members]
    mean = MeanSegmentor(members)
    assert [sorted(member.state_dict()) for member in members] == before
    assert mean.extract_feat(torch.randn(2, 3, 33, 33))[0].shape[0] == 2
    assert MeanSegmentor([members[0].train(), members[1]]).training


def test_extreme_logits_stay_finite():
    one = torch.tensor([[1e4, -1e4, 0.0]])
    found = mean_logits([one, -one])
    assert found.isfinite().all()
    torch.testing.assert_close(found.softmax(1), torch.tensor([[0.5, 0.5, 0.0]]))
    assert mean_logits([one.bfloat16()]).dtype == torch.float32
