# SPDX-License-Identifier: Apache-2.0
"""Modules behind named ones of a segmentor: what passes through them, copies, names, weights."""

import copy
import io
import logging

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.apis import export_onnx, load_config, to_mmseg
from rankseg.inference.load import load_trained, logits_of
from rankseg.models.layers import FeatureTap
from rankseg.models.segmentors.extended_segmentor import check_inserted_weights
from rankseg.models.weights.pretrained import load_backbone
from rankseg.registry import MODELS
from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_student

IMAGES = torch.randn(2, 3, 65, 65)  # maps of 5 x 5 at stride 16, 9 x 9 at stride 8


ASSEMBLY = dict(type="SpatialAssembly", in_channels=32, grid=2, hidden_channels=4)


def extended(at="backbone.layer3", student=None, **insert):
    insert = dict(at=at, module=ASSEMBLY) | insert
    return (student or toy_student(depth=18)) | dict(type="ExtendedSegmentor", insert=insert)


@pytest.fixture
def make():
    init_default_scope("rankseg")

    def build(config=None, liven=True, seed=0):
        torch.manual_seed(seed)
        network = MODELS.build(config or extended())
        network.init_weights()
        with torch.no_grad():
            for module in network.inserted if liven else ():
                for weights in module.parameters():
                    weights.normal_()
        return network.eval()

    return build


def feature(network, name="backbone.layer3"):
    with FeatureTap(network, name) as tap:
        network.extract_feat(IMAGES)
    return tap.output


def test_the_output_goes_through(make):
    network = make()
    plain = MODELS.build(toy_student(depth=18)).eval()
    names = network.load_state_dict(network.state_dict() | plain.state_dict())
    assert not names.missing_keys
    before = feature(plain)
    torch.testing.assert_close(feature(network), network.inserted[0](before))
    assert not torch.allclose(feature(network), before, atol=1e-4)
    # what comes after sees it, what comes before does not
    maps, others = network.extract_feat(IMAGES), plain.extract_feat(IMAGES)
    assert all(maps[i].equal(others[i]) for i in (0, 1))
    torch.testing.assert_close(maps[2], feature(network))
    torch.testing.assert_close(maps[3], plain.backbone.layer4(maps[2]))


def test_names_of_the_network_stay(make):
    plain = MODELS.build(toy_student(depth=18))
    more = set(make().state_dict()) - set(plain.state_dict())
    assert set(plain.state_dict()) < set(make().state_dict())
    assert {name.split(".predictor")[0] for name in more} == {"inserted.0"}


def test_pretrained_weights_load(make, tmp_path):
    file = tmp_path / "backbone.pth"
    source = make(seed=5).backbone.state_dict()
    torch.save(source, file)
    network = make()
    load_backbone(network.backbone, file)
    assert all(value.equal(source[name]) for name, value in network.backbone.state_dict().items())


def test_a_copy_goes_through_its_own(make):
    network = make()
    twin = copy.deepcopy(network)
    before = feature(twin)
    with torch.no_grad():
        for weights in network.inserted.parameters():
            weights.normal_()
    assert feature(twin).equal(before) and not torch.allclose(feature(network), before)
    with torch.no_grad():
        for weights in twin.inserted.parameters():
            weights.normal_()
    assert not torch.allclose(feature(twin), before)


def test_saved_as_a_whole(make):
    network, file = make(), io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    again = torch.load(file, weights_only=False)
    torch.testing.assert_close(feature(again), feature(network))


def test_several_run_in_their_order(make):
    config = extended()
    names = ("backbone.layer3", "backbone.layer3.0", "backbone.layer3")
    config.insert = [dict(at=name, module=ASSEMBLY) for name in names]
    network = make(config)
    first, second, third = network.inserted
    block, last = network.backbone.layer3
    x = network.backbone.layer2(network.extract_feat(IMAGES)[0])
    with torch.no_grad():
        expected = third(first(last.forward(second(block.forward(x)))))
    torch.testing.assert_close(feature(network), expected)


def test_a_checkpoint_without_what_is_inserted(make, caplog):
    plain = MODELS.build(toy_student(depth=18))
    network = make()
    before = copy.deepcopy(network.inserted.state_dict())
    with caplog.at_level(logging.WARNING):
        network.load_state_dict(plain.state_dict())
    assert network.lacking == "SpatialAssembly"
    assert all(value.equal(before[name]) for name, value in network.inserted.state_dict().items())
    with pytest.raises(ValueError, match=r"a\.pth to have weights of SpatialAssembly, .*has none"):
        check_inserted_weights(torch.nn.Sequential(network), "a.pth")
    weights = network.state_dict()
    network.load_state_dict(weights)
    check_inserted_weights(torch.nn.Sequential(network), "a.pth")
    del weights["inserted.0.predictor.0.weight"]
    with pytest.raises(RuntimeError, match=r"inserted\.0\.predictor\.0\.weight"):
        network.load_state_dict(weights)  # a part of it is no such checkpoint


def test_where(make):
    with pytest.raises(ValueError, match=r"insert.at .*backbone.layer4, but got 'backbone.layer9'"):
        make(extended("backbone.layer9"))
    with pytest.raises(ValueError, match="insert.at .*got None"):
        make(extended(None))
    with pytest.raises(ValueError, match=r"dict\(at='NAME', module=dict\(type="):
        make(extended(type="SpatialAssembly"))
    network = make(extended("backbone"))
    with pytest.raises(ValueError, match="at='backbone' to be one feature map .*ResNetV1c"):
        network.extract_feat(IMAGES)


def moved_run(folder):
    """Config and checkpoint of a run that moves features, and what that changes in the logits."""
    config, checkpoint = random_run(folder, extended().to_dict())
    cfg, content = load_config(str(config)), torch.load(checkpoint)
    images = torch.randint(0, 256, (1, 3, 64, 80), dtype=torch.uint8)
    before = logits_of(load_trained(cfg, str(checkpoint)), images)
    for name, value in content["state_dict"].items():
        if name.endswith(("inserted.0.predictor.0.weight", "inserted.0.predictor.4.weight")):
            value.mul_(20)
    torch.save(content, checkpoint)
    after = logits_of(load_trained(cfg, str(checkpoint)), images)
    return cfg, str(checkpoint), (before - after).abs().max()


def test_onnx(tmp_path):
    """For maps of sizes that the export has not seen: in there onnxruntime is compared."""
    pytest.importorskip("onnxruntime")
    cfg, checkpoint, matters = moved_run(tmp_path)
    assert matters > 0.01
    assert export_onnx(cfg, checkpoint, tmp_path / "model.onnx")["difference"] < 1e-4


def test_mmseg_alone(tmp_path):
    cfg, checkpoint, matters = moved_run(tmp_path)
    result = to_mmseg(cfg, checkpoint, tmp_path / "out")
    assert {"mmseg_extended_segmentor.py", "mmseg_spatial_assembly.py"} < set(result["files"])
    assert matters > 0.01 and result["difference"] < 1e-4
