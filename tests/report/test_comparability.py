# SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import ConfigDict

from rankseg.report.comparability import comparison_notes, leading
from rankseg.report.page_tables import result_table


def seeds(make_run, method: str, *values: float, **more):
    return [
        make_run(f"{method}{seed}", value, seed=seed, method=method, **more)
        for seed, value in enumerate(values)
    ]


def test_leads_only_beyond_the_noise_between_seeds(make_run):
    # seeds of A: mean 50, deviation 1 (sample); B must be above 52
    noisy = seeds(make_run, "A", 49.0, 50.0, 51.0)
    assert leading([*noisy, *seeds(make_run, "B", 51.9)], "mIoU") == set()
    assert leading([*noisy, *seeds(make_run, "B", 52.1)], "mIoU") == {"B0"}
    assert leading([*noisy, *seeds(make_run, "B", 47.9)], "mIoU") == {"A0", "A1", "A2"}


def test_one_seed_each_never_leads(make_run):
    runs = [*seeds(make_run, "A", 10.0), *seeds(make_run, "B", 90.0)]
    assert leading(runs, "mIoU") == set()
    assert any("one seed" in note for note in comparison_notes(runs, {}))


def test_run_whose_average_lags_never_leads(make_run):
    runs = seeds(make_run, "A", 49.0, 50.0)
    good = seeds(make_run, "B", 80.0, values={"student/mIoU": 80.5})
    late = seeds(make_run, "B", 80.0, values={"student/mIoU": 85.0})
    assert leading([*runs, *good], "mIoU") == {"B0"}
    assert leading([*runs, *late], "mIoU") == set()


@pytest.mark.parametrize("bad", [float("nan"), None])
def test_diverged_or_unfinished_runs_do_not_lead(make_run, bad):
    runs = [*seeds(make_run, "A", 49.0, 50.0), *seeds(make_run, "B", bad)]
    assert leading(runs, "mIoU") == set()


def test_marks_are_left_out_of_runs_that_cannot_be_compared(make_run):
    runs = [*seeds(make_run, "A", 49.0, 50.0), *seeds(make_run, "B", 80.0)]
    assert [row.metrics[0][2] for row in result_table(runs).rows] == [False, False, True]
    assert not any(row.metrics[0][2] for row in result_table(runs, mark=False).rows)


def test_few_validation_images_are_named():
    assert "only 2 validation images" in comparison_notes([], {"a": 2})[0]
    assert "only one validation image" in comparison_notes([], {"a": 1})[0]
    assert comparison_notes([], {"a": 10}) == []
    found = " ".join(comparison_notes([], {"a": 2, "b": 30}))
    assert "of a." in found and "2 in a; 30 in b" in found


def notes_on(make_run, change) -> str:
    one, two = seeds(make_run, "A", 1.0), seeds(make_run, "B", 2.0)
    for run in (*one, *two):
        run.config.model.student = ConfigDict(
            backbone=dict(type="ResNet", depth=18),
            decode_head=dict(type="FCNHead", loss_decode=dict(type="L")),
        )
        run.config.train_dataloader = ConfigDict(
            dataset=dict(split="few", labeled_pipeline=[dict(type="Crop", crop_size=65)])
        )
        run.summary["data"] = {"labeled images": "2 (digest a)"}
        run.summary["code"] = "1.0"
    change(two[0])
    return " ".join(comparison_notes([*one, *two], {}))


def iterations(run):
    run.summary["last"]["iteration"] = 300


def crop(run):
    run.config.train_dataloader.dataset.labeled_pipeline[0].crop_size = 129


def encoder(run):
    run.config.model.student.backbone.depth = 50


def weights(run):
    run.config.model.pretrained = "r18.pth"


def class_weights(run):
    run.config.model.student.decode_head.loss_decode.class_weight = [1, 5]


def split(run):
    run.config.train_dataloader.dataset.split = "more"


def images(run):
    run.summary["data"]["labeled images"] = "4 (digest b)"


def code(run):
    run.summary["code"] = "1.0 (abcd)"


def seed(run):
    run.config.randomness.seed = 7


@pytest.mark.parametrize(
    ("change", "label", "old", "new"),
    [
        (iterations, "iterations", "30 in A0", "300 in B0"),
        (crop, "crop size", "65 in A0", "129 in B0"),
        (encoder, "network", "ResNet (depth=18)", "ResNet (depth=50)"),
        (weights, "initial weights", "random in A0", "r18.pth in B0"),
        (class_weights, "class weights", "none in A0", "[1, 5] in B0"),
        (split, "split", "few in A0", "more in B0"),
        (images, "labeled images", "2 (digest a) in A0", "4 (digest b) in B0"),
        (code, "code", "1.0 in A0", "1.0 (abcd) in B0"),
        (seed, "different seeds", "0 in A0", "7 in B0"),
    ],
)
def test_each_difference_is_named(make_run, change, label, old, new):
    found = notes_on(make_run, change)
    assert label in found and old in found and new in found
    assert f"in their {label}:" not in notes_on(make_run, lambda run: None)
