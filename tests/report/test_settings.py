# SPDX-License-Identifier: Apache-2.0
from rankseg.report.settings import differences, flat


def config(**more) -> dict:
    steps = [{"type": "Load", "cache": 2}, {"type": "Crop", "size": [9, 9]}]
    dataset = {"seed": more.pop("seed", 0), "pipeline": steps}
    return {
        "model": {"type": "A"},
        "train_dataloader": {"dataset": dataset},
        "randomness": {"seed": dataset["seed"]},
        **more,
    }


def test_names_steps_by_type_if_unique():
    assert flat({"steps": [{"type": "A", "x": 1}, {"type": "B"}, {"type": "B", "y": 2}]}) == {
        "steps[A].x": 1,
        "steps[1: B]": "B",
        "steps[2: B].y": 2,
    }
    assert flat({"sizes": [1, 2], "none": {}, "model": {"type": "A"}}) == {
        "sizes": [1, 2],
        "none": {},
        "model.type": "A",
    }


def test_returns_differing_and_missing_settings():
    one = config(work_dir="a", lr=1, test_cfg={"x": 1})
    other = config(work_dir="b", lr=2, extra=3, test_cfg={"x": 2})
    assert differences([one, other, one]) == {"lr": [1, 2, 1], "extra": [None, 3, None]}


def test_seeds_differ_only_if_data_and_weights_have_separate_ones():
    assert differences([config(seed=0), config(seed=1)]) == {}
    own = config(seed=0)
    own["train_dataloader"]["dataset"]["seed"] = 5
    assert differences([config(seed=0), own]) == {"train_dataloader.dataset.seed": [None, 5]}


def test_compares_steps_inside_a_pipeline():
    other = config()
    other["train_dataloader"]["dataset"]["pipeline"][1]["size"] = [5, 5]
    found = differences([config(), other])
    assert found == {"train_dataloader.dataset.pipeline[Crop].size": [[9, 9], [5, 5]]}
