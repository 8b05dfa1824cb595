# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
import torch
from mmengine.logging import MessageHub
from mmengine.structures import PixelData
from torch import nn

from rankseg.datasets.transforms import PairViews
from rankseg.datasets.transforms.homography import box, rotation
from rankseg.models.losses import attention_consistency, contrastive_clustering, keypoint_mask
from rankseg.models.methods.base import classes_of
from rankseg.structures import LABELED, TWIN
from rankseg.testing.toy import toy_class_batch, toy_embedder

METRIC = dict(metric_loss=dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5))
NONE = dict(clustering_weight=0.0, consistency_weight=0.0, feature_weight=0.0)
ALONE = dict(consistency_weight=0.0, feature_weight=0.0, pairs=False)


def student(neck=True):
    config = toy_embedder()
    if neck:
        config.neck = dict(type="CBAM", in_channels=64)
    return config


@pytest.fixture
def make(build):
    def make(neck=True, clusters=3, **options):
        method = build("TACCCL", student=student(neck), **METRIC, **options)
        if clusters:
            torch.manual_seed(3)
            method.set_clusters(torch.arange(clusters), torch.randn(clusters, 8))
        return method.eval()  # batch statistics would tie the images to each other

    return make


def batch(matched=0, count=4, seed=5):
    """Pairs of views, of which the first ``matched`` have keypoints."""
    torch.manual_seed(seed)
    inputs, samples = toy_class_batch(labeled=count, twin=True, size=97)
    inputs = {view: inputs[view] + torch.randn(count, 3, 1, 97) for view in (LABELED, TWIN)}
    maps = torch.stack(
        [torch.from_numpy(rotation(20 * i) @ box(0, 0, 0.9, 0.8)) for i in range(count)]
    ).float()
    points = torch.full((count, 5, 4), torch.nan)
    points[:matched, :3] = torch.rand(matched, 3, 4) - 0.5
    for i, sample in enumerate(samples[LABELED]):
        sample.set_data({"homography": PixelData(data=maps[i : i + 1])})
        if matched:
            sample.set_data({"keypoints": PixelData(data=points[i : i + 1])})
    return inputs, {LABELED: samples[LABELED]}, maps, points


def attention(method, images):
    feature = method.student.backbone(images)[-1]
    feature = feature * method.student.neck.channel(feature)
    return method.student.neck.spatial(feature)


def test_every_term_is_the_loss_with_its_weight(make):
    weights = dict(clustering_weight=0.3, consistency_weight=5.0, feature_weight=0.7)
    method = make(**weights)
    inputs, samples, maps, _ = batch()
    found = method.loss(inputs, samples)
    first, second = (method.student.decode_head(method.student.extract_feat(inputs[v]))[..., 0, 0]
                     for v in (LABELED, TWIN))  # fmt: skip
    apart = sum((a - b).norm() for a, b in zip(first, second, strict=True)) / 4
    both = torch.cat((first, second))
    maps = attention_consistency(*(attention(method, inputs[v]) for v in (LABELED, TWIN)), maps)
    label = classes_of(samples[LABELED]).repeat(2)
    wanted = {
        "loss_metric": method.metric_loss(both, label),
        "loss_clustering": 0.3 * contrastive_clustering(both, method.clusters.centre),
        "loss_feature": 0.7 * apart,
        "loss_attention": 5 * maps,
    }
    assert set(found) == set(wanted)
    for name, value in wanted.items():
        assert value > 0
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-7)


def test_images_are_drawn_to_their_own_cluster(make):
    method = make(**{**NONE, "clustering_weight": 0.3}, positive="own")
    inputs, samples, *_ = batch()
    found = method.loss(inputs, samples)["loss_clustering"]
    features = [method.student.decode_head(method.student.extract_feat(inputs[v])).flatten(1)
                for v in (LABELED, TWIN)]  # fmt: skip
    own = classes_of(samples[LABELED]).repeat(2)
    wanted = 0.3 * contrastive_clustering(torch.cat(features), method.clusters.centre, own)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)


def test_terms_wait_and_rise(make):
    method, (inputs, samples, _, _) = make(warmup=10, ramp=3), batch()
    found = {}
    for step in (0, 9, 11, 50):
        MessageHub.get_current_instance().update_info("iter", step)
        found[step] = method.loss(inputs, samples)
    for name in ("loss_clustering", "loss_feature", "loss_attention"):
        assert found[0][name] == found[9][name] == 0
        torch.testing.assert_close(found[11][name], found[50][name] / 2)
    assert found[0]["loss_metric"] == found[50]["loss_metric"] > 0


def test_attention_is_a_map_of_several_places(make):
    inputs, *_ = batch()
    assert attention(make(), inputs[LABELED]).shape == (4, 1, 7, 7)


def test_with_all_weights_zero_it_is_the_base_class(make, build):
    method = make(neck=False, **NONE, pairs=False)
    base = build("MetricLearning", student=student(False), **METRIC).eval()
    base.student.load_state_dict(method.student.state_dict())
    inputs, samples, *_ = batch()
    assert method.views == base.views == (LABELED,)
    one, other = (m.loss({LABELED: inputs[LABELED]}, samples) for m in (method, base))
    assert set(one) == set(other) and torch.equal(one["loss_metric"], other["loss_metric"])


def test_clusters_alone_need_no_pairs(make):
    method = make(neck=False, **ALONE)
    inputs, samples, *_ = batch()
    assert method.views == (LABELED,)
    terms = method.loss({LABELED: inputs[LABELED]}, samples)
    assert set(terms) == {"loss_metric", "loss_clustering"}


def test_memory_holds_the_first_views(make):
    method = make(memory=dict(size=30), warmup=5)
    inputs, samples, *_ = batch()
    first = method.student.decode_head(method.student.extract_feat(inputs[LABELED]))[..., 0, 0]
    method.loss(inputs, samples)
    embedding, label = method.memory.read()
    torch.testing.assert_close(embedding, first.detach(), rtol=1e-4, atol=1e-6)
    assert label.equal(classes_of(samples[LABELED]))


def test_no_clusters_no_term(make):
    inputs, samples, *_ = batch()
    assert "loss_clustering" not in make(clusters=0).loss(inputs, samples)


@pytest.mark.parametrize("reading", ["mapped", "printed"])
def test_matched_images_count_around_their_keypoints(make, reading):
    method = make(reading=reading, keypoint_sigma=0.4)
    inputs, samples, maps, points = batch(matched=2)
    found = method.loss(inputs, samples)["loss_attention"]
    first, second = (attention(method, inputs[v]) for v in (LABELED, TWIN))
    masks = [keypoint_mask(points[..., i : i + 2], (7, 7), 0.4) for i in (0, 2)]
    assert masks[0][2:].eq(1).all() and masks[0][:2].std() > 0
    assert masks[0].max() > 1.5
    if reading == "printed":
        maps[:2] = torch.eye(3)
    else:
        masks = [mask.clamp(max=1) for mask in masks]
    wanted = attention_consistency(first, second, maps, *masks)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-7)


def test_every_term_teaches_the_backbone_and_attention_teaches_the_gate(make):
    for name in ("clustering_weight", "consistency_weight", "feature_weight"):
        method = make(**{**NONE, name: 1.0})
        inputs, samples, *_ = batch()
        terms = method.loss({view: inputs[view] for view in method.views}, samples)
        (key,) = set(terms) - {"loss_metric"}
        terms[key].backward()
        for part in (method.student.backbone.layer1, method.student.neck.spatial):
            assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters())


def test_options_out_of_range_are_refused(make):
    for options, message in (
        (dict(feature_weight=-1), "model.feature_weight .*got -1"),
        (dict(keypoint_sigma=0), "model.keypoint_sigma .*got 0"),
        (dict(pairs=False), "model.pairs .*model.consistency_weight=1.0 and .*got False"),
        (dict(pairs=False, consistency_weight=0), "model.feature_weight=1.0 compare pairs"),
        (dict(positive="mine"), "model.positive .*got 'mine'"),
        (dict(reading="other"), "model.reading .*got 'other'"),
        (dict(neck=False), "attention_tap .*got 'neck.spatial'"),
    ):
        with pytest.raises(ValueError, match=message):
            make(**options)


class Part(list):
    """Paths of images as a data set."""

    image_level = True

    def __init__(self, paths, transforms=()):
        super().__init__(paths)
        self.pipeline = SimpleNamespace(transforms=transforms)

    def get_data_info(self, index):
        return {"img_path": self[index]}


def test_a_pipeline_without_pairs_is_refused_and_matches_are_read_before_training(make):
    calls = []
    step = PairViews(48)
    step.load_matches = lambda paths: calls.append(list(paths))
    sets = [
        SimpleNamespace(
            labeled=Part([], transforms=[nn.Identity(), *steps]),
            unlabeled=Part(["a.png", "b.png"]),
        )
        for steps in ([], [step])
    ]
    with pytest.raises(ValueError, match="labeled_pipeline .*no PairViews. Use PairViews"):
        make().check_dataset(sets[0])
    make(neck=False, **ALONE).check_dataset(sets[0])
    make().check_dataset(sets[1])
    assert calls == [["a.png", "b.png"]]
