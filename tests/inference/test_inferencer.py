# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from PIL import Image

from rankseg import apis
from rankseg.apis import Inferencer
from rankseg.registry import DATASETS
from rankseg.testing.predicting import PALETTE, picture, saved
from rankseg.testing.toy_run import write_set
from rankseg.utils import bfloat16


@pytest.fixture(scope="module")
def made_classes(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("classes"), "mean_teacher")


@pytest.mark.parametrize("weights", ["student", "teacher"])
def test_masks_equal_those_of_the_test_loop(made, tmp_path, weights):
    root = write_set(tmp_path / "set")
    options = {"model.predict_on": weights}
    cfg = apis.load_config(made[0].config_file, data_root=str(root), options=options)
    inferencer = Inferencer(cfg, made[1])
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    assert len(dataset) == 4
    files = [dataset.get_data_info(i)["img_path"] for i in range(4)]
    found = inferencer(files, probabilities=True)
    batch = pseudo_collate([dataset[i] for i in range(4)])
    with torch.no_grad():
        wanted = inferencer.method.test_step(batch)
    for one, sample in zip(found, wanted, strict=True):
        assert np.array_equal(one.mask, sample.pred_sem_seg.data[0].numpy())
        shares = sample.seg_logits.data.softmax(0).numpy()
        np.testing.assert_allclose(one.probabilities, shares, rtol=1e-4, atol=1e-6)
    assert len(np.unique([one.mask for one in found])) > 1
    other = Inferencer(cfg, made[1], weights={"student": "teacher"}.get(weights, "student"))
    assert any((one.mask != two.mask).any() for one, two in zip(found, other(files), strict=True))


def test_batches_of_mixed_sizes_equal_single_images(made):
    images = [picture(40, 48), picture(33, 50), picture(40, 48, seed=1), picture(40, 48, seed=2)]
    alone = Inferencer(*made)
    together = Inferencer(*made, batch=3)
    for image, one in zip(images, together(images, probabilities=True), strict=True):
        assert one.mask.shape == image.shape[:2]
        wanted = alone(image, probabilities=True)
        np.testing.assert_allclose(one.probabilities, wanted.probabilities, atol=1e-5)


def test_accepts_files_arrays_and_pillow_images(made, tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture()[..., ::-1])
    inferencer = Inferencer(*made)
    one, two = inferencer(str(tmp_path / "a.png")), inferencer(picture(), uncertainty=True)
    pillow = Image.fromarray(picture())
    assert np.array_equal(inferencer(pillow).mask, one.mask)
    few = pillow.quantize(8)
    assert np.array_equal(inferencer(few).mask, inferencer(np.asarray(few.convert("RGB"))).mask)
    assert np.array_equal(one.mask, two.mask) and one.mask.dtype == np.uint8
    assert one.probabilities is None and one.uncertainty is None
    assert two.uncertainty.shape == (40, 48) and two.uncertainty.max() <= 1
    assert inferencer.classes == ["blue", "green", "red"] and inferencer.palette == PALETTE


def one_pixel(inferencer: Inferencer, seed: int = 0) -> torch.nn.Module:
    """Put a network of a single 1x1 convolution in the place of the inferencer's."""
    torch.manual_seed(seed)
    layer = torch.nn.Conv2d(3, 3, 1)
    for name in ("student", "teacher"):
        network = inferencer.method.network(name)
        network.encode_decode = lambda images, metas: layer(images)
    return layer


@pytest.mark.parametrize("size", [(40, 48), (17, 80), (30, 30)])
def test_windows_equal_the_whole_image_for_a_1x1_network(made, size):
    whole, windows = Inferencer(*made), Inferencer(*made, window=20, overlap=0.3)
    for one in (whole, windows):
        one_pixel(one)
    image = picture(*size)
    wanted = whole(image, probabilities=True, uncertainty=True)
    found = windows(image, probabilities=True, uncertainty=True)
    assert np.array_equal(found.mask, wanted.mask)
    np.testing.assert_allclose(found.probabilities, wanted.probabilities, atol=1e-5)
    np.testing.assert_allclose(found.uncertainty, wanted.uncertainty, atol=1e-5)


def test_uses_windows_of_the_given_size(made):
    inferencer, seen = Inferencer(*made, window=20), []
    network = inferencer.method.network(inferencer.weights)
    plain = network.encode_decode
    network.encode_decode = lambda images, metas: (
        seen.append(tuple(images.shape[2:])) or plain(images, metas)
    )
    assert inferencer(picture()).mask.shape == (40, 48)
    assert set(seen) == {(20, 20)}


def test_window_0_predicts_the_whole_image_even_if_tests_slide(made):
    slides = {"model.student.test_cfg": dict(mode="slide", crop_size=(20, 20), stride=(10, 10))}
    cfg = apis.load_config(made[0].config_file, options=slides)
    image = picture()
    wanted = Inferencer(*made)(image, probabilities=True).probabilities
    whole = Inferencer(cfg, made[1], window=0)(image, probabilities=True).probabilities
    assert np.array_equal(whole, wanted)
    windows = Inferencer(cfg, made[1])(image, probabilities=True).probabilities
    assert not np.array_equal(windows, wanted)


@pytest.mark.parametrize("window", [0, 20])
def test_flip_averages_both_directions(made, window):
    flip = Inferencer(*made, flip=True, window=window)
    image = picture(20, 35)  # windows lie alike when it is mirrored
    found = flip(image, probabilities=True).probabilities
    mirrored = flip(image[:, ::-1], probabilities=True).probabilities
    np.testing.assert_allclose(found, mirrored[..., ::-1], atol=1e-5)
    if not window:
        plain = Inferencer(*made)
        ways = [plain(image, probabilities=True).probabilities]
        ways.append(plain(image[:, ::-1], probabilities=True).probabilities[..., ::-1])
        mean = np.log(ways).mean(0)
        wanted = np.exp(mean) / np.exp(mean).sum(0)
        np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize("known", [True, False])
def test_bfloat16_is_close(made, known, monkeypatch, recwarn):
    monkeypatch.setattr(bfloat16, "has_bfloat16", lambda device: known)
    image = picture()
    plain = Inferencer(*made)(image, probabilities=True).probabilities
    half = Inferencer(*made, amp=True)(image, probabilities=True).probabilities
    assert half.dtype == np.float32
    assert np.abs(plain - half).mean() < 0.03
    assert np.array_equal(plain, half) != known
    said = [one for one in recwarn if "does not compute in bfloat16" in str(one.message)]
    assert [Path(one.filename) for one in said] == [Path(__file__)] * (not known)


def test_classifier_returns_classes(made_classes):
    inferencer = Inferencer(*made_classes)
    one, two = inferencer([picture(), picture(30, 20)])
    assert one.probabilities.shape == (3,) and one.probabilities.sum() == pytest.approx(1)
    assert (
        one.name == ("blue", "green", "red")[one.label] and one.label == one.probabilities.argmax()
    )
    assert two.label in (0, 1, 2)


def test_raises_on_shrink_for_a_classifier(made_classes):
    with pytest.raises(ValueError, match="shrink to be 1 for a classifier, but got 2"):
        Inferencer(*made_classes, shrink=2.0)


def test_raises_on_a_checkpoint_with_other_classes(tmp_path):
    config, checkpoint = saved(tmp_path, classes=("cat", "dog"))
    with pytest.raises(ValueError, match=r"to have 3 classes, .*trained on 2 \(cat, dog\)"):
        Inferencer(config, checkpoint)


def test_class_names_come_from_the_config_without_metadata(made, tmp_path):
    state = torch.load(made[1])
    torch.save(state["state_dict"], tmp_path / "bare.pth")
    assert Inferencer(made[0], tmp_path / "bare.pth").classes == ["blue", "green", "red"]


def test_raises_on_files_that_are_no_checkpoint(made, tmp_path):
    torch.save([torch.zeros(3)], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="list.pth .*a list"):
        Inferencer(made[0], tmp_path / "list.pth")
    (tmp_path / "text.pth").write_text("hello")
    with pytest.raises(ValueError, match="text.pth is damaged or not a checkpoint"):
        Inferencer(made[0], tmp_path / "text.pth")
    with pytest.raises(FileNotFoundError, match="Checkpoint .*no.pth does not exist"):
        Inferencer(made[0], tmp_path / "no.pth")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(weights="both"), "weights to be auto, student or teacher, but got 'both'"),
        (dict(batch=0), "batch to be 1 or more, but got 0"),
        (dict(shrink=0.5), "shrink to be a number of 1 or more, but got 0.5"),
        (dict(shrink=float("inf")), "shrink to be a number of 1 or more, but got inf"),
        (dict(shrink=2.0, window=64), "window to be auto with shrink=2, but got 64"),
        (dict(device="cuda:77"), "available device, but got cuda:77"),
        (dict(device="abc"), "available device, but got abc"),
    ],
)
def test_raises_on_invalid_options(made, options, message):
    with pytest.raises(ValueError, match=message):
        Inferencer(*made, **options)


def test_raises_on_a_missing_teacher(tmp_path):
    with pytest.raises(ValueError, match="with a teacher, but got Supervised"):
        Inferencer(*saved(tmp_path, "supervised"), weights="teacher")


def test_takes_the_folder_of_a_run(toy_runs, tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), np.uint8)
    run = toy_runs["rank"]
    expected = Inferencer(run, run / "iter_4.pth")(image).mask
    assert (Inferencer(str(run / "last"))(image).mask == expected).all()
    cfg = apis.load_config(str(run))
    with pytest.raises(ValueError, match="checkpoint.*work folder"):
        Inferencer(cfg)
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="empty"):
        Inferencer(tmp_path / "empty")
