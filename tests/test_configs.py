# SPDX-License-Identifier: Apache-2.0
"""Every config for segmentation has a name that matches its content, and builds."""

import gc
import json
import re
from functools import cache

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import VISBACKENDS, DefaultScope

from rankseg.datasets.standin import make_standin
from rankseg.datasets.standin.masks import COUNTS
from rankseg.registry import DATASETS, MODELS
from rankseg.structures import SampleKey
from rankseg.testing.config_files import (
    FOLDER,
    for_each,
    is_new,
    load,
    metafiles,
    published,
    resolved,
    shapes_once,
)
from rankseg.training import network_checks
from rankseg.training.config import check_options, load_config
from rankseg.training.network_checks import check_model, crop_of
from rankseg.training.run_options import use_trackers
from rankseg.utils.config_nodes import nodes

README = (FOLDER / "README.md").read_text()
NAMES = sorted(
    path.relative_to(FOLDER).as_posix().removesuffix(".py")
    for path in FOLDER.glob("*/**/*.py")  # configs of the user are in FOLDER itself
    if "_base_" not in path.parts
    and not re.match(r"cifar|imagenet|miniimagenet|svhn", path.stem)
    and not re.match(r"cub|cars|sop|inshop|omniglot", path.stem)  # embedding networks
    and "_dinov2_" not in path.stem  # see test_configs_encoders.py
)
METHODS = {
    "supervised": "Supervised",
    "fixmatch": "FixMatch",
    "mean_teacher": "MeanTeacher",
    "unimatch": "UniMatch",
    "rankmatch": "RankMatch",
    "prevmatch": "PrevMatch",
    "cps": "CPS",
    "cct": "CCT",
    "unimatch_v2": "UniMatchV2",
}
DEPTH = {"voc": 50, "cityscapes": 50, "lucchi": 50}  # of others 18
CROP = {"voc": 513, "cityscapes": 801, "lucchi": 321, "lucchi_laptop": 97}
CLASSES = {"voc": 21, "cityscapes": 19, "camvid": 11, "em_mito": 2, "demo": 7}
SMALL_SETS = {"kvasir": 2, "nuclei": 2, "peanut": 3}  # with EfficientNet-Lite0 only
CLASSES |= SMALL_SETS
CLASSES |= {"lucchi": 2, "lucchi_small": 2, "lucchi_laptop": 2}
RARE = ("em_mito", "lucchi", "lucchi_small", "lucchi_laptop")
TYPES = {"voc": "VOCDataset", "cityscapes": "CityscapesDataset"}
LABELED = {
    "voc": {"1_16": "662", "1_8": "1,323", "1_4": "2,646"},
    "cityscapes": {"1_16": "186", "1_8": "372", "1_4": "744", "1_2": "1,488"},
    "camvid": {"1_16": "23"},
}
STEM = re.compile(
    r"(?P<data>voc|cityscapes|camvid|em_mito|kvasir|nuclei|peanut|lucchi_(?:small|laptop)|lucchi|demo)(_(?P<blender>blender))?(_(?P<split>\d+(_\d+)?))?"
    r"(_(?P<option>selection|consistency|agents|weight|correlation)(_(?P<value>[\w.]+))?)?"
    r"(_(?P<switch>foreground_crops|no_warmup|class_weights|dice|class_thresholds|san))?"
    r"(?P<finetune>_finetune)?(?P<r101>_r101)?(_(?P<network>segformer_b0|swin_tiny|lite0))?(_crop(?P<crop>\d+))?(?P<batch>_mix_batch)?(?P<tuned>_linear|_lora)?(?P<equal>_equal_length)?"
)
NETWORKS = {
    "segformer_b0": ("SegFormer-B0", "MixVisionTransformer"),
    "swin_tiny": ("Swin-T", "SwinTransformer"),
    "lite0": ("EfficientNet-Lite0", "TimmTrunk"),
}
RANK = {
    "num_agents": 128,
    "topk": 4,
    "selection": "orthogonal",
    "consistency": "rank",
    "reduction": "element",
    "loss_weight": 0.1,
}


VIEWS = {"FixMatch": 1, "MeanTeacher": 1, "UniMatch": 2, "RankMatch": 2}
VIEWS |= {"UniMatchV2": 2, "PrevMatch": 2}


def parse(name: str) -> dict:
    match = STEM.fullmatch(name.split("/")[-1])
    assert match, f"configs/{name}.py: the name does not follow configs/README.md"
    words = match.groupdict()
    if words["data"] in SMALL_SETS:
        words["network"] = "lite0"
    return words


def paper_number(name: str) -> str | None:
    return published(name, "mIoU") or published(name, "mitochondria IoU")


def test_all_configs_are_found():
    assert len(NAMES) > 120
    for method in METHODS:
        assert f"{method}/kvasir_16" in NAMES
        assert f"{method}/voc_92" in NAMES or method == "unimatch_v2"


@for_each(NAMES)
def test_name_matches_model_and_data(name):
    cfg, words = resolved(name), parse(name)
    data = words["data"]
    assert cfg.model.type == METHODS[name.split("/")[0]]
    backbone = cfg.model.student.backbone
    if words["network"]:
        assert backbone.type == NETWORKS[words["network"]][1]
    else:
        assert backbone.depth == (101 if words["r101"] else DEPTH.get(data, 18))
    pretrained = {50: "resnet50", 101: "resnet101"}.get(backbone.get("depth"))
    if words["network"] == "lite0":
        pretrained = "efficientnet-lite0"
    if words["finetune"]:
        assert cfg.load_from and cfg.model.pretrained is None
    else:
        assert pretrained is None or pretrained in cfg.model.pretrained
    assert cfg.model.student.decode_head.num_classes == CLASSES[data]
    crop = crop_of(cfg)[0]
    assert crop_of(cfg) == (crop, crop)
    assert crop == int(words["crop"] or CROP.get(data, crop))
    semi, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    assert semi.dataset.type == val.type == TYPES.get(data, "FolderDataset")
    assert semi.dataset.data_root == val.data_root
    if data == "em_mito":
        assert semi.labeled == f"splits/labeled_{words['split']}.txt"
    elif data in RARE:
        assert semi.split == f"even_{words['split']}_seed0"
    else:
        assert words["split"] in (None, semi.split)
        assert bool(words["blender"]) == (data == "voc" and "_" in semi.split)
    published = data in TYPES and cfg.model.type in ("FixMatch", "UniMatch", "RankMatch")
    source = "same" if published and not words["batch"] else "batch"
    assert cfg.model.get("mix_source", "batch") == source


@for_each(NAMES)
def test_method_batch_and_schedule_match(name):
    cfg, words = resolved(name), parse(name)
    data = words["data"]
    loader, sampler = cfg.train_dataloader, cfg.train_dataloader.sampler
    only = sampler.get("labeled_only", False)
    assert only == (cfg.model.type == "Supervised")
    share = 8 if data in TYPES else 4
    published = only and data in TYPES and not words["equal"]  # passes over labels, batch doubled
    assert sampler.get("epoch_of", "unlabeled") == ("labeled" if published else "unlabeled")
    assert sampler.labeled == (2 * share if published else share)
    assert sampler.unlabeled == share
    assert loader.batch_size == sampler.labeled + (0 if only else sampler.unlabeled)
    assert cfg.auto_scale_lr.base_batch_size == loader.batch_size
    pipeline = str(loader.dataset.unlabeled_pipeline)
    views = cfg.model.get("strong_views") or VIEWS.get(cfg.model.type)
    drawn = [node["num"] for _, node in nodes(loader.dataset) if node.get("type") == "StrongViews"]
    assert views is None or drawn == [views]
    assert bool(drawn) == (cfg.model.type not in ("CPS", "CCT"))
    assert ("WithMix" in pipeline) == (cfg.model.get("mix_source") == "same")
    if data in RARE:
        if words["network"] is None and not only:
            warmup = 0 if words["switch"] == "no_warmup" else 0.3 * cfg.train_cfg.max_iters
            assert cfg.model.warmup == pytest.approx(warmup)
        chosen = words["switch"] == "foreground_crops" or data == "lucchi"
        crop = loader.dataset.labeled_pipeline[1]
        assert crop.get("min_foreground", 0) == (0.02 if chosen else 0)
        if data != "lucchi":
            windows, side = cfg.model.student.test_cfg, crop.crop_size
            assert (windows.mode, windows.crop_size) == ("slide", (side, side))
            assert windows.stride == (side // 2, side // 2), "windows overlap by half"
            low, high = crop.scale
            assert high / low == pytest.approx(1.25 / 0.8), "a microscope has one magnification"
        assert cfg.val_evaluator.foreground and cfg.default_hooks.checkpoint.save_best == "fgIoU"
        assert [hook.key for hook in cfg.custom_hooks if "key" in hook] == ["fgIoU"]
    rule = cfg.optim_wrapper
    factor = rule.get("paramwise_cfg", {}).get("custom_keys", {}).get("decode_head", {})
    if data in TYPES:
        head = cfg.model.student.decode_head
        expected = (80, 0.001, 10.0, "CrossEntropyLoss", 0.95, "whole")
        if data == "cityscapes":
            expected = (240, 0.005, 1.0, "OhemCrossEntropyLoss", 0.0, "slide")
        threshold = cfg.model.get("threshold", expected[4])
        found = (cfg.train_cfg.max_epochs, rule.optimizer.lr, factor.get("lr_mult", 1.0))
        assert (
            *found,
            head.loss_decode.type,
            threshold,
            cfg.model.student.test_cfg.mode,
        ) == expected


@for_each([n for n in NAMES if re.match(r"rankmatch/(voc|city)", n)])
def test_rank_loss_has_the_constants_of_the_paper(name):
    rank = resolved(name).model.rank
    agents = 64 if parse(name)["crop"] else 128  # 64 in the released code, which has this crop
    assert {key: rank[key] for key in RANK} == {**RANK, "num_agents": agents}


@for_each(NAMES)
def test_only_rankmatch_has_a_rank_loss(name):
    cfg = resolved(name)
    assert ("rank" in cfg.model) == (cfg.model.type == "RankMatch")


ABLATIONS = [n for n in NAMES if "/ablations/" in n]


def flat(value, where: str = "") -> dict:
    """Return all values in a config, keyed by their path."""
    if not isinstance(value, dict | list | tuple) or not value:
        return {where: value}
    items = value.items() if isinstance(value, dict) else enumerate(value)
    return {k: v for key, item in items for k, v in flat(item, f"{where}.{key}").items()}


SWITCHES = {
    "foreground_crops": r"\.train_dataloader\.dataset\.labeled_pipeline\.1\.min_foreground",
    "no_warmup": r"\.model\.(warmup|ramp)",
    "class_weights": r"\.model\.student\.decode_head\.loss_decode\.class_weight\.\d",
    "dice": r"\.model\.student\.decode_head\.loss_decode\..*",
    "class_thresholds": r"\.model\.threshold(\.\d)?",
}


@for_each([n for n in ABLATIONS if "em_mito" in n])
def test_ablation_of_rare_foreground_changes_one_switch(name):
    mine, full = (flat(resolved(n)._cfg_dict) for n in (name, "rankmatch/em_mito_2"))
    differ = {key for key in mine | full if mine.get(key) != full.get(key)}
    assert differ
    for key in differ:
        assert re.fullmatch(SWITCHES[parse(name)["switch"]], key), key


@for_each([n for n in ABLATIONS if "/voc" in n])
def test_ablation_changes_only_what_its_name_says(name):
    words = parse(name)
    changes = {
        "correlation": ("consistency", "kl"),
        "selection": ("selection", words["value"]),
        "consistency": ("consistency", words["value"]),
        "agents": ("num_agents", words["value"]),
        "weight": ("loss_weight", words["value"]),
    }
    key, value = changes[words["option"]]
    cfg, full = resolved(name), resolved(f"rankmatch/voc_{words['split']}")
    assert str(cfg.model.rank[key]) == value != str(RANK[key])
    cfg.model.rank[key] = RANK[key]
    assert cfg._cfg_dict == full._cfg_dict


@cache
def built(model: str):
    config = json.loads(model)
    kind = config["student"]["backbone"]["type"]
    # transformers read values during construction
    device = "cpu" if kind in dict(NETWORKS.values()).values() else "meta"
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device(device):
        return MODELS.build(config)


CHECKED: set = set()


@for_each(NAMES)
def test_model_builds_and_suits_the_crop(name, monkeypatch):
    cfg = load(name)
    check_options(cfg)
    cfg.model.pretrained = None
    model = built(json.dumps(cfg.model.to_dict(), sort_keys=True))
    assert type(model).__name__ == cfg.model.type
    parts = [cfg.model.get(part) for part in ("type", "student", "rank", "feature_tap")]
    key = repr([*parts, crop_of(cfg)])
    if key not in CHECKED:  # many configs differ in their lists, weights and thresholds only
        monkeypatch.setattr(network_checks, "shapes_of", shapes_once(cfg.model.student))
        check_model(model, cfg)
        CHECKED.add(key)


@pytest.fixture
def data_sets(monkeypatch):
    """Return a function that builds the training and validation set on stand-in images."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # mmengine's, in every data set: 0.1 s each

    def build(cfg: Config) -> tuple:
        make_standin(cfg)
        with DefaultScope.overwrite_default_scope("rankseg"):
            train = DATASETS.build(cfg.train_dataloader.dataset)
            return train, DATASETS.build(cfg.val_dataloader.dataset)

    return build


@for_each(NAMES)
def test_data_sets_build(name, data_sets):
    cfg = load(name)
    if not is_new(cfg):
        return
    train, val = data_sets(cfg)
    assert (train.num_labeled, train.num_unlabeled) == (COUNTS["labeled"], COUNTS["unlabeled"])
    assert len(val) == COUNTS["val"]
    assert len(train.metainfo["classes"]) == CLASSES[parse(name)["data"]]


PIPELINES = [
    n
    for n in NAMES
    if re.fullmatch(
        r"\w+/(\w+_(92|1_16)|em_mito_2(_lite0)?|kvasir_16|lucchi_5|demo)(_crop321|_mix_batch)?", n
    )
]


@for_each(PIPELINES)
def test_samples_have_the_views_of_the_method(name, data_sets):
    cfg = load(name)
    train, val = data_sets(cfg)
    crop = crop_of(cfg)
    labeled = train[SampleKey(0, 0)]
    assert labeled["inputs"]["labeled"].shape == (3, *crop)
    assert labeled["data_samples"]["labeled"].gt_sem_seg.data.shape == (1, *crop)
    assert val[0]["inputs"].shape[0] == 3
    if cfg.model.type == "Supervised":
        return
    count = cfg.model.get("strong_views") or VIEWS.get(cfg.model.type, 0)
    views = ["weak", "strong1", "strong2"][: 1 + count]
    if cfg.model.get("mix_source") == "same":
        views += [f"mix_{view}" for view in views]
    unlabeled = train[SampleKey(train.num_labeled, 0)]
    assert set(unlabeled["inputs"]) == set(views)
    assert all(view.shape == (3, *crop) for view in unlabeled["inputs"].values())


def test_tracker_of_the_readme_works():
    pytest.importorskip("tensorboard")
    cfg = load_config(str(FOLDER / "rankmatch/voc_92.py"))
    use_trackers(cfg, re.search(r"--log-to (\w+)", README)[1])
    backend = cfg.visualizer.vis_backends[-1]
    assert backend.type == "TensorboardVisBackend"
    assert VISBACKENDS.build({**backend, "save_dir": "unused"})


LINKED = set(re.findall(r"\[[\d.]+\]\(([\w/.]+)\.py\)", README))
LINKED = {name for name in LINKED if "_dinov2_" not in name}


def test_tables_of_the_readme_are_complete():
    assert {name for name in NAMES if paper_number(name)} == LINKED


def test_every_config_has_an_entry_in_a_metafile():
    paths = {
        path.relative_to(FOLDER).as_posix().removesuffix(".py")
        for path in FOLDER.glob("*/**/*.py")
        if "_base_" not in path.parts
    }
    assert paths == set(metafiles())
    for name, entry in metafiles().items():
        assert entry["Config"] == f"configs/{name}.py"
        (result,) = entry["Results"]
        assert result.keys() <= {"Task", "Dataset", "Metrics", "Source", "Note"}
        assert ("Metrics" in result) == ("Source" in result), name
