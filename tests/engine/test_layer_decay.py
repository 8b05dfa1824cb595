# SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from rankseg.models.methods import Method
from rankseg.registry import MODELS
from rankseg.training.network_checks import check_layer_decay

pytest.importorskip("timm")


def build(layer_decay: float | None) -> Method:
    init_default_scope("rankseg")
    trunk = dict(
        type="TimmTrunk",
        model="vit_tiny_patch16_224",
        out_indices=(0, 2),
        layer_decay=layer_decay,
    )
    head = dict(type="LinearHead", in_channels=None, num_classes=2)
    student = dict(type="EncoderDecoder", backbone=trunk, decode_head=head)
    return MODELS.build(dict(type="Supervised", student=student))


def wrapper() -> dict:
    return dict(
        constructor="LayerDecayConstructor",
        type="OptimWrapper",
        optimizer=dict(type="AdamW", lr=0.001, weight_decay=0.1),
        paramwise_cfg=dict(custom_keys={"backbone": dict(lr_mult=0.1, decay_mult=0.5)}),
    )


def test_learning_rates_fall_from_block_to_block():
    model = build(0.5)
    groups = build_optim_wrapper(model, wrapper()).optimizer.param_groups
    rates = {id(p): (g["lr"], g["weight_decay"]) for g in groups for p in g["params"]}
    trunk, head = model.student.backbone.trunk, model.student.decode_head
    assert rates[id(head.conv_seg.weight)] == (0.001, 0.1)
    found = [rates[id(trunk.blocks[i].mlp.fc1.weight)] for i in range(3)]
    assert [decay for _, decay in found] == [0.05] * 3
    last = found[-1][0]
    assert [rate for rate, _ in found] == pytest.approx([last / 4, last / 2, last])
    assert rates[id(trunk.patch_embed.proj.weight)][0] == pytest.approx(last / 8)
    assert max(rates[id(p)][0] for p in trunk.parameters()) == pytest.approx(1e-4)


def test_raises_without_a_decay():
    with pytest.raises(ValueError, match="layer_decay.*0.75"):
        build_optim_wrapper(build(None), wrapper())


def test_norms_and_biases_keep_their_weight_decay():
    model, config = build(0.5), wrapper()
    config["paramwise_cfg"] = dict(norm_decay_mult=0.0, bias_decay_mult=0.0)
    groups = build_optim_wrapper(model, config).optimizer.param_groups
    decay = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    block = model.student.backbone.trunk.blocks[0]
    assert decay[id(block.norm1.weight)] == decay[id(block.mlp.fc1.bias)] == 0
    assert decay[id(block.mlp.fc1.weight)] == 0.1


def test_check_before_training_wants_the_constructor():
    model = build(0.5)
    with pytest.raises(ValueError, match="LayerDecayConstructor.*layer_decay=0.5.*None"):
        check_layer_decay(model, Config(dict(optim_wrapper=dict(type="OptimWrapper"))))
    check_layer_decay(model, Config(dict(optim_wrapper=wrapper())))
    check_layer_decay(build(None), Config(dict(optim_wrapper=dict(type="OptimWrapper"))))
