# SPDX-License-Identifier: Apache-2.0
import json
import shutil
from pathlib import Path

import pytest

from rankseg import apis
from rankseg.cli import predict, test
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.training.run_reference import find_checkpoint

CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.fixture
def run(toy_runs, tmp_path) -> Path:
    """A copy of a finished run, in another folder than that of training."""
    return Path(shutil.copytree(toy_runs["rank"], tmp_path / "run", symlinks=True))


def test_finds_best_and_last(run):
    (best,) = run.glob("best_mIoU_iter_*.pth")
    assert Path(find_checkpoint(run)).samefile(best)
    assert Path(find_checkpoint(run / "best")).samefile(best)
    assert find_checkpoint(run / "last") == find_checkpoint(run, "last") == str(run / "iter_4.pth")
    assert find_checkpoint(run, "iter_4.pth") == str(run / "iter_4.pth")
    assert (run / "last.pth").samefile(run / "iter_4.pth") and (run / "best.pth").samefile(best)


def test_uses_the_last_one_without_a_best_one(run):
    for file in run.glob("best*.pth"):
        file.unlink()
    assert find_checkpoint(run) == str(run / "iter_4.pth")
    with pytest.raises(FileNotFoundError, match=r"a best checkpoint, but .*run contains .*iter_4"):
        find_checkpoint(run / "best")


def test_lists_the_checkpoints_that_exist(run):
    with pytest.raises(FileNotFoundError, match=r"iter_7\.pth does not exist: .*iter_4\.pth"):
        find_checkpoint(run, "iter_7.pth")
    with pytest.raises(FileNotFoundError, match=r"iter_7\.pth does not exist: .*iter_4\.pth"):
        apis.test(apis.load_config(str(run)), str(run / "iter_7.pth"))


def test_reads_the_settings_of_a_run(run, toy_runs):
    cfg = apis.load_config(str(run), options={"model.threshold": 0.5}, seed=3)
    assert cfg.model.type == "RankMatch" and cfg.model.threshold == 0.5
    assert cfg.randomness.seed == 3 and cfg.work_dir == str(run)
    assert cfg.train_cfg.max_iters == 4  # not that of the config file
    with pytest.raises(FileNotFoundError, match=f"contains the runs .*{run.name}"):
        apis.load_config(str(run.parent))


def test_tools_take_a_run_or_config_and_checkpoint(run, tmp_path):
    cfg = apis.load_config(str(run))
    images = Path(cfg.val_dataloader.dataset.data_root) / "test"
    results = []
    for number, model in enumerate(
        ([str(run / "last")], [cfg.config_file, str(run / "iter_4.pth")])
    ):
        out = tmp_path / f"{number}.json"
        test.main([model[0], "--out", str(out), *model[1:], "--work-dir", str(tmp_path / "w")])
        results.append(json.loads(out.read_text())["mIoU"])
    assert results[0] == results[1]
    one = sorted(images.rglob("*.png"))[0]
    predict.main([str(run), "--out", str(tmp_path / "p"), str(one)])
    assert (tmp_path / "p/summary.csv").is_file()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model = ", "open('canary', 'w')\nmodel = "),
        ("type='SummaryHook'", "type='subprocess.Popen', args=['touch', 'canary']"),
        ("type='LoadSample'", "type='os.system'"),
        ("type='LocalVisBackend'", "type='WandbVisBackend'"),
        ("type='TestLoop'", "type='mmengine.runner.Runner'"),
        ("type='SGD'", "type='mmengine.load'"),
    ],
)
def test_runs_no_code_of_a_run_folder(run, monkeypatch, old, new):
    monkeypatch.chdir(run.parent)
    for file in run.glob("*/vis_data/config.py"):
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
    for file in run.glob("*.py"):  # never opened
        file.write_text("open('canary', 'w')")
    with pytest.raises(ValueError, match="could not read them|Did not build run"):
        apis.load_config(str(run))
    assert not Path("canary").exists()


@pytest.mark.parametrize(
    "name",
    ["rankmatch/demo.py", "snowball/svhn_250_resnet26.py", "tac_ccl/cub_googlenet_ccl.py"]
    + ["unimatch/voc_92.py", "mixmatch/cifar10_mini_100.py", "cmsf/cifar10_mini_byol.py"],
)
def test_settings_of_shipped_configs_need_no_trust(tmp_path, name):
    folder = tmp_path / "20260101_000000" / "vis_data"
    folder.mkdir(parents=True)
    apis.load_config(str(CONFIGS / name)).dump(folder / "config.py")
    assert apis.load_config(str(tmp_path)).work_dir == str(tmp_path)


def test_refuses_a_transform_that_is_also_a_module(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    monkeypatch.syspath_prepend(".")
    Path("Blur.py").write_text("open('canary', 'w')")
    for file in run.glob("*/vis_data/config.py"):
        file.write_text(file.read_text().replace("type='LoadSample'", "type='Blur'"))
    with pytest.raises(ValueError, match="type='Blur'"):
        apis.load_config(str(run))
    assert not Path("canary").exists()


def test_trusted_run_imports_its_own_modules(run, monkeypatch):
    monkeypatch.chdir(run.parent)
    monkeypatch.syspath_prepend(".")
    Path("mine_for_a_run.py").write_text("open('canary', 'w')")
    for file in run.glob("*/vis_data/config.py"):
        imports = "custom_imports = dict(imports=['mine_for_a_run'])"
        file.write_text(f"{imports}\n{file.read_text()}")
    apis.load_config(str(run))
    assert not Path("canary").exists()
    with trust_checkpoints():
        apis.load_config(str(run))
    assert Path("canary").exists()
