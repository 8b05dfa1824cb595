# SPDX-License-Identifier: Apache-2.0
"""Encoders of timm in everything that trains, predicts and exports a student."""

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.structures import SegDataSample

from rankseg import apis
from rankseg.engine.built import build_method
from rankseg.inference.load import load_trained, logits_of, untrained
from rankseg.models.layers.lora import LoRALayer
from rankseg.models.methods.target import Target
from rankseg.models.segmentors.channels import fill_in_channels
from rankseg.registry import MODELS
from rankseg.structures import PseudoLabel
from rankseg.testing.random_run import random_run
from rankseg.testing.toy import toy_batch, toy_class_batch
from rankseg.testing.toy_run import toy_config, write_set
from rankseg.training.network_checks import check_crop, check_model, check_prediction
from rankseg.training.train import use_amp

pytest.importorskip("timm")

VIT = dict(type="TimmTrunk", model="test_vit", out_indices=(0, 1))
CNN = dict(type="TimmTrunk", model="test_efficientnet", out_indices=(0, 1))
LITE = dict(type="TimmTrunk", model="efficientnet_lite0", out_indices=(0, 1))
ADAPTED = {"test_vit": 4, "test_efficientnet": 1, "efficientnet_lite0": 5}  # layers with adapters
PREPROCESSOR = dict(type="ViewPreprocessor", mean=[90.0] * 3, std=[60.0] * 3)
SIDE = 40  # no multiple of a patch


@pytest.fixture(autouse=True)
def scope() -> None:
    init_default_scope("rankseg")


def student(trunk: dict, head: str = "LinearHead", **options) -> dict:
    """Config of a student with three classes."""
    options = dict(type=head, in_channels=None) | options
    if head != "EmbeddingHead":
        options.setdefault("num_classes", 3)
    return dict(type="EncoderDecoder", backbone=dict(trunk), decode_head=options)


def method_of(network: dict, crop: int = SIDE, **method):
    """A method that has been checked as before training."""
    model = dict(student=network, data_preprocessor=PREPROCESSOR, **method)
    step = dict(type="RandomResizeCropFlip", crop_size=crop)
    loader = dict(dataset=dict(labeled_pipeline=[step]))
    cfg = Config(dict(model=model, train_dataloader=loader, randomness=dict(seed=0)))
    built = build_method(cfg).method
    check_model(built, cfg)
    check_prediction(built, torch.zeros(3, 45, 50))
    return built


METHODS = {
    "RankMatch": dict(rank=dict(num_agents=4), threshold=0.0),
    "UniMatchV2": dict(threshold=0.0),
    "PrevMatch": dict(size=1, interval=1, threshold=0.0),
    "CPS": dict(cutmix=dict(boxes=1)),
    "MeanTeacher": dict(teacher=dict(momentum=0.1)),
    "CCT": dict(perturbations=[dict(count=1, perturb=dict(type="ChannelDropout"))]),
}


@pytest.mark.parametrize("trunk", [VIT, CNN], ids=["vit", "cnn"])
@pytest.mark.parametrize("kind", METHODS)
def test_methods_train_on_crops_that_are_padded(kind, trunk):
    # the encoder without padding has a stride of 2, which 40 is a multiple of
    method = method_of(student(trunk), type=kind, **METHODS[kind])
    method.init_weights()
    losses = method.train().loss(*toy_batch(2, 2, SIDE))
    total = sum(value for name, value in losses.items() if name.startswith("loss"))
    total.backward()
    assert math.isfinite(total) and len(losses) > 1
    assert all(p.grad is not None for p in method.student.parameters() if p.requires_grad)


def test_second_student_of_cps_cuts_the_padding():
    method = method_of(student(VIT), type="CPS").eval()
    method.second.load_state_dict(method.student.state_dict())
    image = torch.rand(1, 3, 40, 45)
    with torch.no_grad():
        ours, theirs = (method.run(one, image).logits for one in (method.student, method.second))
    assert theirs.shape == (1, 3, 40, 45) and torch.equal(ours, theirs)


def test_crop_that_is_padded_is_accepted_and_reported(monkeypatch):
    said = []
    monkeypatch.setattr("rankseg.training.network_checks.print_log", said.append)
    trunk = dict(VIT, model="vit_small_patch14_dinov2")
    method = MODELS.build(Config(dict(type="UniMatch", student=student(trunk)))._cfg_dict)
    assert check_crop(method, (321, 321)) == (23, 23)
    assert "321x321" in said[0] and "322x322" in said[0] and "multiple of 14" in said[0]
    assert check_crop(method, (322, 322)) == (23, 23) and len(said) == 1


def test_crop_that_is_not_padded_is_refused():
    method = MODELS.build(
        Config(dict(type="UniMatch", student=student(dict(VIT, pad=False))))._cfg_dict
    )
    with pytest.raises(ValueError, match="40x40 pixels.*pad=True.*Set crop_size to 32 or 48"):
        check_crop(method, (40, 40))


def test_features_of_padded_crops_are_pasted_where_the_images_are():
    method = method_of(student(VIT), type="RankMatch", **METHODS["RankMatch"])
    features = torch.arange(2.0).view(2, 1, 1, 1).expand(2, 1, 3, 3)
    # pixels 30 to 40 of 40: of the three features, at pixels 0, 23.5 and 47 of the padded image,
    # none is inside; without the padding, the last one would seem to be at pixel 39
    boxes = torch.tensor([[30, 30, 40, 40]] * 2)
    pseudo = torch.zeros(2, 40, 40)
    one = Target(PseudoLabel(pseudo.long(), pseudo, pseudo.bool()), features)
    (pasted, _) = method.mixed_targets(one, None, [boxes, boxes], (40, 40))
    assert torch.equal(pasted.feature, features)


@pytest.mark.parametrize("trunk", [VIT, CNN], ids=["vit", "cnn"])
def test_classifiers_and_embedding_networks(trunk):
    batch = toy_class_batch(size=SIDE)
    method = MODELS.build(
        dict(
            type="FixMatch",
            mix_source=None,
            threshold=0.0,
            student=student(trunk, "ImageLevelHead"),
        )
    )
    losses = method.train()(*batch, mode="loss")
    assert math.isfinite(losses["loss_x"]) and math.isfinite(losses["loss_s1"])
    network = MODELS.build(
        dict(type="Supervised", student=student(trunk, "ImageLevelHead", pool="max"))
    ).eval()
    assert network(torch.rand(2, 3, 45, 33)).shape == (2, 3, 1, 1)


@pytest.mark.parametrize("trunk", [VIT, CNN], ids=["vit", "cnn"])
def test_embeddings_have_length_one_for_any_size(trunk):
    config = student(trunk, "EmbeddingHead", channels=8)
    fill_in_channels(config)
    network = MODELS.build(config).eval()
    with torch.no_grad():
        found = network.decode_head(network.extract_feat(torch.rand(2, 3, 45, 33)))
    assert found.shape == (2, 8, 1, 1)
    torch.testing.assert_close(found.norm(dim=1).flatten(), torch.ones(2))


@pytest.mark.parametrize("trunk", [VIT, CNN], ids=["vit", "cnn"])
def test_windows_predict_as_the_whole_image_where_one_covers_it(trunk):
    torch.manual_seed(0)
    method = method_of(student(trunk), type="Supervised").eval()
    image = torch.rand(1, 3, 40, 45)

    def predict(test_cfg: dict):
        method.student.test_cfg = Config(test_cfg)._cfg_dict
        sample = SegDataSample(metainfo=dict(ori_shape=(40, 45), img_shape=(40, 45)))
        with torch.no_grad():
            (found,) = method(image, [sample], mode="predict")
        return found.seg_logits.data

    whole = predict(dict(mode="whole"))
    assert whole.shape == (3, 40, 45) and whole.std() > 0
    torch.testing.assert_close(
        predict(dict(mode="slide", crop_size=(48, 48), stride=(32, 32))), whole
    )
    parts = predict(dict(mode="slide", crop_size=(24, 24), stride=(16, 16)))
    assert parts.shape == whole.shape and not torch.allclose(parts, whole)


# --- whole runs


def run_file(tmp_path, network: dict, **model):
    """Config file of a run of three iterations on generated images."""
    content = toy_config("rankmatch", write_set(tmp_path / "images", square=16))
    content["model"] |= dict(student=network, threshold=0.0, **model)
    for half in ("labeled", "unlabeled"):
        content["train_dataloader"]["dataset"][f"{half}_pipeline"][1]["crop_size"] = SIDE
    content["val_dataloader"]["dataset"]["indices"] = 1
    content["optim_wrapper"] = dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3))
    content["default_hooks"]["checkpoint"].update(interval=1, max_keep_ckpts=3)
    content["train_cfg"] |= dict(max_iters=3, val_interval=3)
    content["_base_"] = [content["_base_"]]
    file = tmp_path / "run.py"
    file.write_text("\n".join(f"{key} = {value!r}" for key, value in content.items()))
    return file


def train(file, work_dir, amp: bool = False, **options):
    cfg = apis.load_config(str(file), work_dir=str(work_dir), seed=0)
    cfg.update(options)
    if amp:
        use_amp(cfg)
    return apis.train(cfg)


@pytest.mark.parametrize(
    ("trunk", "part"),
    [
        (dict(VIT, frozen=1, drop_path=0.1), "blocks.1."),
        (dict(VIT, lora=2), "lora_"),
        (dict(CNN, lora=2), "lora_"),
        (dict(CNN, frozen=True), "-"),
    ],
    ids=["partly frozen", "vit with lora", "cnn with lora", "frozen"],
)
def test_resumed_run_is_identical_and_trains_only_its_part(tmp_path, trunk, part):
    file = run_file(tmp_path, student(trunk))
    through = train(file, tmp_path / "through").model
    (tmp_path / "again").mkdir()
    middle = tmp_path / "through" / "iter_1.pth"
    again = train(file, tmp_path / "again", resume=True, load_from=str(middle)).model
    expected, found = through.state_dict(), again.state_dict()
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    start = torch.load(middle, weights_only=False)["state_dict"]
    moved = {key for key in expected if not torch.equal(expected[key], start[key].cpu())}
    trunks = {key for key in moved if ".trunk." in key}
    assert any(key.startswith("teacher.") for key in moved)
    assert all(part in key or (part == "blocks.1." and ".norm." in key) for key in trunks)
    assert bool(trunks) == (part != "-")


@pytest.mark.parametrize("trunk", [VIT, CNN], ids=["vit", "cnn"])
def test_teacher_shares_all_weights_of_the_encoder_but_the_adapters(trunk):
    method = method_of(student(dict(trunk, lora=2)), type="MeanTeacher", teacher=dict(momentum=0.1))
    teacher = dict(method.teacher.module.backbone.named_parameters())
    own = {k for k, v in method.student.backbone.named_parameters() if v is not teacher[k]}
    assert own == {k for k in teacher if ".lora_" in k} != set()


def test_bfloat16(tmp_path):
    runner = train(
        run_file(
            tmp_path,
            student(VIT, "LightDPTHead", channels=8, level_channels=(8,) * 4)
            | dict(backbone=dict(VIT, out_indices=(0, 1, 2, 3))),
        ),
        tmp_path / "run",
        amp=True,
    ).runner
    assert runner.iter == 3
    assert all(p.dtype == torch.float32 and p.isfinite().all() for p in runner.model.parameters())


# --- export


@pytest.mark.parametrize(
    "trunk",
    [dict(VIT, lora=2), CNN, dict(CNN, lora=2), dict(LITE, lora=2)],
    ids=["vit with lora", "cnn", "cnn with lora", "efficientnet_lite0 with lora"],
)
def test_onnx_export(tmp_path, trunk):
    onnxruntime = pytest.importorskip("onnxruntime")
    config, checkpoint = random_run(tmp_path, student(trunk))
    cfg = apis.load_config(str(config))
    result = apis.export_onnx(
        cfg, str(checkpoint), tmp_path / "model.onnx", with_preprocessing=True
    )
    assert 0 < result["difference"] < 3e-4
    session = onnxruntime.InferenceSession(
        str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"]
    )
    images = torch.randint(0, 256, (2, 3, 47, 70), dtype=torch.uint8)
    (found,) = session.run(None, {"image": images.permute(0, 2, 3, 1).numpy()})
    trained = load_trained(cfg, str(checkpoint))
    adapted = [one for one in trained.network.modules() if isinstance(one, LoRALayer)]
    assert len(adapted) == (ADAPTED[trunk["model"]] if trunk.get("lora") else 0)
    with torch.no_grad():
        expected = logits_of(trained, images)
    torch.testing.assert_close(torch.from_numpy(found), expected, atol=2e-4, rtol=1e-4)


def test_export_to_mmseg_is_refused(tmp_path):
    config, checkpoint = random_run(tmp_path, student(VIT))
    with pytest.raises(ValueError, match="got TimmTrunk.*Use tools/export_onnx.py"):
        apis.to_mmseg(apis.load_config(str(config)), str(checkpoint), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_frozen_part_of_a_checkpoint_is_that_of_the_student():
    """A checkpoint in which teacher and student differ, into networks that share the encoder."""
    other = dict(type="MeanTeacher", teacher=dict(momentum=0.1))
    trained = MODELS.build(dict(other, student=student(CNN)))
    for one in trained.teacher.module.parameters():
        one.data.add_(1.0)
    frozen = MODELS.build(dict(other, student=student(dict(CNN, frozen=True))))
    frozen.load_state_dict(trained.state_dict())
    name = "backbone.trunk.conv_stem.weight"
    expected = trained.student.get_parameter(name)
    assert torch.equal(frozen.student.get_parameter(name), expected)
    assert frozen.teacher.module.get_parameter(name) is frozen.student.get_parameter(name)
    head = "decode_head.conv_seg.weight"
    expected = trained.teacher.module.get_parameter(head)
    assert torch.equal(frozen.teacher.module.get_parameter(head), expected)


def test_untrained_network_has_no_pretrained_weights(tmp_path, monkeypatch):
    config, _ = random_run(tmp_path, student(CNN))
    cfg = apis.load_config(str(config))
    cfg.model.student.backbone.weights = "hub"
    monkeypatch.setattr("rankseg.models.backbones.timm_trunk.download", lambda model: 1 / 0)
    assert untrained(cfg).student.backbone.weights is None
    assert cfg.model.student.backbone.weights == "hub"
