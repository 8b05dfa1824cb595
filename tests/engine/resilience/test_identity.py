# SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
from mmengine.config import Config

from rankseg.engine.resilience.identity import KEY, check_same_run, identity


class entries:
    def __init__(self, *rows):
        self.rows = rows

    def __len__(self):
        return len(self.rows)

    def load_entries(self):
        return list(self.rows)


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
    assert found["labeled images"].startswith("1 (digest ")
    assert found["model.student.backbone.type"] == "B"
    assert "validation images" not in found and "unlabeled images" not in found
    assert "unlabeled images in a batch of all processes" not in make(labeled_only=True)


def test_lists_differ_by_names_order_and_labels():
    kinds = [
        (("a", "x"), ("b", "y")),
        (("b", "y"), ("a", "x")),
        (("a", "x"), ("b", "z")),
        (("a", "x"), ("b", None)),
    ]
    assert len({make(images=kind)["labeled images"] for kind in kinds}) == 4


def test_refused_and_accepted():
    check_same_run("f", {KEY: make()}, make())
    check_same_run("f", {}, make(seed=1))  # an older checkpoint
    check_same_run("f", {KEY: {"gone": 1, **make()}}, {"new": 2, **make()})
    with pytest.raises(
        ValueError, match="f is from a different run: randomness.seed was 0 and is now 1"
    ):
        check_same_run("f", {KEY: make()}, make(seed=1))


def with_options(**options):
    cfg = Config(
        dict(
            model=dict(type="M", threshold=0.9, pretrained="a"),
            optim_wrapper=dict(type="W", optimizer=dict(type="SGD", lr=0.1)),
            param_scheduler=[dict(type="PolyLR", power=0.9)],
            train_dataloader=dict(dataset=dict(data_root="a", labeled_pipeline=[dict(size=8)])),
        )
    )
    cfg.merge_from_dict(options)
    return {KEY: identity(cfg, SimpleNamespace(), None, 1)}


def test_options_that_go_on_are_told(monkeypatch):
    said = []
    monkeypatch.setattr(
        "rankseg.engine.resilience.identity.print_log", lambda text, **_: said.append(text)
    )
    began = with_options()
    moved = {
        "train_dataloader.dataset.data_root": "b",
        "model.pretrained": None,
        "optim_wrapper.optimizer.fused": True,
    }
    check_same_run("f", began, with_options(**moved)[KEY])
    assert not said
    check_same_run("f", began, with_options(**{"model.threshold": 0.8})[KEY])
    changed = {"train_dataloader.dataset.labeled_pipeline": [dict(size=9)]}
    check_same_run("f", began, with_options(**changed)[KEY])
    assert "model.threshold was 0.9 and is now 0.8" in said[0]
    assert "train_dataloader.dataset.labeled_pipeline.0.size was 8 and is now 9" in said[1]


@pytest.mark.parametrize(
    ("key", "value", "match"),
    [
        ("optim_wrapper.optimizer.lr", 0.2, "optimizer.lr was 0.1 and is now 0.2, but --resume"),
        ("optim_wrapper.optimizer.momentum", 0.9, "momentum was not there and is now 0.9"),
        ("param_scheduler", [dict(type="PolyLR", power=1)], "scheduler.0.power was 0.9 and is now"),
    ],
)
def test_options_without_effect_are_refused(key, value, match):
    with pytest.raises(ValueError, match=match):
        check_same_run("f", with_options(), with_options(**{key: value})[KEY])
