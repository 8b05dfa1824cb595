# SPDX-License-Identifier: Apache-2.0
"""A run of an embedding network from training to pictures, and what is refused."""

import copy
import json
import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config

from rankseg import apis
from rankseg.analysis.extraction import Extraction
from rankseg.analysis.retrieve import Contender, retrieve
from rankseg.registry import DATASETS
from rankseg.report.report import report
from rankseg.testing.toy import toy_embedder

CONFIG = """
_base_ = "{configs}/_base_/runtime_retrieval.py"
model = dict(
    type="MetricLearning",
    metric_loss=dict(type="MultiSimilarityLoss", alpha=2, beta=50, base=0.5),
    teacher=dict(momentum=0.5),
    data_preprocessor=dict(type="ViewPreprocessor", mean=[127.5] * 3, std=[60.0] * 3),
    student={student},
)
data = dict(type="ClassFolderDataset", data_root="{root}")
pipeline = [dict(type="LoadImage"), dict(type="ResizeCenter", size=32)]
train_dataloader = dict(
    batch_size=6,
    num_workers=0,
    sampler=dict(type="PKSampler", classes=3, images=2),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=data,
        labeled="",
        empty="unlabeled",
        test_classes="new",
        labeled_pipeline=[*pipeline, dict(type="PackViews", labeled=True)],
        unlabeled_pipeline=[*pipeline, dict(type="PackViews", labeled=False)],
    ),
)
val_dataloader = dict(
    batch_size=5,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        folder="test", test_mode=True, pipeline=[*pipeline, dict(type="PackEval")], **data
    ),
)
del data, pipeline
val_evaluator = dict(type="RetrievalMetric", topk=(1, 2, 5))
optim_wrapper = dict(type="OptimWrapper", optimizer=dict(type="SGD", lr=0.01))
train_cfg = dict(type="PassTrainLoop", max_iters=4, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=2))
del _base_.custom_hooks[3]  # CurvesHook, whose drawing takes longer than the training
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> Config:
    """A run of four iterations: three classes to train on, four others to test on."""
    folder = tmp_path_factory.mktemp("embedding")
    rng = np.random.default_rng(0)
    for part, classes, count in (("train", "abc", 4), ("test", "wxyz", 5)):
        for k, name in enumerate(classes):
            (folder / "set" / part / name).mkdir(parents=True)
            for i in range(count):
                noise = rng.integers(-90, 91, (40, 36, 3))
                image = np.clip(60 * k + 30 + noise, 0, 255).astype(np.uint8)
                cv2.imwrite(str(folder / "set" / part / name / f"{i}.png"), image)
    configs = Path(__file__).resolve().parents[2] / "configs"
    file = folder / "toy.py"
    student = toy_embedder().to_dict()
    file.write_text(CONFIG.format(configs=configs, root=folder / "set", student=student))
    cfg = apis.load_config(str(file), work_dir=str(folder / "run"), seed=0)
    apis.train(cfg.copy())
    return cfg


@pytest.fixture(scope="module")
def checkpoint(config) -> str:
    return f"{config.work_dir}/iter_4.pth"


def test_run_reports_recall(config):
    folder = Path(config.work_dir)
    summary = json.loads((folder / "summary.json").read_text())
    assert [entry["iteration"] for entry in summary["history"]] == [2, 4]
    keys = "recall1", "recall2", "recall5", "r_precision", "map_r"
    assert set(summary["last"]) == {"iteration", *keys, *(f"teacher/{key}" for key in keys)}
    assert len(list(folder.glob("best_recall1_iter_*.pth"))) == 1
    assert cv2.imread(str(folder / "retrieval.png")).shape[1] > 1000


def test_metrics_match_those_of_the_test(config, checkpoint, tmp_path):
    tested = apis.test(config, checkpoint, out=str(tmp_path / "test.json"))
    assert {f"recall1/{name}" for name in "wxyz"} <= set(tested)
    found = retrieve([Contender("toy", config, checkpoint)], out=tmp_path, keep=False)
    numbers = found["networks"]["toy"]
    assert numbers["recall1"] == tested["recall1"] and numbers["map_r"] == tested["map_r"]
    assert numbers["recall5"] == tested["recall5"] >= numbers["recall2"] >= numbers["recall1"]


def test_results_match_a_brute_force_search(config, checkpoint, tmp_path):
    found = retrieve([Contender("toy", config, checkpoint)], out=tmp_path, k=3, rows=20)
    assert found == json.loads((tmp_path / "retrieval.json").read_text())
    dataset = DATASETS.build(config.test_dataloader.dataset)
    files = [dataset.get_data_info(i)["img_path"] for i in range(20)]
    rows = Extraction(config, checkpoint, None, "decode_head.pool", None)(dataset).logits
    queries = found["pictures"]["queries"]
    assert [one["query"] for one in queries] == files
    for i, one in enumerate(queries):
        near = torch.cosine_similarity(rows[i], rows, dim=1).index_fill(0, torch.tensor(i), -2)
        answers = one["found"]["toy"]
        assert [answer["image"] for answer in answers] == [files[j] for j in near.topk(3).indices]
        assert [a["similarity"] for a in answers] == pytest.approx(near.topk(3).values, abs=1e-3)
        assert [a["right"] for a in answers] == [a["class"] == one["name"] for a in answers]
    worst = [one["name"] for one in found["pictures"]["worst"]]
    assert sorted(worst) == ["w", "x", "y", "z"]  # one of each class


def test_compares_networks(config, checkpoint, tmp_path):
    asked = [Contender("nothing", config, None), Contender("toy", config, checkpoint)]
    found = retrieve(asked, out=tmp_path, keep=False)
    assert found["networks"]["nothing"]["checkpoint"] == "random weights"
    assert set(found["pictures"]) == {"queries", "worst", "changes"}
    for name in found["pictures"]:
        assert cv2.imread(str(tmp_path / f"{name}.png")).shape[1] > 1000
    again = retrieve(asked, out=tmp_path, keep=False)
    assert again == found  # random weights are the same ones


def test_searches_own_images(config, checkpoint, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    test = f"{config.test_dataloader.dataset.data_root}/test"
    for name in ("w", "z"):
        shutil.copy(f"{test}/{name}/0.png", photos / f"{name}.png")
    asked = [Contender("toy", config, checkpoint)]
    found = retrieve(asked, out=tmp_path, queries=[photos], keep=False)
    assert set(found["pictures"]) == {"queries"} and "recall1" not in found["networks"]["toy"]
    first = found["pictures"]["queries"][0]["found"]["toy"][0]
    assert first["image"] == f"{test}/w/0.png" and first["class"] == "w" and first["right"] is None
    assert first["similarity"] == pytest.approx(1)
    inside = retrieve(asked, out=tmp_path, queries=[f"{test}/w/0.png"], keep=False)
    (one,) = inside["pictures"]["queries"]
    images = [answer["image"] for answer in one["found"]["toy"]]
    assert one["name"] == "w" and f"{test}/w/0.png" not in images and "worst" in inside["pictures"]
    among = retrieve(asked, out=tmp_path, gallery=photos, keep=False)
    queries = among["pictures"]["queries"]
    assert [one["name"] for one in queries] == ["w", "z"]
    assert [len(one["found"]["toy"]) for one in queries] == [1, 1]


def test_a_run_without_a_test_set_searches_a_folder(config, checkpoint, tmp_path):
    photos = f"{config.test_dataloader.dataset.data_root}/test/w"
    cfg = copy.deepcopy(config)
    for part in ("val", "test"):
        for key in ("dataloader", "cfg", "evaluator"):
            cfg[f"{part}_{key}"] = None
    alone, tested = Contender("toy", cfg, checkpoint), Contender("toy", config, checkpoint)
    options = dict(out=tmp_path, gallery=photos, queries=[f"{photos}/0.png"], keep=False)
    found = [retrieve([one], **options)["pictures"] for one in (alone, tested)]
    assert found[0] == found[1]  # views in training have the size of the images in testing
    with pytest.raises(
        ValueError, match=r"test_dataloader of .*toy\.py to be set, but got None.* --gallery"
    ):
        retrieve([alone], out=tmp_path, queries=[photos])
    with pytest.raises(ValueError, match=r"test_dataloader of .*toy\.py to load .* got None"):
        apis.test(cfg, checkpoint)


def test_warns_on_test_images_of_one_class(config, checkpoint, tmp_path, capsys):
    (tmp_path / "set").mkdir()
    root = Path(config.test_dataloader.dataset.data_root)
    shutil.copytree(root / "train", tmp_path / "set/train")
    shutil.copytree(root / "test/w", tmp_path / "set/test/w")
    cfg = copy.deepcopy(config)
    tested = (cfg[f"{part}_dataloader"].dataset for part in ("val", "test"))
    for node in (cfg.train_dataloader.dataset.dataset, *tested):
        node.data_root = str(tmp_path / "set")
    cfg.work_dir = str(tmp_path / "run")
    apis.check_before_training(cfg)
    assert "/test are of one class (w), so" in capsys.readouterr().out
    apis.test(cfg, checkpoint)
    assert "/test are of one class (w), so" in capsys.readouterr().out
    for i in range(1, 5):
        (tmp_path / "set/test/w" / f"{i}.png").unlink()
    for ask in (lambda: apis.check_before_training(cfg), lambda: apis.test(cfg, checkpoint)):
        with pytest.raises(ValueError, match="two or more validation images per class"):
            ask()


def test_searches_with_the_features_of_a_classifier(config, checkpoint, tmp_path):
    tapped = retrieve(
        [Contender("toy", config, checkpoint)], out=tmp_path, tap="decode_head.pool", keep=False
    )
    plain = retrieve([Contender("toy", config, checkpoint)], out=tmp_path, keep=False)
    rows = [one["pictures"]["queries"][0]["found"]["toy"][0] for one in (tapped, plain)]
    assert rows[0]["similarity"] != rows[1]["similarity"]


def test_report_shows_search_results(config, tmp_path, capsys):
    shutil.copytree(config.work_dir, tmp_path / "again")
    shutil.copy(f"{config.work_dir}/iter_2.pth", tmp_path / "again/iter_4.pth")
    page = report([config.work_dir, tmp_path / "again"], tmp_path / "a.html", which="last")
    page = page.read_text()
    assert "recall1 last" in page and "recall5 last" in page and "No pictures" not in page
    section = re.search('<section id="best-and-worst">(.*?)</section>', page, re.S)[1]
    assert section.count("<img ") == 4  # worst and evenly spaced queries of two runs
    section = re.search('<section id="side-by-side">(.*?)</section>', page, re.S)[1]
    assert section.count("<img ") == 1  # where the two differ most
    assert 'id="confusion"' not in page
    assert "searches the validation images" in capsys.readouterr().out


def test_raises_on_invalid_options(config, checkpoint, tmp_path):
    def ask(*contenders, **options):
        return retrieve(contenders, out=tmp_path / "out", keep=False, **options)

    toy = Contender("toy", config, checkpoint)
    with pytest.raises(ValueError, match="a different name for each network, but got toy, toy"):
        ask(toy, toy)
    with pytest.raises(ValueError, match="k to be 1 or more, but got 0"):
        ask(toy, k=0)
    with pytest.raises(FileNotFoundError, match="Checkpoint gone.pth does not exist"):
        ask(Contender("toy", config, "gone.pth"))
    with pytest.raises(FileNotFoundError, match="gone to be an image or a folder"):
        ask(toy, queries=["gone"])
    other, masks = copy.deepcopy(config), copy.deepcopy(config)
    other.test_dataloader.dataset.folder = "train"
    with pytest.raises(ValueError, match="but other and toy have different images"):
        ask(toy, Contender("other", other, checkpoint))
    assembly = dict(type="SpatialAssembly", in_channels=64, grid=2, hidden_channels=4)
    extended = copy.deepcopy(config)
    extended.model.student |= dict(
        type="ExtendedSegmentor", insert=dict(at="backbone.layer4", module=assembly)
    )
    for use in (lambda: ask(Contender("san", extended, checkpoint)),
                lambda: apis.test(extended, checkpoint)):  # fmt: skip
        with pytest.raises(ValueError, match="to have weights of SpatialAssembly, .* has none"):
            use()
    masks.model.student.decode_head = dict(type="FCNHead")
    with pytest.raises(ValueError, match="decode_head of toy to be .*, but got FCNHead"):
        ask(Contender("toy", masks, checkpoint))
    with pytest.raises(ValueError, match=r"show_dir, .* tools/retrieve\.py to draw"):
        apis.test(config, checkpoint, show_dir=str(tmp_path / "out"))
    with pytest.raises(ValueError, match=r"classes, but got EmbeddingHead. Use tools/retrieve"):
        apis.Inferencer(config, checkpoint)
    with pytest.raises(ValueError, match="to predict classes"):
        apis.evaluate_features(config, checkpoint)
    with pytest.raises(ValueError, match="to predict classes"):
        apis.pseudo_label(config, checkpoint, str(tmp_path / "out"), share=0.3)
    assert not (tmp_path / "out").exists()


def test_exports_an_embedding_network_to_onnx(config, checkpoint, tmp_path):
    pytest.importorskip("onnxruntime")
    found = apis.export_onnx(config, checkpoint, tmp_path / "a.onnx")
    assert found["difference"] < 1e-4 and found["metadata"]["task"] == "embedding"
    assert found["metadata"]["output"] == "float32 (batch, 8), of length 1"
    assert "classes" not in found["metadata"]
    with pytest.raises(ValueError, match="got an embedding. Leave argmax out"):
        apis.export_onnx(config, checkpoint, tmp_path / "b.onnx", argmax=True)
