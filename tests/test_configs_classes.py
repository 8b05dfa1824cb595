# SPDX-License-Identifier: Apache-2.0
"""Every config of a classifier has a name that matches its content, and builds."""

import gc
import json
import re
from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.registry import DefaultScope

from rankseg.datasets.standin import make_standin
from rankseg.registry import DATASETS, HOOKS, MODELS, PARAM_SCHEDULERS
from rankseg.selection.discovery import Schedule
from rankseg.structures import SampleKey
from rankseg.testing.config_files import (
    FOLDER,
    for_each,
    is_new,
    load,
    metafiles,
    published,
    resolved,
)
from rankseg.training.config import check_options

README = (FOLDER / "README_classes.md").read_text()


def _name(path: Path) -> str:
    return path.relative_to(FOLDER).as_posix().removesuffix(".py")


NAMES = sorted(
    _name(path)
    for path in FOLDER.glob("*/**/*.py")  # configs of the user are in FOLDER itself
    if "_base_" not in path.parts
    and re.match(r"cifar|imagenet|miniimagenet|svhn", path.stem)
    and not re.match(r"(metric_learning|tac_ccl|san)/cifar10_mini(_[a-z]+)*$", _name(path))
)
METHODS = {
    "cmsf": "CMSF",
    "supervised": "Supervised",
    "fixmatch": "FixMatch",
    "mean_teacher": "MeanTeacher",
    "simmatch": "SimMatch",
    "label_propagation": "LabelPropagation",
    "lmcs": "LMCS",
    "mixmatch": "MixMatch",
    "rotation": "Rotation",
    "snowball": "Snowball",
}
STEM = re.compile(
    r"(?P<data>cifar10_mini|cifar100|cifar10|imagenet100|imagenet|miniimagenet|svhn)(_(?P<labels>\d+(pct)?))?"
    r"(_(?P<net>convnet13|r18|resnet26|lite0))?(?P<short>_100ep)?(?P<mt>_mt)?(_(?P<option>\w[\w.]*))?"
)
NETWORKS = {"convnet13": "ConvNet13", "r18": "ResNet", "resnet26": "ShakeShakeNet"}
NETWORKS |= {"lite0": "TimmTrunk"}
CLASSES = {"cifar10": 10, "cifar10_mini": 10, "cifar100": 100, "miniimagenet": 100, "svhn": 10}
CLASSES |= {"imagenet100": 100}
LABELS = {"1pct": 13_000, "10pct": 128_000}
UNLABELED = {"cifar10": 50_000, "cifar100": 50_000, "miniimagenet": 50_000, "svhn": 73_257}
PARAMETERS = {
    "fixmatch/cifar10_40": 1_467_610,
    "fixmatch/cifar100_400": 23_401_012,
    "supervised/cifar10_500_convnet13": 3_125_908,
    "mean_teacher/cifar10_1000_resnet26": 26_197_316,
    "snowball/svhn_250_resnet26": 26_197_316,
}


def parse(name: str) -> dict:
    match = STEM.fullmatch(name.split("/")[-1])
    assert match, f"configs/{name}.py: the name does not follow configs/README_classes.md"
    return match.groupdict()


def labels(name: str) -> int:
    words = parse(name)
    return LABELS.get(words["labels"]) or int(words["labels"])


def paper_number(name: str) -> str | None:
    result = metafiles()[name]["Results"][0]
    of_ours = re.match("SimMatch|Label|Snowball|LMCS|CMSF", result.get("Source", ""))
    if not of_ours or "Note" in result:  # a number after fine-tuning, for example
        return None
    return published(name, "top-1") or published(name, "error")


def test_all_configs_are_found():
    assert len(NAMES) > 70
    assert {name.split("/")[0] for name in NAMES} == set(METHODS)


@for_each(NAMES)
def test_name_matches_method_network_data_and_labels(name):
    cfg, words = resolved(name), parse(name)
    on_mixmatch = "MixMatch" if re.match("mixmatch", words["option"] or "") else ""
    tuned = re.match("finetune", words["option"] or "")  # the method's second or third stage
    kind = "Supervised" if tuned else METHODS[name.split("/")[0]] + on_mixmatch
    baseline = re.search("supcon|protonw", words["option"] or "")
    kind = {"supcon": "SupCon", "protonw": "ProtoNet"}[baseline[0]] if baseline else kind
    assert cfg.model.type == kind
    assert not tuned or cfg.load_from or cfg.model.get("pretrained")
    semi, val = cfg.train_dataloader.dataset, cfg.val_dataloader.dataset
    split = words["labels"] if words["data"] == "imagenet" else f"{words['labels']}_seed0"
    split = f"{split}_pseudo" if words["option"] == "finetune_again" else split
    if words["labels"] is None:
        assert semi.empty in ("labeled", "unlabeled")
    else:
        assert semi.split == split
    root = f"data/{words['data']}"
    assert semi.dataset.data_root == val.data_root == root
    network = NETWORKS.get(words["net"])
    if "label_propagation/ablations" in name:
        network = "ConvNet13"
    elif network is None:
        network = "ResNet" if words["data"].startswith("imagenet") else "WideResNet"
    assert cfg.model.student.backbone.type == network
    classes = 93 if "coarse" in name else CLASSES.get(words["data"], 1000)
    assert cfg.model.student.decode_head.num_classes == classes
    if cfg.model.type == "SimMatch":
        assert cfg.model.bank_size == labels(name)
    assert bool(words["mt"]) == (
        cfg.model.type == "LabelPropagation" and cfg.model.consistency_tap is not None
    )


@for_each(NAMES)
def test_validates_once_at_the_end(name):
    cfg = load(name)
    rule = cfg.train_cfg
    if "max_iters" in rule:
        assert rule.val_interval == rule.max_iters
    else:
        assert rule.val_epochs == rule.max_epochs


IMAGES = {"cifar10": 50_000, "cifar100": 50_000, "svhn": 73_257, "cifar10_mini": 3_900}


@for_each([n for n in NAMES if re.match("snowball|lmcs", n)])
def test_discoveries_fit_the_data_set_and_the_schedule(name):
    cfg = resolved(name)
    for hook in cfg.custom_hooks:
        if hook.type == "DiscoveryHook":
            options = {k: hook[k] for k in ("begin", "length", "sizes", "generations") if k in hook}
            schedule = Schedule(**options)
            assert schedule.last + schedule.length <= cfg.train_cfg.max_iters
            power = 1 if hook.get("restart", True) else schedule.generations
            assert labels(name) * schedule.sizes[-1] ** power < IMAGES[parse(name)["data"]]


STAGED = r"(supervised|mean_teacher|label_propagation)/.*(convnet13|r18|resnet26)"


@for_each([n for n in NAMES if re.match(STAGED, n)])
def test_stages_have_180_passes(name):
    cfg, data = resolved(name), parse(name)["data"]
    sampler, stages = cfg.train_dataloader.sampler, cfg.param_scheduler[0].stages
    assert sum(stages) == cfg.train_cfg.max_iters
    small = data == "svhn" or (data == "cifar10" and parse(name)["net"] != "resnet26")
    batch = 100 if small else 128
    assert batch == cfg.train_dataloader.batch_size
    labeled = 180 * labels(name) // batch  # the first stage has whole batches of labeled images
    if cfg.model.type == "Supervised":
        assert sampler.labeled == batch
    passes = 180 * ((UNLABELED[data] - labels(name)) // sampler.unlabeled)
    expected = {
        "Supervised": [labeled],
        "MeanTeacher": [passes],
        "LabelPropagation": [passes if "_mt" in name else labeled, passes],
    }
    assert stages == expected[cfg.model.type]
    if cfg.model.type == "LabelPropagation":
        assert cfg.model.warmup == stages[0]
        assert sampler.get("labeled_batches", 0) == (0 if "_mt" in name else labeled)
    strong = [
        cfg.train_dataloader.dataset[part][1].get("strong")
        for part in ("labeled_pipeline", "unlabeled_pipeline")
    ]
    consistent = cfg.model.get("consistency_tap") is not None
    on_labeled = data != "svhn"
    assert strong == (["weak" if on_labeled else None, "weak"] if consistent else [None] * 2)
    if consistent:
        assert cfg.model.ramp == passes / 180 * 5
    else:
        assert cfg.model.student.decode_head.normalize


STEMS = {"simmatch": "imagenet_1pct_100ep", "label_propagation": "cifar10_500_convnet13"}


def stem_of(name: str) -> str:
    """Return the config that an ablation changes. Its name is a prefix of the ablation."""
    family, own = name.split("/")[0], name.split("/")[-1]
    whole = [n.split("/")[-1] for n in NAMES if re.fullmatch(rf"{family}/\w+", n)]
    return STEMS.get(family) or max((n for n in whole if own.startswith(f"{n}_")), key=len)


@for_each([n for n in NAMES if "/ablations/" in n])
def test_ablation_changes_one_or_two_options(name):
    cfg, family = resolved(name), name.split("/")[0]
    full = resolved(f"{family}/{stem_of(name)}")
    mine, others = ({hook.type: hook for hook in one.custom_hooks} for one in (cfg, full))
    changed = [*(set(others) - set(mine))]
    pairs = [(cfg.model, full.model), *((hook, others[name]) for name, hook in mine.items())]
    for one, other in pairs:
        changed += [key for key in {**one, **other} if one.get(key, "-") != other.get(key, "-")]
    changed += ["load_from"] * (cfg.load_from != full.load_from)
    assert 1 <= len(changed) <= 2 + 2 * ("generations" in changed)  # one discovery, not twelve
    cfg.model, cfg.custom_hooks, cfg.load_from = full.model, full.custom_hooks, full.load_from
    assert cfg._cfg_dict == full._cfg_dict


@cache
def built(model: str):
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        return MODELS.build({**json.loads(model), "pretrained": None})


@for_each(NAMES)
def test_model_builds(name):
    cfg = load(name)
    check_options(cfg)
    model = built(json.dumps(cfg.model.to_dict(), sort_keys=True))
    assert type(model).__name__ == cfg.model.type
    if name in PARAMETERS:
        assert sum(p.numel() for p in model.student.parameters()) == PARAMETERS[name]
    for scheduler in cfg.param_scheduler:
        with DefaultScope.overwrite_default_scope("rankseg"):
            assert PARAM_SCHEDULERS.get(scheduler.type)


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """Skip the garbage collection of MMEngine in every data set, which takes 0.1 s each."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


@for_each(NAMES)
def test_hooks_build(name):
    cfg = load(name)
    with DefaultScope.overwrite_default_scope("rankseg"):
        for config in cfg.custom_hooks:
            schedule = getattr(HOOKS.build(config), "schedule", None)
            if config.type == "DiscoveryHook" and "max_iters" in cfg.train_cfg:
                assert schedule.last < cfg.train_cfg.max_iters


@for_each(NAMES)
def test_data_sets_build_and_have_the_views_of_the_method(name):
    cfg = load(name)
    if not is_new(cfg):
        return
    make_standin(cfg)
    with DefaultScope.overwrite_default_scope("rankseg"):
        train = DATASETS.build(cfg.train_dataloader.dataset)
        val = DATASETS.build(cfg.val_dataloader.dataset)
    model = built(json.dumps(load(name).model.to_dict(), sort_keys=True))
    labeled, unlabeled = train[SampleKey(0, 0)], train[SampleKey(len(train) - 1, 0)]
    assert {*labeled["inputs"], *unlabeled["inputs"]} >= set(model.views)
    view = "labeled" if train.num_labeled else "weak"
    assert labeled["data_samples"][view].gt_sem_seg.data.shape == (1, 1, 1)
    side = {"imagenet": 224, "imagenet100": 224, "miniimagenet": 84}.get(parse(name)["data"], 32)
    side = 96 if parse(name)["net"] == "lite0" else side
    if parse(name)["data"] != "miniimagenet":  # whose views have the size of the image
        assert labeled["inputs"][view].shape == (3, side, side)
        assert parse(name)["data"] == "cifar10_mini" or val[0]["inputs"].shape == (3, side, side)


LINKS = re.findall(r"\[([\d.]+(?: \+- [\d.]+)?)\]\(([\w/.]+?)\.py\)", README)


def test_tables_of_the_readme_are_complete():
    linked = {name for _, name in LINKS}
    assert {name for name in NAMES if paper_number(name)} <= linked <= set(NAMES)
