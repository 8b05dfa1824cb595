# SPDX-License-Identifier: Apache-2.0
"""FixMatch, UniMatch and RankMatch against steps written out from the text."""

import pytest
import torch
import torch.nn.functional as F

from rankseg.models.losses import RankCorrelationLoss, rank_correlation
from rankseg.models.losses.agents import random_first
from rankseg.models.methods import fixmatch
from rankseg.models.methods.target import Target
from rankseg.structures import PseudoLabel
from rankseg.testing.toy import toy_batch, toy_student


@pytest.fixture
def boxes(monkeypatch):
    """Fixed boxes, other ones for each strong view."""
    drawn = [torch.tensor([[4, 0, 20, 9], [0] * 4]), torch.tensor([[0, 0, 16, 33], [9, 9, 33, 33]])]
    calls = []

    def next_boxes(batch, size):
        calls.append(size)
        return drawn[(len(calls) - 1) % 2]

    monkeypatch.setattr(fixmatch, "cutmix_boxes", next_boxes)
    return drawn


def cut(target, source, boxes):
    """Paste at image size, image by image."""
    out = target.clone()
    for image, content, (x1, y1, x2, y2) in zip(out, source, boxes.tolist(), strict=True):
        image[..., y1:y2, x1:x2] = content[..., y1:y2, x1:x2]
    return out


def up(logits, size=33):
    return F.interpolate(logits, (size, size), mode="bilinear", align_corners=True)


def consistency(logits, label, confidence, valid, threshold):
    each = F.cross_entropy(up(logits), label, reduction="none")
    return (each * (confidence >= threshold) * valid).sum() / valid.sum()


def supervised(logits, samples):
    label = torch.cat([s.gt_sem_seg.data for s in samples])
    return F.cross_entropy(up(logits), label, ignore_index=255)


def valid_of(samples):
    return torch.cat([s.valid.data for s in samples])


def forward(network, images):
    """Logits and ASPP features."""
    kept = []
    handle = network.decode_head.bottleneck.register_forward_hook(lambda m, i, o: kept.append(o))
    logits = network.decode_head(network.extract_feat(images))
    handle.remove()
    return logits, kept[0]


def reference(method, inputs, samples, boxes, views, mix):
    """The training step of UniMatch and RankMatch without perturbed features.

    Everything is pasted at image size; features are upsampled for it and sampled back.
    """
    net, tau = method.student, method.threshold
    if mix == "same":
        net.eval()
        with torch.no_grad():
            logits, other_feature = forward(net, inputs["mix_weak"])
            other_conf, other_label = up(logits).softmax(1).max(1)
        other_valid = valid_of(samples["mix_weak"])
        others = [inputs[f"mix_strong{i}"] for i in views]
        net.train()
    logits, feature = forward(net, torch.cat((inputs["labeled"], inputs["weak"])))
    logits_x, logits_w = logits.split(2)
    feature = feature[2:].detach()
    conf, label = up(logits_w).detach().softmax(1).max(1)
    valid = valid_of(samples["weak"])
    if mix == "batch":  # with two images the partner is the other one
        other_conf, other_label, other_valid, other_feature = (
            x.flip(0) for x in (conf, label, valid, feature)
        )
        others = [inputs[f"strong{i}"].flip(0) for i in views]
    strong = [
        cut(inputs[f"strong{i}"], o, b) for i, o, b in zip(views, others, boxes, strict=False)
    ]
    logits_s, features_s = forward(net, torch.cat(strong))
    terms = {"loss_x": supervised(logits_x, samples["labeled"]) / 2}
    weight = method.strong_weight / len(views) / 2
    for i, b in zip(views, boxes, strict=False):
        rows = slice(2 * (i - 1), 2 * i)
        maps = [
            cut(mine, other, b)
            for mine, other in ((label, other_label), (conf, other_conf), (valid, other_valid))
        ]
        terms[f"loss_s{i}"] = weight * consistency(logits_s[rows], *maps, tau)
        if hasattr(method, "rank_loss"):
            pasted = cut(up(feature), up(other_feature), b)
            pasted = F.interpolate(pasted, feature.shape[2:], mode="bilinear", align_corners=True)
            torch.manual_seed(i)
            loss = RankCorrelationLoss(num_agents=6)(pasted, features_s[rows])
            terms[f"loss_rank{i}"] = loss / 2
    return terms


@pytest.mark.parametrize("mix", ["batch", "same"])
@pytest.mark.parametrize(
    ("name", "views"), [("FixMatch", [1]), ("UniMatch", [1, 2]), ("RankMatch", [1, 2])]
)
def test_step_equals_the_written_out_step(build, boxes, monkeypatch, name, views, mix):
    inputs, samples = toy_batch(mixed=True)
    options = {} if name == "FixMatch" else dict(feature_weight=0.0)
    method, other = (build(name, threshold=0.4, mix_source=mix, **options) for _ in range(2))
    other.load_state_dict(method.state_dict())
    if name != "FixMatch":
        run_views = method.run_views

        def without_perturbed(*views, feature_dropout=0.0, **kwargs):
            # a perturbed copy would share the batch statistics of the decoder
            outputs = run_views(*views, **kwargs)
            return outputs * 2 if feature_dropout else outputs

        monkeypatch.setattr(method, "run_views", without_perturbed)
    if name == "RankMatch":
        calls = []

        def seeded(features):
            calls.append(0)
            torch.manual_seed(len(calls))
            return random_first(features)

        monkeypatch.setattr(rank_correlation, "random_first", seeded)
    found = method.loss(inputs, samples)
    assert found.pop("loss_fp", 0) == 0
    wanted = reference(other, inputs, samples, boxes, views, mix)
    assert set(found) - {"confident"} == set(wanted)
    for key in wanted:
        torch.testing.assert_close(found[key], wanted[key], rtol=1e-4, atol=1e-6, msg=key)
    sum(v for k, v in found.items() if "loss" in k).backward()
    sum(wanted.values()).backward()
    for (key, mine), theirs in zip(method.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-2, atol=1e-5, msg=key)


def test_perturbed_branch(build, monkeypatch):
    method = build("UniMatch", threshold=0.0)
    inputs, samples = toy_batch()
    masks = []

    def keep_even(x, rate):
        mask = torch.zeros_like(x)
        mask[:, ::2] = 2.0
        masks.append(mask)
        return x * mask

    monkeypatch.setattr(F, "dropout2d", keep_even)
    found = method.loss(inputs, samples)["loss_fp"]
    assert len(masks) == 2  # only the two maps that the head reads

    features = method.student.extract_feat(torch.cat((inputs["labeled"], inputs["weak"])))
    both = [
        torch.cat((f, f * (torch.arange(f.size(1)) % 2 == 0)[:, None, None] * 2)) for f in features
    ]
    logits = method.student.decode_head(both)
    clean, perturbed = logits[2:4], logits[6:8]
    conf, label = up(clean).softmax(1).max(1)
    wanted = 0.5 / 2 * consistency(perturbed, label, conf, valid_of(samples["weak"]), 0.0)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-6)


def test_rankmatch_adds_no_forward_pass(build, monkeypatch):
    passes = {}
    for name in ("UniMatch", "RankMatch"):
        method = build(name)
        count = []
        extract = method.student.extract_feat
        monkeypatch.setattr(
            method.student,
            "extract_feat",
            lambda x, e=extract, c=count: (c.append(len(x)), e(x))[1],
        )
        method.loss(*toy_batch())
        passes[name] = count
    assert passes["RankMatch"] == passes["UniMatch"] == [4, 4]


def test_rank_weight_is_that_of_the_paper(build):
    # 0.1 (L1 + L2) / 2
    method = build("RankMatch", rank=dict(num_agents=6, loss_weight=0.1))
    twice = build("RankMatch", rank=dict(num_agents=6, loss_weight=0.2))
    twice.load_state_dict(method.state_dict())
    batch = toy_batch()
    terms = []
    for m in (method, twice):
        torch.manual_seed(3)
        terms.append(m.loss(*batch)["loss_rank2"].item())
    assert terms[1] == pytest.approx(2 * terms[0], rel=1e-5)


def test_padding_can_be_left_out_of_the_rank_loss(build):
    inputs, samples = toy_batch()
    for sample in samples["weak"]:
        sample.valid.data.fill_(False)
    losses = {
        mask: build("RankMatch", mask_padding=mask).loss(inputs, samples)["loss_rank1"].item()
        for mask in (False, True)
    }
    assert losses[False] > 0 and losses[True] == 0


def test_features_before_the_perturbation_can_be_tapped(build):
    # they have no perturbed copies
    method = build("RankMatch", feature_tap="backbone.layer3")
    assert method.loss(*toy_batch())["loss_rank1"] > 0


def test_no_mixing(build):
    method = build("FixMatch", mix_source=None)
    inputs, samples = toy_batch()
    target = method.target(
        method.run_views(inputs["weak"])[0], inputs["weak"], valid_of(samples["weak"])
    )
    images, targets = method.mixed_views(inputs, target, None)
    assert images[0] is inputs["strong1"] and targets[0] is target


def test_single_image_without_second_crop(build):
    with pytest.raises(ValueError, match="a view 'mix_weak'.*WithMix"):
        build("UniMatch").loss(*toy_batch(2, 1))
    with pytest.raises(ValueError, match="mix_source='same'"):
        build("UniMatch", mix_source="same").loss(*toy_batch(2, 2))


def test_a_threshold_for_every_class(build):
    inputs, samples = toy_batch()
    method = build("FixMatch", threshold=0.5, mix_source=None)
    same, never, first = (
        build("FixMatch", threshold=threshold, mix_source=None)
        for threshold in ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0), (0.0, 1.0, 1.0))
    )
    wanted = method.loss(inputs, samples)
    for other in (same, never, first):
        other.load_state_dict(method.state_dict())
    found = same.loss(inputs, samples)
    assert found["loss_s1"] == wanted["loss_s1"] and found["confident"] == wanted["confident"]
    assert never.loss(inputs, samples)["loss_s1"] == 0
    assert not never.label_classes.any()
    assert 0 < first.loss(inputs, samples)["confident"] < 1
    assert first.label_classes.tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("FixMatch", dict(threshold=1.2), "model.threshold .*got 1.2"),
        ("FixMatch", dict(threshold=(0.9, 0.8)), "one such number for each of the 3 classes"),
        ("FixMatch", dict(threshold=(0.9, 0.8, -1)), "one such number for each of the 3 classes"),
        ("FixMatch", dict(mix_source="other"), "model.mix_source .*got 'other'"),
        ("UniMatch", dict(feature_dropout=1.0), "model.feature_dropout .*got 1.0"),
        ("RankMatch", dict(feature_tap="decode_head.asp"), "feature_tap .*got 'decode_head.asp'"),
    ],
)
def test_bad_options(build, name, options, message):
    with pytest.raises(ValueError, match=message):
        build(name, student=toy_student(), **options)


@pytest.mark.parametrize("name", ["FixMatch", "UniMatch", "RankMatch"])
def test_the_logged_share_is_of_pixels_that_are_no_padding_at_the_threshold_or_above(build, name):
    method = build(name, threshold=0.5, track_pseudo_labels=True)
    _, samples = toy_batch(1, 1, size=4)
    # 4 valid pixels, of which one is exactly at the threshold and one above; 12 of padding are sure
    confidence = torch.ones(1, 4, 4)
    confidence[0, 0] = torch.tensor([0.5, 0.9, 0.4999, 0.2])
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    valid[0, 0] = True
    label = torch.full((1, 4, 4), 2)
    label[0, 0] = torch.tensor([0, 1, 1, 0])
    samples["weak"][0].valid.data = valid
    labeled = method.run(method.student.eval(), torch.zeros(1, 3, 4, 4))
    target = Target(PseudoLabel(label, confidence, valid), None)
    losses = method.combine(labeled, target, {}, 1.0, samples)
    assert losses["confident"].item() == 2 / 4
    assert method.label_classes.tolist() == [True, True, False]
    found = method.quality.compute()
    assert (found["count"], found["confident"], found["labels"]) == (4, 50.0, [50.0, 50.0, 0.0])
