# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from rankseg.engine.identity import KEY, check_same_run, identity


def entries(*rows):
    return SimpleNamespace(load_entries=lambda: list(rows))


def make(seed=0, labeled_only=False, images=(("a.png", "a_mask.png"),), processes=1):
    cfg = Config(
        dict(
            randomness=dict(seed=seed),
            model=dict(type="M", student=dict(backbone=dict(type="B"))),
            train_dataloader=dict(sampler=dict(labeled=2, unlabeled=4, labeled_only=labeled_only)),
        )
    )
    return identity(cfg, SimpleNamespace(labeled=entries(*images)), None, processes)


def test_what_it_holds():
    found = make(processes=3)
    assert found["labeled images in a batch of all processes"] == 6
    assert found["unlabeled images in a batch of all processes"] == 12
    assert found["labelled images"].startswith("1 (digest ")
    assert found["model.student.backbone.type"] == "B"
    assert "validation images" not in found and "unlabelled images" not in found
    assert "unlabeled images in a batch of all processes" not in make(labeled_only=True)


def test_lists_differ_by_names_order_and_labels():
    kinds = [
        (("a", "x"), ("b", "y")),
        (("b", "y"), ("a", "x")),
        (("a", "x"), ("b", "z")),
        (("a", "x"), ("b", None)),
    ]
    assert len({make(images=kind)["labelled images"] for kind in kinds}) == 4


def test_refused_and_accepted():
    check_same_run("f", {KEY: make()}, make())
    check_same_run("f", {}, make(seed=1))  # an older checkpoint
    check_same_run("f", {KEY: {"gone": 1, **make()}}, {"new": 2, **make()})
    with pytest.raises(ValueError, match="f is of another run: randomness.seed was 0 and is now 1"):
        check_same_run("f", {KEY: make()}, make(seed=1))
