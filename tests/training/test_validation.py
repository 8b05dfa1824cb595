# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope

from rankseg.apis import load_config
from rankseg.engine.hooks import ClusterHook, CurvesHook
from rankseg.engine.hooks.base import RunSetup
from rankseg.registry import DATASETS, MODELS
from rankseg.training.network_checks import check_crop
from rankseg.training.validation import (
    build_sampler,
    check_batch,
    check_classes,
    check_hooks,
    check_one_image,
    check_views,
    check_weights,
)


def build(config_file, **options):
    init_default_scope("rankseg")
    cfg = load_config(str(config_file), options=options)
    with torch.device("meta"):
        return MODELS.build(cfg.model), cfg


def setup_of(model, cfg, train=None):
    """Return the parts of a run without validation."""
    train = train or DATASETS.build(cfg.train_dataloader.dataset)
    return RunSetup(model, train, None, build_sampler(cfg, train), 4), cfg


def test_classes_of_head_and_data(config_file):
    _, cfg = build(config_file)
    dataset = DATASETS.build(cfg.train_dataloader.dataset)
    check_classes(cfg, dataset)
    cfg.model.student.decode_head.num_classes = 5
    with pytest.raises(ValueError, match="num_classes to be 3, .* .a, b, c.* got 5. Set it to 3"):
        check_classes(cfg, dataset)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train_dataloader.batch_size": 3}, "batch_size to be 4, .* got 3. Set .*batch_size=4"),
        (
            {"train_dataloader.sampler.type": "InfiniteSampler"},
            "Labeled.* got InfiniteSampler",
        ),
    ],
)
def test_batches(config_file, options, message):
    model, cfg = build(config_file)
    check_batch(*setup_of(model, cfg))
    cfg.merge_from_dict(options)
    with pytest.raises(ValueError, match=message):
        check_batch(*setup_of(model, cfg))


def test_an_embedding_has_no_output_for_a_class(config_file):
    _, cfg = build(config_file)
    cfg.model.student.decode_head = dict(type="EmbeddingHead", in_channels=8, channels=5)
    check_classes(cfg, DATASETS.build(cfg.train_dataloader.dataset))


def test_raises_on_a_batch_size_that_differs_from_classes_times_images(config_file):
    model, cfg = build(config_file)
    cfg.train_dataloader.sampler = dict(type="PKSampler", classes=2, images=2)
    cfg.train_dataloader.batch_size = 5
    train = SimpleNamespace(num_labeled=0, num_unlabeled=8)
    with pytest.raises(ValueError, match=r"to be 4, the batch of PKSampler .* got 5"):
        check_batch(*setup_of(model, cfg, train))


def test_raises_on_labeled_batches_of_a_method_that_needs_others(config_file):
    model, cfg = build(config_file)
    cfg.train_dataloader.sampler.labeled_batches = 3
    with pytest.raises(ValueError, match=r"labeled_batches .*at most 0, .*got 3"):
        check_batch(*setup_of(model, cfg))


def test_raises_on_one_unlabeled_image_with_one_strong_view(config_file):
    model, cfg = build(config_file)
    cfg.merge_from_dict({"train_dataloader.batch_size": 3, "train_dataloader.sampler.unlabeled": 1})
    check_one_image(*setup_of(model, cfg))
    model.strong_views = 1
    with pytest.raises(ValueError, match=r"forward pass of one image.*sampler\.unlabeled=2"):
        check_one_image(*setup_of(model, cfg))


def test_learning_rate_for_another_batch_is_said(config_file, capsys):
    model, cfg = build(config_file)
    cfg.auto_scale_lr = dict(enable=False, base_batch_size=16)
    check_batch(*setup_of(model, cfg))
    assert "for batches of 16 images" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"train_dataloader.dataset.unlabeled_pipeline.2.num": 1},
            "strong2, weak for RankMatch",
        ),
        ({"model.mix_source": "same"}, "mix_strong1, .*WithMix"),
        (
            {"train_dataloader.sampler.unlabeled": 1, "train_dataloader.batch_size": 3},
            "mix_weak",
        ),
    ],
)
def test_views_that_the_pipelines_do_not_make(config_file, options, message):
    model, cfg = build(config_file)
    check_views(setup_of(model, cfg)[0])
    model, cfg = build(config_file, **options)
    with pytest.raises(ValueError, match=message):
        check_views(setup_of(model, cfg)[0])


def test_raises_on_images_of_other_channels_than_the_network_takes(config_file):
    pytest.importorskip("timm")
    trunk = dict(type="TimmTrunk", model="efficientnet_lite0", out_indices=(0, 1), in_channels=5)
    head = dict(type="LinearHead", in_channels=None, num_classes=3)
    _, cfg = build(config_file)
    student = dict(type="EncoderDecoder", backbone=trunk, decode_head=head)
    model = MODELS.build(dict(type="UniMatch", student=student))
    assert check_crop(model, (64, 64)) == (16, 16)  # the check itself has 5 channels
    with pytest.raises(ValueError, match="images of 5 channels.*makes images of 3.*in_channels=3"):
        check_views(setup_of(model, cfg)[0])


def test_raises_on_a_sampler_of_classes_without_labels_or_clusters(config_file):
    _, cfg = build(config_file)
    cfg.train_dataloader.sampler = dict(type="PKSampler", classes=2, images=2)
    setup, _ = setup_of(None, cfg, SimpleNamespace(num_labeled=0, num_unlabeled=8))
    with pytest.raises(ValueError, match=r"images with labels, .* Add dict\(type='ClusterHook'"):
        check_hooks(setup, [CurvesHook()])
    with pytest.raises(ValueError, match="model.type to be MetricLearning .* for ClusterHook"):
        check_hooks(setup, [CurvesHook(), ClusterHook(clusters=2)])


def test_pretrained_file_that_does_not_fit(config_file, tmp_path):
    file = tmp_path / "w.pth"
    torch.save({"stem.0.weight": torch.zeros(1)}, file)
    model, cfg = build(config_file, **{"model.pretrained": str(file)})
    with pytest.raises(ValueError, match="match ResNetV1c, but in .*w.pth: missing in the file"):
        check_weights(model, cfg)


@pytest.mark.parametrize("change", [{"model.warmup": 3}, {"sampler.labeled_only": True}])
def test_a_forward_pass_of_one_labeled_image(config_file, change):
    one = {"train_dataloader.sampler.labeled": 1}
    change = {k.replace("sampler", "train_dataloader.sampler"): v for k, v in change.items()}
    match = r"sampler\.labeled=1 gives RankMatch a forward pass of one image: .* labeled=2"
    with pytest.raises(ValueError, match=match.replace(" labeled=2", r"sampler\.labeled=2")):
        check_one_image(*setup_of(*build(config_file, **one, **change)))
    check_one_image(*setup_of(*build(config_file, **change)))  # two images
    check_one_image(*setup_of(*build(config_file, **one)))  # unlabeled ones run with it
    norm = {"model.student.decode_head.norm_cfg": dict(type="GN", num_groups=4)}
    check_one_image(*setup_of(*build(config_file, **one, **change, **norm)))


def test_weights_that_mmengine_loads_are_looked_at(config_file, tmp_path):
    file = tmp_path / "w.pth"
    model, cfg = build(config_file)
    cfg.model.student.backbone.init_cfg = dict(type="Pretrained", checkpoint=str(file))
    with pytest.raises(FileNotFoundError, match="w.pth does not exist"):
        check_weights(model, cfg)
    torch.save({"a": torch.zeros(1)}, file)
    check_weights(model, cfg)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(ValueError, match="w.pth is damaged"):
        check_weights(model, cfg)
    cfg.model.student.backbone.init_cfg.checkpoint = "torchvision://resnet18"
    check_weights(model, cfg)


def test_checkpoint_that_does_not_fit(config_file, tmp_path):
    file = tmp_path / "w.pth"
    model, cfg = build(config_file)
    state = {k: torch.zeros(v.shape, dtype=v.dtype) for k, v in model.state_dict().items()}
    torch.save({"state_dict": state}, file)
    cfg.load_from = str(file)
    check_weights(model, cfg)
    bad = state | {"student.decode_head.conv_seg.bias": torch.tensor([0, torch.nan, 0])}
    torch.save({"state_dict": bad}, file)
    with pytest.raises(ValueError, match="w.pth: Expected finite .*student.decode_head.conv_seg.b"):
        check_weights(build(config_file)[0], cfg)
    del state["student.decode_head.conv_seg.bias"]
    torch.save({"state_dict": state}, file)
    with pytest.raises(ValueError, match="does not fit .*student.decode_head.conv_seg.bias"):
        check_weights(model, cfg)


def test_weights_of_a_method_with_a_teacher_are_taken_by_one_without(config_file, tmp_path):
    file = tmp_path / "w.pth"
    model, cfg = build(config_file)
    state = {k: torch.zeros(v.shape, dtype=v.dtype) for k, v in model.state_dict().items()}
    torch.save({"state_dict": state}, file)
    model, cfg = build(config_file, **{"model.teacher": None})
    cfg.load_from = str(file)
    check_weights(model, cfg)
    cfg.resume = True  # goes on with the same method, or not at all
    with pytest.raises(ValueError, match="unexpected .*teacher"):
        check_weights(model, cfg)
