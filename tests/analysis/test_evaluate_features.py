# SPDX-License-Identifier: Apache-2.0
"""The tool on a run of three labelled, nine unlabeled and six test images."""

import importlib.util
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from rankseg import apis
from rankseg.analysis import extraction
from rankseg.inference.load import load_method

TOOL = Path(__file__).resolve().parents[2] / "tools/evaluate_features.py"
CLASSES = ("blue", "green", "red")


def tool(arguments):
    spec = importlib.util.spec_from_file_location("evaluate_features_tool", TOOL)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    loaded.main(arguments)


def arguments(class_config, class_run, *more):
    return [str(class_config), str(class_run / "iter_6.pth"), *more]


def image_of(file: Path) -> torch.Tensor:
    image = torch.from_numpy(cv2.imread(str(file))[..., ::-1].copy()).permute(2, 0, 1)
    return (image[None] - 127.5) / 60


def features(method, files):
    student, found = method.eval().student, []
    with torch.no_grad():
        for file in files:
            vector = student.extract_feat(image_of(file))[-1].mean((2, 3))[0].double().numpy()
            found.append(vector / np.linalg.norm(vector))
    return np.stack(found)


@pytest.mark.parametrize(("bank", "count"), [("labeled", 1), ("all", 4)])
def test_knn_matches_a_brute_force_search(class_run, class_config, bank, count):
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    found = apis.evaluate_features(cfg, checkpoint, bank=bank)
    assert set(found) == {"knn1", "classifier"}  # fewer than 20 images
    root, method = class_config.parent / "set", load_method(cfg, checkpoint)
    known = features(
        method, [root / f"train/{name}/{i}.png" for name in CLASSES for i in range(count)]
    )
    asked = features(method, [root / f"test/{name}/{i}.png" for name in CLASSES for i in (0, 1)])
    guess = (asked @ known.T).argmax(1) // count
    right = 100 * np.mean(guess == np.repeat([0, 1, 2], 2))
    assert found["knn1"] == pytest.approx(right, abs=0.01)


def test_tool_prints_every_result(class_run, class_config, tmp_path, capsys):
    out, ranks, root = tmp_path / "m.json", tmp_path / "ranks.png", class_config.parent / "set"
    more = ["--knn", "1", "3", "--probe", "all", "labeled", "50%", f"{root}/splits/few/labeled.txt"]
    more += ["--transfer", f"folder={root}", "--purity", "3", "--ranks", str(ranks)]
    more += ["--network", "teacher", "--out", str(out), "--work-dir", str(tmp_path / "w")]
    tool(arguments(class_config, class_run, *more))
    found = json.loads(out.read_text())
    summary = json.loads((class_run / "summary.json").read_text())
    assert found["classifier"] == summary["last"]["teacher/top1"]
    # the list is the labelled part
    assert found[f"linear_{root}/splits/few/labeled.txt"] == found["linear_labeled"]
    assert {"knn1", "knn3", "linear_all", "linear_50%", "transfer_mean"} <= set(found)
    assert found["transfer_set"] == found["transfer_mean"] and "transfer_set_mean_class" in found
    assert 1 <= found["purity"]["median_rank"] <= 12 and len(found["purity"]["ranks"]) == 12
    assert cv2.imread(str(ranks)) is not None
    text = capsys.readouterr().out
    assert f"| knn3 | {found['knn3']:.2f} |" in text and "purity of the 3 nearest" in text


def test_caches_features_by_settings(class_run, class_config, tmp_path, monkeypatch):
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    made, extract = [], extraction.extract_features

    def counted(method, dataset, keys, **options):
        made.append(len(keys))
        return extract(method, dataset, keys, **options)

    monkeypatch.setattr(extraction, "extract_features", counted)
    options = dict(cache=str(tmp_path / "kept"))
    first = apis.evaluate_features(cfg, checkpoint, **options)
    assert made == [12, 6]
    assert apis.evaluate_features(cfg, checkpoint, **options) == first
    assert made == [12, 6]
    apis.evaluate_features(cfg, checkpoint, bank="labeled", **options)  # the same test images
    assert made == [12, 6, 3]
    apis.evaluate_features(cfg, checkpoint, network="teacher", **options)
    assert made == [12, 6, 3, 12, 6]
    apis.evaluate_features(cfg, str(class_run / "iter_3.pth"), **options)
    assert made == [12, 6, 3, 12, 6, 12, 6]
    cfg.test_dataloader.dataset.pipeline.insert(1, dict(type="ResizeCenter", size=8))
    apis.evaluate_features(cfg, checkpoint, **options)
    assert made == [12, 6, 3, 12, 6, 12, 6, 12, 6]
    assert not list((tmp_path / "kept").glob("*.partial"))


def test_uses_true_labels_despite_label_noise(class_run, class_config):
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    wanted = apis.evaluate_features(cfg, checkpoint, knn=[1], bank="labeled")
    cfg.train_dataloader.dataset.dataset.label_noise = dict(share=1.0)
    assert apis.evaluate_features(cfg, checkpoint, knn=[1], bank="labeled") == wanted
    assert "label_noise" in cfg.train_dataloader.dataset.dataset, "the config stays as it is"


def test_evaluates_coarse_classes_on_fine_ones(class_run, class_config):
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    wanted = apis.evaluate_features(cfg, checkpoint, probes=["all"])
    for node in (cfg.train_dataloader.dataset.dataset, cfg.test_dataloader.dataset):
        node.coarse = {"blue": "cold", "green": "cold", "red": "warm"}
    found = apis.evaluate_features(cfg, checkpoint, probes=["all"], fine=True)
    assert found == {name: value for name, value in wanted.items() if name != "classifier"}


def test_computes_damaged_cache_files_again(class_run, class_config, tmp_path):
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    first = apis.evaluate_features(cfg, checkpoint, cache=str(tmp_path))
    for file in tmp_path.glob("*.pt"):
        file.write_bytes(file.read_bytes()[:50])
    assert apis.evaluate_features(cfg, checkpoint, cache=str(tmp_path)) == first
    assert all(torch.load(file)["feature"].shape[1] == 64 for file in tmp_path.glob("*.pt"))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--knn", "13"], "k to be 1 to 12"),
        (["--launcher", "slurm"], "runs in one process"),
        (["--probe", "1"], "a probe to be 'all', 'labeled', a share such as 1%"),
        (["--probe", "0%"], "share of a probe to be above 0%"),
        (["--transfer", "birds=x"], "to be KIND=FOLDER with a kind of cars, cifar10, cifar100"),
        (
            ["--transfer", "folder=missing"],
            "data_root of ClassFolderDataset to be a folder, but 'missing'",
        ),
        (["--tap", "neck"], "but got 'neck'"),
        (["--ranks", "x.png"], "Add --purity 5"),
        (["--purity", "13"], "k=13"),
    ],
)
def test_tool_reports_invalid_options(class_run, class_config, tmp_path, more, message, capsys):
    with pytest.raises(SystemExit):
        tool(arguments(class_config, class_run, "--work-dir", str(tmp_path), *more))
    assert message in capsys.readouterr().err


def test_raises_on_images_of_different_sizes(class_run, class_config, tmp_path):
    for part in ("train", "val"):
        for k, name in enumerate(("a", "b")):
            (tmp_path / part / name).mkdir(parents=True)
            for i in range(3):
                image = np.full((16 + 8 * i, 16, 3), 100 * k + i, np.uint8)
                cv2.imwrite(str(tmp_path / part / name / f"{i}.png"), image)
    cfg, checkpoint = apis.load_config(str(class_config)), str(class_run / "iter_6.pth")
    options = dict(transfer=[f"folder={tmp_path}"])
    with pytest.raises(ValueError, match="one size, but got 16 x 16 and 24 x 16 pixels"):
        apis.evaluate_features(cfg, checkpoint, **options)
    found = apis.evaluate_features(cfg, checkpoint, size=16, **options)
    assert 0 <= found[f"transfer_{tmp_path.name}"] <= 100


def test_raises_on_segmentation_configs(config_file):
    with pytest.raises(ValueError, match="head for whole images, .*but got DeepLabV3PlusHead"):
        apis.evaluate_features(apis.load_config(str(config_file)), "none.pth")


def with_hook(class_config, folder, hook=True, resume=None):
    cfg = apis.load_config(str(class_config), work_dir=str(folder))
    cfg.custom_hooks = [dict(type="StepSeedHook"), dict(type="EMATeacherHook")]
    if hook:
        probe = dict(least_steps=30, epochs=1)
        cfg.custom_hooks.append(
            dict(type="FeatureEvaluationHook", interval=2, knn=(1,), probes=["all"], probe=probe)
        )
    if resume:
        cfg.load_from, cfg.resume = str(resume), True
    return apis.train(cfg).model.state_dict()


def test_hook_matches_the_tool_and_does_not_change_training(class_config, tmp_path):
    plain = with_hook(class_config, tmp_path / "plain", hook=False)
    whole = with_hook(class_config, tmp_path / "whole")
    assert all(torch.equal(value, whole[name]) for name, value in plain.items())
    notes = json.loads((tmp_path / "whole/features.json").read_text())
    assert [note.pop("iteration") for note in notes] == [2, 4, 6]
    found = apis.evaluate_features(
        apis.load_config(str(class_config)),
        str(tmp_path / "whole/iter_6.pth"),
        probes=["all"],
        probe=dict(least_steps=30, epochs=1),
    )
    assert notes[-1] == {name: found[name] for name in ("knn1", "linear_all")}
    assert cv2.imread(str(tmp_path / "whole/features.png")) is not None
    # resumed from the middle: the notes up to there are kept, the later ones measured again
    text = (tmp_path / "whole/features.json").read_text()
    (tmp_path / "next").mkdir()
    (tmp_path / "next/features.json").write_text(text)
    resumed = with_hook(class_config, tmp_path / "next", resume=tmp_path / "whole/iter_3.pth")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    assert (tmp_path / "next/features.json").read_text() == text
