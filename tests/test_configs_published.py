# SPDX-License-Identifier: Apache-2.0
"""Resolved configs of classifiers have the numbers of the papers and of their released code."""

import pytest

from rankseg.testing.config_files import resolved

CONSTANTS = {
    "cmsf/imagenet_self": {
        "model.k": 5, "model.search": 5, "model.memory_size": 128_000, "model.free_share": 0.5,
        "model.teacher.momentum": 0.01, "model.constraint": "previous", "train_cfg.max_epochs": 200,
        "train_dataloader.batch_size": 256, "optim_wrapper.optimizer.lr": 0.05,
        "optim_wrapper.optimizer.weight_decay": 1e-4, "optim_wrapper.optimizer.momentum": 0.9,
    },
    "cmsf/imagenet_10pct_semi": {
        "model.k": 10, "model.threshold": 0.85, "model.free_share": 0, "model.constraint": "label",
        "train_dataloader.batch_size": 256, "optim_wrapper.optimizer.lr": 0.05,
        "model.classifier.hidden_channels": 1024, "model.bank_size": 128_000,
        "custom_hooks.-1.type": "PseudoClassifierHook", "custom_hooks.-1.epochs": 10,
        "custom_hooks.-1.batch_size": 256, "custom_hooks.-1.lr": 0.01,
        "custom_hooks.-1.momentum": 0.9, "custom_hooks.-1.weight_decay": 1e-4,
        "custom_hooks.-1.per_pass": 2, "custom_hooks.-1.restart": False,
    },
    **{
        f"cmsf/imagenet_10pct_{stage}": {
            "optim_wrapper.optimizer.lr": 0.001, "optim_wrapper.optimizer.momentum": 0.9,
            "optim_wrapper.optimizer.weight_decay": 1e-4, "train_dataloader.batch_size": 256,
            "param_scheduler.0.milestones": [15 * passes], "param_scheduler.0.gamma": 0.1,
            "train_cfg.max_iters": 20 * passes, "model.student.decode_head.in_channels": 2048,
            "model.student.decode_head.branches.hidden.out_channels": 2048,
            "model.student.decode_head.classify": "hidden",
        }
        for stage, passes in (("finetune", 128_000 // 256), ("finetune_again", 1850))
    },
    **{
        f"cmsf/imagenet_{name}": {
            "model.type": kind, "model.predictor": None, "model.temperature": 0.1,
            "model.memory_size": 128_000, "train_cfg.max_epochs": 200,
            "train_dataloader.batch_size": 256, "optim_wrapper.optimizer.lr": 0.05,
        }
        for name, kind in (("supcon", "SupCon"), ("protonw", "ProtoNet"))
    },
    **{
        f"cmsf/imagenet_self_search_{number}": {"model.search": number, "model.k": 5}
        for number in (10, 20, 50)
    },
    "cmsf/imagenet_self_third": {"model.constraint": "third", "model.search": 5, "model.k": 5},
    "cmsf/imagenet_sup_all": {"model.top_all": True, "model.constraint": "label"},
    "cmsf/imagenet_byol": {"model.k": 1, "model.constraint": None},
    "simmatch/cifar10_40": {
        "model.smoothing": 0.9, "model.temperature": 0.1, "model.threshold": 0.95,
        "model.bank_momentum": 0.7, "model.queue_length": 32, "model.semantic_weight": 1,
        "model.instance_weight": 1, "model.teacher.momentum": 0.001,
        "train_dataloader.sampler.labeled": 64, "train_dataloader.sampler.unlabeled": 448,
        "optim_wrapper.optimizer.lr": 0.03, "optim_wrapper.optimizer.weight_decay": 5e-4,
        "train_cfg.max_iters": 2**20,
    },
    "simmatch/cifar100_2500": {"optim_wrapper.optimizer.weight_decay": 1e-3},
    "simmatch/imagenet_1pct": {
        "model.smoothing": 0.9, "model.temperature": 0.1, "model.threshold": 0.7,
        "model.bank_momentum": 0, "model.queue_length": 256, "model.semantic_weight": 10,
        "model.instance_weight": 5, "model.teacher.momentum": 0.001,
        "model.labels_from": "teacher", "model.predict_on": "student",
        "train_dataloader.sampler.labeled": 64, "train_dataloader.sampler.unlabeled": 320,
        "optim_wrapper.optimizer.lr": 0.03, "optim_wrapper.optimizer.weight_decay": 1e-4,
        "train_cfg.max_epochs": 400, "train_dataloader.dataset.include_labeled": False,
        "param_scheduler.0.end": 5 * ((1_281_167 - 13_000) // 320),
        "param_scheduler.1.begin": 5 * 3963,
    },
    "simmatch/imagenet_10pct": {
        "model.bank_size": 128_000, "train_dataloader.dataset.include_labeled": False,
        "param_scheduler.0.end": 5 * ((1_281_167 - 128_000) // 320),
        "param_scheduler.1.begin": 5 * 3603, "model.semantic_weight": 10,
    },
    "simmatch/imagenet_1pct_100ep": {
        "train_cfg.max_epochs": 100, "train_dataloader.dataset.include_labeled": False,
        "param_scheduler.0.end": 5 * 3963,
    },
    **{
        f"simmatch/ablations/imagenet_1pct_{name}": {
            "model.instance_loss": name, "model.temperature": 0.1, "model.instance_weight": 5,
            "train_cfg.max_epochs": 100,
        }
        for name in ("info_nce", "swav")
    },
    "fixmatch/imagenet_1pct_100ep": {
        "model.threshold": 0.7, "model.strong_weight": 10, "model.average_losses": False,
        "train_cfg.max_epochs": 100, "train_dataloader.sampler.unlabeled": 320,
        "optim_wrapper.optimizer.lr": 0.03, "train_dataloader.dataset.include_labeled": False,
    },
    "fixmatch/cifar10_250": {"model.threshold": 0.95, "model.average_losses": False},
    "mixmatch/cifar10_250": {
        "model.temperature": 0.5, "model.guesses": 2, "model.alpha": 0.75,
        "model.unlabeled_weight": 75, "model.ramp": 16_384, "model.teacher.momentum": 0.001,
        "train_dataloader.sampler.labeled": 64, "train_dataloader.sampler.unlabeled": 64,
        "optim_wrapper.optimizer.lr": 0.002, "optim_wrapper.optimizer.weight_decay": 0.02,
        "train_cfg.max_iters": 2**20,
    },
    "lmcs/cifar10_80": {
        "model.master_momentum": 0.01, "model.teacher.momentum": 0.001,
        "custom_hooks.-1.generations": 3, "custom_hooks.-1.sizes": (2, 4, 8, 10),
    },
    "lmcs/ablations/cifar10_250_printed": {"model.discriminative": "printed"},
    "snowball/cifar10_500_resnet26": {
        "model.master.momentum": 0.001, "model.consistency_weight": 100.0,
        "model.teacher": dict(
            momentum=0.001, early_momentum=0.01, early_steps=40_000, buffers=False
        ),
        "train_dataloader.sampler.labeled": 31, "train_dataloader.sampler.unlabeled": 97,
    },
    **{
        f"{method}/svhn_{labels}_{network}": {
            "train_dataloader.sampler.labeled": 1, "train_dataloader.sampler.unlabeled": 99,
            "model.consistency_weight": 1.0, "model.whole_batch": True,
        }
        for method in ("mean_teacher", "snowball")
        for labels in (100, 250)
        for network in ("convnet13", "resnet26")
    },
    "mixmatch/svhn_100": {"model.unlabeled_weight": 250},
    "mixmatch/cifar100_10000_resnet26": {
        "model.unlabeled_weight": 150, "optim_wrapper.optimizer.weight_decay": 0.04,
    },
    "label_propagation/cifar10_500_convnet13": {
        "optim_wrapper.optimizer.lr": 0.05, "optim_wrapper.optimizer.weight_decay": 2e-4,
        "train_dataloader.sampler.labeled": 50, "train_dataloader.batch_size": 100,
    },
    "label_propagation/miniimagenet_4000_r18": {
        "optim_wrapper.optimizer.lr": 0.2, "train_dataloader.sampler.labeled": 31,
        "train_dataloader.batch_size": 128,
    },
    "label_propagation/cifar100_10000_convnet13_mt": {
        "model.consistency_weight": 100, "model.distance_weight": 0.01,
        "model.teacher.momentum": 0.03, "model.teacher.warmup": True,
        "model.teacher.buffers": False, "model.whole_batch": True,
        "optim_wrapper.optimizer.lr": 0.2,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_match_the_papers(name):
    cfg = resolved(name)
    for key, value in CONSTANTS[name].items():
        found = cfg
        for part in key.split("."):
            found = found[int(part)] if part.lstrip("-").isdigit() else found[part]
        assert found == value, key


@pytest.mark.parametrize("stage", ["finetune", "finetune_again"])
def test_fine_tuning_has_one_learning_rate(stage):
    cfg = resolved(f"cmsf/imagenet_10pct_{stage}")
    assert not cfg.optim_wrapper.get("paramwise_cfg")
    assert "projection" not in cfg.model.student.decode_head.branches


def test_features_are_standardized_once():
    first, again = (
        resolved(f"cmsf/imagenet_10pct_{stage}") for stage in ("finetune", "finetune_again")
    )
    assert first.model.pretrained and not first.load_from
    assert again.load_from and not again.model.pretrained
    for cfg in (first, again):
        assert "FeatureStatisticsHook" in {hook.type for hook in cfg.custom_hooks}
