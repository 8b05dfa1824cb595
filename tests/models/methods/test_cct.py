# SPDX-License-Identifier: Apache-2.0
"""CCT against a step written out from the paper."""

import pytest
import torch
import torch.nn.functional as F
from mmengine.optim import build_optim_wrapper
from torch import nn

from rankseg.models.weights.transfer import reinit_classifier
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_batch, toy_class_batch, toy_classifier, toy_student

PERTURBATIONS = [
    dict(count=2, perturb=dict(type="MaskObjects")),
    dict(count=1, perturb=dict(type="MaskContext")),
]


class Same(nn.Module):
    """A perturbation that is none."""

    def forward(self, feature, classes, decode):
        return feature


@pytest.fixture
def same(monkeypatch):
    monkeypatch.setitem(MODELS._module_dict, "Same", Same)
    return [dict(count=3, perturb=dict(type="Same"))]


def forward(network, images):
    """Logits at the head's size, and ASPP features."""
    kept = []
    handle = network.decode_head.bottleneck.register_forward_hook(lambda m, i, o: kept.append(o))
    logits = network.decode_head(network.extract_feat(images))
    handle.remove()
    return logits, kept[0]


def reference(method, inputs, samples):
    """The terms of a step in which every image runs alone, pixel by pixel."""
    logits_x, _ = forward(method.student, inputs["labeled"])
    logits_x = F.interpolate(logits_x, (33, 33), mode="bilinear", align_corners=True)
    truth = torch.cat([sample.gt_sem_seg.data for sample in samples["labeled"]])
    main, feature = forward(method.student, inputs["weak"])
    main = main.detach()
    valid = torch.cat([sample.valid.data for sample in samples["weak"]])[:, ::4, ::4]
    objects = (main.argmax(1) > 0)[:, None, ::4, ::4]
    total, count = 0.0, 0
    for number, decoder in enumerate(method.auxiliary_decode_heads):
        kept = ~objects if number < 2 else objects
        logits = decoder(feature * kept, (9, 9))
        for b, y, x in valid.nonzero().tolist():
            p, q = logits[b, :, y, x].softmax(0), main[b, :, y, x].softmax(0)
            total, count = total + ((p - q) ** 2).mean(), count + 1
    return {
        "loss_x": F.cross_entropy(logits_x, truth, ignore_index=255),
        "loss_consistency": 30.0 * total / count,
    }


def test_step_and_its_gradient_equal_the_paper(build, vary):
    inputs, samples = toy_batch()
    method = build("CCT", perturbations=PERTURBATIONS).eval()
    vary(method.student, inputs["weak"])
    main, _ = forward(method.student, inputs["weak"])
    main = main.argmax(1)[:, ::4, ::4]
    assert (main > 0).any() and (main == 0).any()  # or the masks would say nothing
    losses = method.loss(inputs, samples)
    wanted = reference(method, inputs, samples)
    assert set(losses) == set(wanted)
    for name, value in wanted.items():
        torch.testing.assert_close(losses[name], value, rtol=1e-4, atol=1e-6, msg=name)
    parameters = list(method.parameters())
    found = torch.autograd.grad(sum(losses.values()), parameters)
    expected = torch.autograd.grad(sum(wanted.values()), parameters)
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-2, atol=1e-5)


def test_the_main_decoder_learns_from_labels_alone(build):
    method = build("CCT")
    losses = method.loss(*toy_batch())
    names = dict(method.named_parameters())
    grads = torch.autograd.grad(
        losses["loss_consistency"], list(names.values()), allow_unused=True, retain_graph=True
    )
    reached = {name for name, grad in zip(names, grads, strict=True) if grad is not None}
    encoder = ("student.backbone.", "student.decode_head.aspp.", "student.decode_head.bottleneck.")
    assert reached == {n for n in names if n.startswith((*encoder, "auxiliary_decode_heads."))}
    grads = torch.autograd.grad(losses["loss_x"], list(names.values()), allow_unused=True)
    reached = {name for name, grad in zip(names, grads, strict=True) if grad is not None}
    assert reached == {name for name in names if name.startswith("student.")}


def plain_head():
    """A student whose head is nothing but a classifier of the last features."""
    student = toy_student()
    student.decode_head = dict(
        type="FCNHead",
        in_channels=64,
        in_index=3,
        channels=64,
        num_convs=0,
        concat_input=False,
        dropout_ratio=0.0,
        num_classes=3,
        align_corners=True,
        loss_decode=dict(type="CrossEntropyLoss", avg_non_ignore=True),
    )
    return student


def test_equal_decoders_without_perturbation_agree(build, same):
    options = dict(feature_tap="decode_head.convs", decoder_steps=0)
    method = build("CCT", student=plain_head(), perturbations=same, **options)
    batch = toy_batch()
    assert method.loss(*batch)["loss_consistency"] > 0.01
    with torch.no_grad():
        method.student.decode_head.conv_seg.bias.zero_()
        for decoder in method.auxiliary_decode_heads:
            decoder.layers[0].weight.copy_(method.student.decode_head.conv_seg.weight)
    loss = method.loss(*batch)["loss_consistency"]
    loss.backward()
    assert loss.item() < 1e-10
    assert all(p.grad.abs().max() < 1e-5 for p in method.auxiliary_decode_heads.parameters())


def test_published_decoders(build):
    method = build(
        "CCT", perturbations=[dict(count=0, perturb=dict(type="FeatureNoise")), *PERTURBATIONS]
    )
    assert [type(one).__name__ for one in method.perturbations] == [
        *["MaskObjects"] * 2,
        "MaskContext",
    ]
    student = toy_student()
    published = MODELS.build(dict(type="CCT", student=student))
    kinds = [type(one).__name__ for one in published.perturbations]
    assert len(kinds) == len(published.auxiliary_decode_heads) == 30
    counts = {kind: kinds.count(kind) for kind in kinds}
    assert counts.pop("VirtualAdversarial") == counts.pop("MaskContext") == 2
    assert counts.pop("MaskObjects") == 2 and set(counts.values()) == {6} and len(counts) == 4


def test_warmup_runs_the_labeled_images_only_and_reaches_every_parameter(build):
    method = build("CCT", warmup=5)
    inputs, samples = toy_batch()
    losses = method.loss({"labeled": inputs["labeled"]}, samples)
    assert losses["loss_consistency"] == 0
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in method.parameters())
    assert not any(p.grad.any() for p in method.auxiliary_decode_heads.parameters())


def test_without_warmup_the_weight_counts_at_once(build):
    batch, found = toy_batch(), []
    for weight in (1.0, 2.0):
        torch.manual_seed(1)
        method = build("CCT", perturbations=PERTURBATIONS, consistency_weight=weight)
        found.append(method.loss(*batch)["loss_consistency"])
    torch.testing.assert_close(2 * found[0], found[1])


def test_labels_from_the_teacher(build):
    options = dict(teacher=dict(momentum=0.1), perturbations=PERTURBATIONS)
    batch, found = toy_batch(), []
    for source in ("student", "teacher"):
        torch.manual_seed(1)
        method = build("CCT", labels_from=source, **options)
        with torch.no_grad():
            method.teacher.module.decode_head.conv_seg.bias.copy_(torch.tensor([0.0, 0.0, 50.0]))
        found.append(method.loss(*batch)["loss_consistency"])
    assert found[0] != found[1]


def test_a_classifier_can_be_one_too(build):
    method = build(
        "CCT",
        student=toy_classifier(),
        feature_tap="decode_head.pool",
        decoder_steps=0,
        track_pseudo_labels=True,
    )
    losses = method.loss(*toy_class_batch())
    losses["loss_consistency"].backward()
    assert losses["loss_consistency"] > 0 and method.quality.compute()["count"] == 4


# --- weights


@pytest.mark.parametrize("plain", [True, False])
def test_auxiliary_decoders_begin_as_they_are_where_a_checkpoint_has_none(build, plain):
    source = build("Supervised")
    with torch.no_grad():
        source.student.decode_head.conv_seg.bias.fill_(3)
    method = build("CCT", teacher=dict(momentum=0.1))
    before = {k: v.clone() for k, v in method.auxiliary_decode_heads.state_dict().items()}
    method.load_state_dict((source.student if plain else source).state_dict(), strict=True)
    for network in (method.student, method.teacher.module):
        assert (network.decode_head.conv_seg.bias == 3).all()
    for key, value in method.auxiliary_decode_heads.state_dict().items():
        assert torch.equal(value, before[key])


def test_a_checkpoint_of_other_classes_gives_the_encoder(build):
    source, method = build("CCT", student=toy_student(5)), build("CCT")
    before = {k: v.clone() for k, v in method.auxiliary_decode_heads.state_dict().items()}
    state = dict(source.state_dict())
    replaced = reinit_classifier(method, state)
    assert any(
        "student.decode_head.conv_seg.weight (5, 16, 1, 1) -> (3," in one for one in replaced
    )
    method.load_state_dict(state, strict=True)
    for key, value in method.auxiliary_decode_heads.state_dict().items():
        assert torch.equal(value, before[key])
    key = "backbone.stem.0.weight"
    assert torch.equal(method.student.state_dict()[key], source.student.state_dict()[key])


def test_own_checkpoint_round_trip_and_half_of_one(build):
    method, other = build("CCT"), build("CCT")
    with torch.no_grad():
        for parameter in method.auxiliary_decode_heads.parameters():
            parameter.add_(1)
    state = method.state_dict()
    other.load_state_dict(state, strict=True)
    assert all(torch.equal(v, other.state_dict()[k]) for k, v in state.items())
    del state["auxiliary_decode_heads.0.layers.0.weight"]
    with pytest.raises(RuntimeError, match="auxiliary_decode_heads.0.layers.0.weight"):
        other.load_state_dict(state, strict=True)


def test_the_head_s_learning_rate_is_for_auxiliary_decoders_too(build):
    rule = dict(
        type="OptimWrapper",
        optimizer=dict(type="SGD", lr=0.001),
        paramwise_cfg=dict(custom_keys={"decode_head": dict(lr_mult=10.0)}),
    )
    method = build("CCT")
    wrapper = build_optim_wrapper(method, rule)
    rates = {id(group["params"][0]): group["lr"] for group in wrapper.param_groups}
    for name, parameter in method.named_parameters():
        assert rates[id(parameter)] == pytest.approx(0.001 if "backbone" in name else 0.01)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(consistency_weight=-1.0), "model.consistency_weight .*got -1"),
        (dict(feature_tap="decode_head.asp"), "feature_tap .*got 'decode_head.asp'"),
        (dict(perturbations=[]), "model.perturbations .*one auxiliary decoder or more"),
        (dict(perturbations=[dict(type="FeatureNoise")]), "dict.count=N.*got {'type'"),
        (
            dict(perturbations=[dict(count=-1, perturb=dict(type="FeatureNoise"))]),
            "dict.count=N.*got {.count.: -1",
        ),
        (dict(decoder_steps=-1), "steps .*got -1"),
    ],
)
def test_bad_options(build, options, message):
    with pytest.raises(ValueError, match=message):
        build("CCT", **options)
