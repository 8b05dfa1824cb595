# SPDX-License-Identifier: Apache-2.0
"""Every config for segmentation: documented, named after its content, able to build."""

import gc
import json
import re
from functools import cache

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import VISBACKENDS, DefaultScope

from rankseg.apis.checks import check_model, crop_of
from rankseg.apis.config import check_options, load_config
from rankseg.registry import DATASETS, MODELS
from rankseg.structures import SampleKey
from rankseg.testing.config_files import FOLDER, docstring, load
from rankseg.testing.standin import COUNTS, make_standin

README = (FOLDER / "README.md").read_text()
NAMES = sorted(
    path.relative_to(FOLDER).as_posix().removesuffix(".py")
    for path in FOLDER.glob("*/**/*.py")  # right below lie configs of the user
    if "_base_" not in path.parts
    and not re.match(r"cifar|imagenet|miniimagenet|svhn", path.stem)
    and not re.match(r"cub|cars|sop|inshop|omniglot", path.stem)  # embedding networks
)
METHODS = {
    "supervised": "Supervised",
    "fixmatch": "FixMatch",
    "mean_teacher": "MeanTeacher",
    "unimatch": "UniMatch",
    "rankmatch": "RankMatch",
    "cps": "CPS",
    "cct": "CCT",
}
DEPTH = {"voc": 50, "cityscapes": 50, "lucchi": 50}  # of others 18
LITE = ("kvasir", "nuclei", "peanut")  # EfficientNet-Lite0 in place of a ResNet
CROP = {"voc": 513, "cityscapes": 801, "lucchi": 321, "lucchi_laptop": 97}
CLASSES = {"voc": 21, "cityscapes": 19, "camvid": 11, "em_mito": 2, "demo": 7}
CLASSES |= {"kvasir": 2, "nuclei": 2, "peanut": 3}
CLASSES |= {"lucchi": 2, "lucchi_small": 2, "lucchi_laptop": 2}
RARE = ("em_mito", "lucchi", "lucchi_small", "lucchi_laptop")
SCHEDULES = {"demo": "demo", "camvid": "small_long", "lucchi": "lucchi", "lucchi_laptop": "laptop"}
SCHEDULES |= dict.fromkeys(LITE, "small_pretrained")
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
    r"(?P<finetune>_finetune)?(?P<r101>_r101)?(_crop(?P<crop>\d+))?(?P<same>_mix_same)?"
)
RANK = {
    "num_agents": 128,
    "topk": 4,
    "selection": "orthogonal",
    "consistency": "rank",
    "reduction": "element",
    "loss_weight": 0.1,
}


def parse(name: str) -> dict:
    match = STEM.fullmatch(name.split("/")[-1])
    assert match, f"configs/{name}.py: the name does not follow configs/README.md"
    return match.groupdict()


def paper_number(name: str) -> str | None:
    kind = r"(?:mIoU|mitochondria IoU)"
    found = re.search(rf"^Paper: {kind} (\d\d\.\d) \(Table \d\)", docstring(name), re.M)
    return found and found[1]


def test_all_configs_are_found():
    assert len(NAMES) > 120
    for method in METHODS:
        assert f"{method}/voc_92" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name):
    text, words = docstring(name), parse(name)
    assert text.splitlines()[0].endswith("."), "the first line is a sentence: what it is"
    assert re.search(rf"^Run:   python tools/train.py configs/{re.escape(name)}\.py\b", text, re.M)
    assert re.search(r"^Paper: .+\.$", text, re.M)
    assert re.search(r"^Ours:  .+\.$", text, re.M)
    depth = 101 if words["r101"] else DEPTH.get(words["data"], 18)
    encoder = "EfficientNet-Lite0" if words["data"] in LITE else rf"R-{depth}"
    assert re.search(rf"\b{encoder}\b", text.splitlines()[0])
    if words["split"]:
        labeled = LABELED.get(words["data"], {}).get(words["split"], words["split"])
        assert re.search(rf"(?<![\d,]){labeled}\)? ", text.splitlines()[0])
    assert words["crop"] is None or f"crops of {words['crop']} px" in text


@pytest.mark.parametrize("name", NAMES)
def test_name_tells_model_and_data(name):
    cfg, words = load(name), parse(name)
    data = words["data"]
    assert cfg.model.type == METHODS[name.split("/")[0]]
    if data in LITE:
        assert cfg.model.student.backbone.model == "efficientnet_lite0"
        pretrained = "efficientnet-lite0"
    else:
        assert cfg.model.student.backbone.depth == (101 if words["r101"] else DEPTH.get(data, 18))
        pretrained = {50: "resnet50", 101: "resnet101"}.get(cfg.model.student.backbone.depth)
    if words["finetune"]:
        assert cfg.load_from and cfg.model.pretrained is None
    else:
        assert pretrained is None or pretrained in cfg.model.pretrained
    assert cfg.model.student.decode_head.num_classes == CLASSES[data]
    crop = crop_of(cfg)[0]
    assert crop_of(cfg) == (crop, crop)
    assert crop == int(words["crop"] or CROP.get(data, crop))
    assert words["crop"] or f"crops of {crop} px" in docstring(f"_base_/datasets/{data}")
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
    assert cfg.model.get("mix_source", "batch") == ("same" if words["same"] else "batch")


@pytest.mark.parametrize("name", NAMES)
def test_method_batch_and_schedule_go_together(name):
    cfg, words = load(name), parse(name)
    data = words["data"]
    loader, sampler = cfg.train_dataloader, cfg.train_dataloader.sampler
    only = sampler.get("labeled_only", False)
    assert only == (cfg.model.type == "Supervised")
    assert sampler.labeled == sampler.unlabeled == (8 if data in TYPES else 4)
    assert loader.batch_size == sampler.labeled + (0 if only else sampler.unlabeled)
    assert cfg.auto_scale_lr.base_batch_size == loader.batch_size
    pipeline = str(loader.dataset.unlabeled_pipeline)
    views = {"FixMatch": 1, "MeanTeacher": 1, "UniMatch": 2, "RankMatch": 2}.get(cfg.model.type)
    assert views is None or f"'StrongViews', 'num': {views}" in pipeline
    assert ("StrongViews" in pipeline) == (cfg.model.type not in ("CPS", "CCT"))
    assert ("WithMix" in pipeline) == (cfg.model.get("mix_source") == "same")
    if data in RARE:
        warmup = 0 if words["switch"] == "no_warmup" else 0.3 * cfg.train_cfg.max_iters
        assert only or cfg.model.warmup == pytest.approx(warmup)
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
    if data not in TYPES and not words["finetune"]:
        stem = SCHEDULES.get(data, "small")
        schedule = docstring(f"_base_/schedules/{stem}")
        assert schedule.startswith(f"{cfg.train_cfg.max_iters:,} iterations")
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


@pytest.mark.parametrize("name", [n for n in NAMES if re.match(r"rankmatch/(voc|city)", n)])
def test_rank_loss_is_the_paper_s(name):
    assert load(name).model.rank == {"type": "RankCorrelationLoss", **RANK}


@pytest.mark.parametrize("name", NAMES)
def test_rank_settings_are_in_the_model_and_nowhere_else(name):
    cfg = load(name)
    for leftover in ("rankmatch", "cps", "cct", "spatial_assembly"):
        assert leftover not in cfg, "a copy that nothing reads: --cfg-options would be lost"
    assert ("rank" in cfg.model) == (cfg.model.type == "RankMatch")


ABLATIONS = [n for n in NAMES if "/ablations/" in n]


def flat(value, where: str = "") -> dict:
    """Every number and name in a config by the path that leads to it."""
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


@pytest.mark.parametrize("name", [n for n in ABLATIONS if "em_mito" in n])
def test_an_ablation_of_rare_foreground_changes_one_switch(name):
    mine, full = (flat(load(n)._cfg_dict) for n in (name, "rankmatch/em_mito_2"))
    differ = {key for key in mine | full if mine.get(key) != full.get(key)}
    assert differ
    for key in differ:
        assert re.fullmatch(SWITCHES[parse(name)["switch"]], key), key


@pytest.mark.parametrize("name", [n for n in ABLATIONS if "/voc" in n])
def test_an_ablation_changes_what_its_name_says_and_nothing_else(name):
    words = parse(name)
    changes = {
        "correlation": ("consistency", "kl"),
        "selection": ("selection", words["value"]),
        "consistency": ("consistency", words["value"]),
        "agents": ("num_agents", words["value"]),
        "weight": ("loss_weight", words["value"]),
    }
    key, value = changes[words["option"]]
    cfg, full = load(name), load(f"rankmatch/voc_{words['split']}")
    assert str(cfg.model.rank[key]) == value != str(RANK[key])
    cfg.model.rank[key] = RANK[key]
    assert cfg._cfg_dict == full._cfg_dict


@cache
def built(model: str):
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        return MODELS.build(json.loads(model))


@pytest.mark.parametrize("name", NAMES)
def test_model_builds_and_suits_the_crop(name):
    cfg = load(name)
    check_options(cfg)
    cfg.model.pretrained = None
    model = built(json.dumps(cfg.model.to_dict(), sort_keys=True))
    assert type(model).__name__ == cfg.model.type
    check_model(model, cfg)


@pytest.fixture
def data_sets(monkeypatch):
    """Builds training and validation set of a config on stand-in images."""
    monkeypatch.setattr(gc, "collect", lambda: 0)  # mmengine's, in every data set: 0.1 s each

    def build(cfg: Config) -> tuple:
        make_standin(cfg)
        with DefaultScope.overwrite_default_scope("rankseg"):
            train = DATASETS.build(cfg.train_dataloader.dataset)
            return train, DATASETS.build(cfg.val_dataloader.dataset)

    return build


@pytest.mark.parametrize("name", NAMES)
def test_data_sets_build(name, data_sets):
    cfg = load(name)
    train, val = data_sets(cfg)
    assert (train.num_labeled, train.num_unlabeled) == (COUNTS["labeled"], COUNTS["unlabeled"])
    assert len(val) == COUNTS["val"]
    assert len(train.metainfo["classes"]) == CLASSES[parse(name)["data"]]


PIPELINES = [
    n
    for n in NAMES
    if re.fullmatch(r"\w+/(\w+_(92|1_16)|em_mito_2|lucchi_5|demo)(_crop321|_mix_same)?", n)
]


@pytest.mark.parametrize("name", PIPELINES)
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
    count = {"FixMatch": 2, "MeanTeacher": 2, "CPS": 1, "CCT": 1}.get(cfg.model.type, 3)
    views = ["weak", "strong1", "strong2"][:count]
    if cfg.model.get("mix_source") == "same":
        views += [f"mix_{view}" for view in views]
    unlabeled = train[SampleKey(train.num_labeled, 0)]
    assert set(unlabeled["inputs"]) == set(views)
    assert all(view.shape == (3, *crop) for view in unlabeled["inputs"].values())


def test_the_option_for_tensorboard_in_the_readme_works():
    option = re.search(r"--cfg-options (visualizer\S+)=(\w+)", README)
    cfg = load_config(str(FOLDER / "rankmatch/voc_92.py"), options={option[1]: option[2]})
    assert VISBACKENDS.build({**cfg.visualizer.vis_backends[0], "save_dir": "unused"})
    assert cfg.visualizer.vis_backends[0].type == "TensorboardVisBackend"


LINKS = re.findall(r"\[([\d.]+)\]\(([\w/.]+)\.py\)", README)


def test_the_tables_of_the_readme_are_complete():
    assert {name for name in NAMES if paper_number(name) and "mix_same" not in name} == {
        name for _, name in LINKS
    }


@pytest.mark.parametrize(("number", "name"), LINKS)
def test_the_tables_of_the_readme_agree_with_the_configs(number, name):
    assert number == paper_number(name)
