# SPDX-License-Identifier: Apache-2.0
"""Every config of an embedding network has a name that matches its content, and builds."""

import gc
import json
import re
from functools import cache

import pytest
import torch
from mmengine.registry import DefaultScope

from rankseg.datasets.standin import make_standin
from rankseg.registry import DATASETS, HOOKS, METRICS, MODELS, PARAM_SCHEDULERS
from rankseg.structures import SampleKey
from rankseg.testing.config_files import FOLDER, for_each, load, published, resolved
from rankseg.training.option_checks import check_options
from rankseg.training.validation import build_sampler

NAMES = sorted(
    path.relative_to(FOLDER).as_posix().removesuffix(".py")
    for path in FOLDER.glob("*/**/*.py")
    if re.match(r"(metric_learning|tac_ccl|san)/", path.relative_to(FOLDER).as_posix())
    and not re.match(r"camvid|em_mito|cifar10_mini_\d", path.stem)
)
METHODS = {"metric_learning": "MetricLearning", "tac_ccl": "TACCCL", "san": "MetricLearning"}
STEM = re.compile(
    r"(?P<data>cub|cars|sop|inshop|omniglot_mini|cifar10_mini)"
    r"(_(?P<net>googlenet|resnet18|bn_inception))?(_(?P<lite0>lite0))?(_(?P<short>128))?(_(?P<labels>supervised))?"
    r"(_(?P<option>ms|proxy_anchor|ccl|attention|views))?(_(?P<adam>adam))?"
    r"(_(?P<ablation>clusters|embedding)_(?P<value>\d+))?"
)
DATA = {
    "cub": ("CUBDataset", "CUB_200_2011", 5_864, 100),
    "cars": ("CarsDataset", "cars196", 8_054, 100),
    "sop": ("SOPDataset", "Stanford_Online_Products", 59_551, 10_000),
    "inshop": ("InShopDataset", "inshop", 25_882, None),
    "omniglot_mini": ("ClassFolderDataset", "omniglot_mini", 1_360, None),
    "cifar10_mini": ("ClassFolderDataset", "cifar10_mini", 4_000, None),
}
NETWORKS = {"googlenet": "GoogLeNet", "resnet18": "ResNet", "bn_inception": "BNInception"}
TITLES = {"cub": "CUB-200-2011", "cars": "Cars-196", "sop": "Stanford Online Products|SOP"}
TITLES |= {"inshop": "In-Shop", "omniglot_mini": "small Omniglot", "cifar10_mini": "small CIFAR-10"}


def parse(name: str) -> dict:
    match = STEM.fullmatch(name.split("/")[-1])
    assert match, f"configs/{name}.py: the name has an unknown part"
    return match.groupdict()


def test_all_configs_are_found():
    assert len(NAMES) > 25 and {name.split("/")[0] for name in NAMES} <= set(METHODS)


def test_tables_of_the_readme_are_complete_and_agree():
    text = (FOLDER / "README_embeddings.md").read_text()
    links = re.findall(r"\[([\d.]+|-)[^]]*\]\(((?:metric|tac|san)[\w/]+)\.py", text)
    linked = {name: number for number, name in links}
    papers = {name: published(name, "Recall@1") for name in NAMES if published(name, "Recall@1")}
    assert papers == {name: number for name, number in linked.items() if number != "-"}
    assert linked.keys() <= set(NAMES)


@for_each(NAMES)
def test_name_matches_method_network_data_and_labels(name):
    cfg, words = resolved(name), parse(name)
    assert cfg.model.type == METHODS[name.split("/")[0]]
    head, semi, val = (
        cfg.model.student.decode_head,
        cfg.train_dataloader.dataset,
        cfg.val_dataloader.dataset,
    )
    kind, root, images, clusters = DATA[words["data"]]
    assert semi.dataset.type == val.type == kind
    assert semi.dataset.data_root == val.data_root == f"data/{root}"
    assert head.type == "EmbeddingHead"
    if words["net"]:
        assert cfg.model.student.backbone.type == NETWORKS[words["net"]]
        assert bool(cfg.model.pretrained) == (words["net"] != "resnet18")
        wanted = 128 if words["short"] else 512
        assert head.channels == (
            int(words["value"]) if words["ablation"] == "embedding" else wanted
        )
    if words["lite0"]:
        assert cfg.model.student.backbone.type == "TimmTrunk" and cfg.model.pretrained
    if cfg.model.get("memory"):
        assert cfg.model.memory.size == images, "a batch reaches every training image"
    hooks = {hook.type: hook for hook in cfg.custom_hooks}
    with_labels = words["labels"] or words["option"] == "proxy_anchor"
    assert semi.empty == ("unlabeled" if with_labels else "labeled")
    assert ("ClusterHook" in hooks) == (not with_labels)
    if "ClusterHook" in hooks:
        hook = hooks["ClusterHook"]
        value = int(words["value"]) if words["ablation"] == "clusters" else clusters
        assert value in (None, hook.clusters)
        assert words["net"] is None or hook.interval_epochs == 20
    assert ("insert" in cfg.model.student) == name.startswith("san/")
    assert semi.test_classes == ("same" if words["data"] == "cifar10_mini" else "new")


@for_each(NAMES)
def test_validates_once_at_the_end(name):
    cfg = load(name)
    rule = cfg.train_cfg
    if "max_iters" in rule:
        assert rule.val_interval == rule.max_iters
    else:
        assert rule.val_epochs == rule.max_epochs
    assert cfg.default_hooks.checkpoint.save_best == "recall1"


@for_each([n for n in NAMES if n.startswith("tac_ccl/") and parse(n)["net"]])
def test_the_full_method_has_matched_images(name):
    words = parse(name)
    step = resolved(name).train_dataloader.dataset.labeled_pipeline[1]
    if words["option"] == "ccl":
        assert step.type == "DrawViews"
    elif words["option"] == "views":
        assert step.matches is None
    else:
        baseline = f"metric_learning/{words['data']}_{words['net']}"
        assert step.matches == f"work_dirs/{baseline}/matches.npz", "where its tool writes it"
        assert baseline in NAMES


CONSTANTS = {  # of the text of the papers
    "metric_learning/cub_googlenet": {
        "train_dataloader.sampler.images": 5, "optim_wrapper.optimizer.type": "Adam",
        "optim_wrapper.optimizer.weight_decay": 5e-4, "model.metric_loss.alpha": 2,
        "model.metric_loss.beta": 50, "model.metric_loss.base": 0.5, "model.miner.epsilon": 0.1,
    },
    "metric_learning/cub_googlenet_supervised": {
        "optim_wrapper.optimizer.weight_decay": 5e-4, "model.memory.network": "teacher",
        "model.memory.loss.type": "ContrastiveLoss",
    },
    "metric_learning/cub_googlenet_supervised_ms": {"model.memory": None, "model.teacher": None},
    "metric_learning/cub_bn_inception_proxy_anchor": {
        "model.metric_loss.alpha": 32, "model.metric_loss.margin": 0.1,
        "train_dataloader.batch_size": 180, "model.metric_loss.num_classes": 100,
    },
    "san/cub_googlenet_supervised": {  # ours, see the README
        "optim_wrapper.optimizer.type": "Adam", "optim_wrapper.optimizer.weight_decay": 5e-4,
        "optim_wrapper.paramwise_cfg.custom_keys.inserted": dict(lr_mult=30.0, decay_mult=0.0),
    },
    "san/cub_googlenet_supervised_adam": {
        "optim_wrapper.optimizer.type": "Adam", "optim_wrapper.optimizer.weight_decay": 5e-4,
        "optim_wrapper.paramwise_cfg": None,
    },
    "san/cub_googlenet_128_adam": {
        "optim_wrapper.optimizer.type": "Adam", "optim_wrapper.optimizer.weight_decay": 5e-4,
        "optim_wrapper.paramwise_cfg": None,
    },
    "san/cub_bn_inception_proxy_anchor_adam": {
        "optim_wrapper.optimizer.type": "Adam", "optim_wrapper.optimizer.weight_decay": 5e-4,
        "optim_wrapper.paramwise_cfg": dict(custom_keys=dict(metric_loss=dict(lr_mult=100.0))),
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_match_the_papers(name):
    cfg = resolved(name)
    for key, value in CONSTANTS[name].items():
        found = cfg
        for part in key.split("."):
            found = found[part]
        assert found == value, key


@for_each([n for n in NAMES if "/ablations/" in n])
def test_ablation_changes_one_number(name):
    cfg, full = resolved(name), resolved(f"{name.split('/')[0]}/cub_googlenet")
    one, other = cfg._cfg_dict.to_dict(), full._cfg_dict.to_dict()
    assert one != other
    if parse(name)["ablation"] == "embedding":
        one["model"]["student"]["decode_head"]["channels"] = 512
    else:
        one["custom_hooks"][-1]["clusters"] = 100
    assert one == other


@cache
def built(model: str):
    with DefaultScope.overwrite_default_scope("rankseg"), torch.device("meta"):
        return MODELS.build({**json.loads(model), "pretrained": None})


@pytest.fixture(autouse=True)
def no_collection(monkeypatch):
    """Skip the garbage collection of MMEngine in every data set, which takes 0.1 s each."""
    monkeypatch.setattr(gc, "collect", lambda: 0)


@for_each(NAMES)
def test_all_parts_build_and_fit_together(name):
    cfg = load(name)
    check_options(cfg)
    model = built(json.dumps(cfg.model.to_dict(), sort_keys=True))
    assert type(model).__name__ == cfg.model.type
    make_standin(cfg)
    for step in cfg.train_dataloader.dataset.labeled_pipeline:
        if "matches" in step:  # of the images that the stand-ins replace
            step.matches = None
    with DefaultScope.overwrite_default_scope("rankseg"):
        METRICS.build(cfg.val_evaluator)
        for config in cfg.custom_hooks:
            HOOKS.build(config)
        assert all(PARAM_SCHEDULERS.get(scheduler.type) for scheduler in cfg.param_scheduler)
        train = DATASETS.build(cfg.train_dataloader.dataset)
        val = DATASETS.build(cfg.val_dataloader.dataset)
        sampler = build_sampler(cfg, train)
    model.check_dataset(train)
    sampler.check_batch_size(cfg.train_dataloader.batch_size)
    key = SampleKey(0, label=None if train.num_labeled else 7)
    sample = train[key]
    assert set(sample["inputs"]) == set(model.views)
    if not train.num_labeled:
        assert sample["data_samples"]["labeled"].gt_sem_seg.data.item() == 7
    sizes = {tuple(image.shape) for image in sample["inputs"].values()}
    assert len(sizes) == 1
    if parse(name)["data"] != "cifar10_mini":  # whose stand-ins are larger than its crops
        assert sizes == {tuple(val[0]["inputs"].shape)}
