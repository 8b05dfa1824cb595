# SPDX-License-Identifier: Apache-2.0
import logging
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from rankseg.engine.hooks import PanelHook
from rankseg.engine.kept_labels import read_labels

COLORS = [(255, 0, 0), (0, 255, 0)]


@pytest.fixture
def runner(tmp_path):
    loader = range(5)  # five batches

    class Loader(list):
        dataset = SimpleNamespace(metainfo={"classes": ("cat", "dog"), "palette": COLORS})

    return SimpleNamespace(
        iter=0,
        work_dir=str(tmp_path),
        val_dataloader=Loader(loader),
        logger=logging.getLogger("test"),
        _train_loop=object(),
    )


def sample(truth: int, label: int, size=(6, 8)) -> SegDataSample:
    packed = SegDataSample()
    packed.set_data(
        {
            "gt_sem_seg": PixelData(data=torch.full((1, *size), truth, dtype=torch.uint8)),
            "pred_sem_seg": PixelData(data=torch.full((1, *size), label)),
        }
    )
    return packed


def validate(hook, runner, iteration: int, label: int, metrics=None, size=(6, 8)) -> None:
    runner.iter = iteration
    hook.before_val_epoch(runner)
    for i in range(5):
        image = torch.full((3, *size), 50 * i, dtype=torch.uint8)
        hook.after_val_iter(runner, i, {"inputs": [image]}, [sample(1, label, size)])
    hook.after_val_epoch(runner, metrics or {"mIoU": 40.0})


def columns(tmp_path, count: int) -> list[tuple]:
    """Color (RGB) of the first image's cell in every column."""
    picture = cv2.imread(str(tmp_path / "panels.png"))[..., ::-1]
    width = (picture.shape[1] - 6) // count
    return [tuple(map(int, picture[40, 20 + i * width])) for i in range(count)]


def test_a_column_for_image_truth_and_every_validation(runner, tmp_path):
    hook = PanelHook(images=3, columns=4, height=60)
    hook.before_train(runner)
    validate(hook, runner, 10, 0)
    validate(hook, runner, 20, 1)
    red, green = COLORS
    assert columns(tmp_path, 4) == [(0, 0, 0), green, red, green]
    picture = cv2.imread(str(tmp_path / "panels.png"))[..., ::-1]
    middle, last = picture[40 + 66, 20], picture[40 + 132, 20]
    assert tuple(middle) == (100,) * 3 and tuple(last) == (200,) * 3  # batches 0, 2 and 4


def test_a_resumed_run_goes_on_with_the_columns_it_had(runner, tmp_path):
    first = PanelHook(height=60)
    first.before_train(runner)
    for iteration in (10, 20, 30):
        validate(first, runner, iteration, 0)
    second = PanelHook(height=60)
    runner.iter = 20
    second.before_train(runner)
    validate(second, runner, 30, 1)
    red, green = COLORS
    assert columns(tmp_path, 5) == [(0, 0, 0), green, red, red, green]
    kept = read_labels(tmp_path / "panels.npz")
    assert list(kept) == [10, 20, 30] and kept[10].score == 40
    assert kept[30].labels[0].shape == (60, 80) and kept[30].labels[0].dtype == np.uint8


def test_a_run_resumed_with_other_rows_begins_its_columns_anew(runner, tmp_path, caplog):
    validate(PanelHook(images=2, height=60), runner, 10, 0)
    second = PanelHook(images=3, height=60)
    second.before_train(runner)
    validate(second, runner, 20, 1)
    kept = read_labels(tmp_path / "panels.npz")
    assert list(kept) == [20] and len(kept[20].labels) == 3 and not caplog.records


def test_a_run_that_begins_anew_takes_nothing_over(runner, tmp_path):
    first = PanelHook(height=60)
    validate(first, runner, 10, 0)
    second = PanelHook(height=60)
    runner.iter = 0
    second.before_train(runner)
    validate(second, runner, 20, 1)
    assert list(read_labels(tmp_path / "panels.npz")) == [20]


def test_the_picture_does_not_grow_with_the_run(runner, tmp_path):
    hook = PanelHook(images=1, columns=3, height=60)
    for iteration in range(10, 110, 10):
        validate(hook, runner, iteration, 0)
    kept = list(hook.kept)
    assert len(kept) == 3 and kept[0] == 10 and kept[-1] == 100


def test_classes_of_whole_images_have_no_picture(runner, tmp_path):
    validate(PanelHook(), runner, 10, 0, size=(1, 1))
    assert not list(tmp_path.iterdir())


def test_a_test_draws_nothing(runner, tmp_path):
    runner._train_loop = None
    validate(PanelHook(), runner, 10, 0)
    assert not list(tmp_path.iterdir())


def test_a_damaged_file_costs_the_past_and_no_run(runner, tmp_path, caplog):
    (tmp_path / "panels.npz").write_text("no archive")
    hook = PanelHook(height=60)
    runner.iter = 10
    hook.before_train(runner)
    validate(hook, runner, 20, 0)
    validate(hook, runner, 30, 0)
    (record,) = caplog.records
    assert "panels.png could not be drawn (" in record.message
    assert list(read_labels(tmp_path / "panels.npz")) == [20, 30]


@pytest.mark.parametrize("wrong", [dict(images=0), dict(columns=1), dict(height=0)])
def test_a_picture_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match="of PanelHook to be [12] or more"):
        PanelHook(**wrong)


@pytest.mark.parametrize(("height", "heading"), [(160, "{}: fgIoU 40.0%"), (60, "{}: 40.0%")])
def test_headings_name_their_figure_where_there_is_room(runner, monkeypatch, height, heading):
    seen = []

    def draw(rows, titles, *rest):
        seen.append(titles)
        return np.zeros((2, 2, 3), np.uint8)

    monkeypatch.setattr("rankseg.engine.hooks.panel.draw_panel", draw)
    hook = PanelHook(height=height)
    validate(hook, runner, 10, 0, {"mIoU": 50.0, "fgIoU": 40.0})
    assert seen == [["image", "truth", heading.format(10)]]
