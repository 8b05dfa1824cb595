# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.apis import load_config
from rankseg.training import config as config_module


def test_options_of_the_command_line(config_file, tmp_path):
    cfg = load_config(
        str(config_file),
        data_root="/somewhere",
        split_root="/lists",
        seed=7,
        options={"model.rank.num_agents": 8},
    )
    assert cfg.train_dataloader.dataset.dataset.data_root == "/somewhere"
    assert cfg.val_dataloader.dataset.data_root == "/somewhere"
    assert cfg.test_dataloader == cfg.val_dataloader
    assert cfg.train_dataloader.dataset.split_root == "/lists"
    assert cfg.randomness.seed == cfg.train_dataloader.dataset.seed == 7
    assert cfg.model.rank.num_agents == 8


def test_options_for_testing_alone(config_file):
    options = {"test_dataloader.batch_size": 3, "val_dataloader.num_workers": 1}
    cfg = load_config(str(config_file), options=options)
    assert cfg.test_dataloader.batch_size == 3 and cfg.val_dataloader.batch_size == 1
    assert cfg.test_dataloader.num_workers == 1
    assert cfg.test_dataloader.dataset == cfg.val_dataloader.dataset


def test_split_root_moves_every_list():
    cfg = load_config("configs/rankmatch/em_mito_2.py", split_root="/lists")
    assert cfg.train_dataloader.dataset.labeled == "/lists/labeled_2.txt"
    assert cfg.val_dataloader.dataset.ann_file == "/lists/val.txt"


def test_seed_of_cfg_options_reaches_the_data(config_file):
    cfg = load_config(str(config_file), options={"randomness.seed": 5})
    assert cfg.train_dataloader.dataset.seed == 5
    with pytest.raises(ValueError, match="seed to be 0 or more, but got -1"):
        load_config(str(config_file), seed=-1)


def test_unknown_key_of_cfg_options(config_file):
    with pytest.raises(
        ValueError, match="no key 'modle' for .* modle.threshold. Did you mean 'model'"
    ):
        load_config(str(config_file), options={"modle.threshold": 0.3})


def test_work_dir_is_named_after_method_and_config():
    cfg = load_config("configs/rankmatch/voc_92.py")
    assert cfg.work_dir == "work_dirs/rankmatch/voc_92"
    assert load_config("configs/rankmatch/voc_92.py", work_dir="x").work_dir == "x"


def test_missing_config_says_what_is_near():
    with pytest.raises(FileNotFoundError, match=r"Did you mean .*configs/rankmatch/voc_92.py"):
        load_config("configs/rankmatch/voc_93.py")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"model.treshold": 0.9},
            "model.treshold to be an option of RankMatch, .* Did you mean 'thr",
        ),
        ({"model.rank.agents": 9}, "model.rank.agents to be an option of RankCorrelationLoss"),
        (
            {"train_dataloader.sampler.labelled": 9},
            "train_dataloader.sampler.labelled .* Did you mean 'labeled'",
        ),
        (
            {"train_dataloader.dataset.labeled_pipeline.1.crop": 9},
            r"labeled_pipeline\[1\].crop .* Did you mean 'crop_size'",
        ),
    ],
)
def test_unknown_options(config_file, options, message):
    with pytest.raises(ValueError, match=message):
        load_config(str(config_file), options=options)


def test_options_of_base_classes_are_known(config_file):
    load_config(str(config_file), options={"model.warmup": 3, "model.feature_weight": 0.1})


def test_tested_is_what_is_validated_unless_the_config_says(config_file):
    option = {"val_dataloader.dataset.binary": True}
    assert load_config(str(config_file), options=option).test_dataloader.dataset.binary
    text = "test_dataloader = dict(dataset=dict(type='FolderDataset', ann_file='x.txt'))"
    config_file.write_text(f"{config_file.read_text()}\n{text}\n")
    assert load_config(str(config_file)).test_dataloader.dataset.ann_file == "x.txt"


def test_option_of_the_model_without_its_prefix(config_file):
    with pytest.raises(ValueError, match="Did you mean 'model.pretrained'"):
        load_config(str(config_file), options={"pretrained": "x.pth"})


def test_config_that_is_no_python(tmp_path):
    (tmp_path / "a.py").write_text("x = 1\ny = (\n")
    with pytest.raises(
        ValueError, match=r"a\.py .*valid Python, .* '\(' was never closed \(line 2"
    ):
        load_config(str(tmp_path / "a.py"))


def test_config_whose_base_is_missing(tmp_path):
    (tmp_path / "a.py").write_text("_base_ = './b.py'\n")
    with pytest.raises(FileNotFoundError, match=r"a\.py names a file in _base_.*b\.py"):
        load_config(str(tmp_path / "a.py"))


def test_another_split_moves_its_lists_and_the_work_folder(tmp_path):
    cfg = load_config("configs/rankmatch/voc_92.py", split="183", split_root=str(tmp_path))
    assert cfg.train_dataloader.dataset.split == "183"
    assert cfg.train_dataloader.dataset.split_root == str(tmp_path)
    assert cfg.val_dataloader.dataset.ann_file == str(tmp_path / "val.txt")  # of all splits
    assert cfg.work_dir == "work_dirs/rankmatch/voc_92_split_183"
    cfg = load_config("configs/rankmatch/voc_92.py", split="183", work_dir="mine")
    assert cfg.work_dir == "mine"


def test_another_split_of_a_config_that_names_its_lists():
    with pytest.raises(ValueError, match="for split 16.*labeled.*options"):
        load_config("configs/rankmatch/em_mito_2.py", split="16")


def test_validation_lists_in_the_folder_of_the_split_move_along():
    cfg = load_config("configs/rankmatch/lucchi_5.py")
    cfg.val_dataloader.dataset.ann_file = f"splits/{cfg.train_dataloader.dataset.split}/val.txt"
    config_module._choose_split(cfg, "a/b")
    assert cfg.val_dataloader.dataset.ann_file == "splits/a/b/val.txt"


def test_unknown_option_of_a_part_without_a_type():
    with pytest.raises(ValueError, match="model.rank.agents.*RankCorrelationLoss.*num_agents"):
        load_config("configs/rankmatch/voc_92.py", options={"model.rank.agents": 9})
