# SPDX-License-Identifier: Apache-2.0
"""Checkpoints that are damaged, of another run, or not what they seem."""

import io
import json
import os
import pickle
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from torch import nn

from rankseg import apis
from rankseg.engine.resilience.checkpoint import (
    DamagedCheckpointError,
    load_checkpoint_file,
    read_resumable,
    trust_checkpoints,
)
from rankseg.models.methods import Supervised
from rankseg.training.work_folder import latest_checkpoint


@pytest.fixture(scope="module")
def run(config, tmp_path_factory) -> Path:
    """Folder of a finished run; checkpoints 6 and 8."""
    folder = tmp_path_factory.mktemp("runs") / "run"
    cfg = apis.load_config(str(config("rankmatch")), work_dir=str(folder))
    apis.train(cfg)
    return folder


@pytest.fixture
def copy(run, tmp_path) -> Path:
    """A copy of it, to be broken."""
    return Path(shutil.copytree(run, tmp_path / "run"))


# --- damaged


def without(*keys):
    def damage(file: Path) -> None:
        content = torch.load(file, weights_only=False)
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        torch.save(content, file)

    return damage


def cut(share):
    return lambda file: os.truncate(file, int(share * file.stat().st_size))


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


DAMAGES = {
    "empty": cut(0),
    "half": cut(0.5),
    "end": cut(0.999),
    "one bit": flip,
    "noise": lambda file: file.write_bytes(np.random.default_rng(0).bytes(5000)),
    "zeros": lambda file: file.write_bytes(bytes(20480)),
    "text": lambda file: file.write_text("hello"),
    "a list": lambda file: torch.save([1], file),
    "only weights": lambda file: torch.save({"state_dict": {}}, file),
    "no optimizer": without("optimizer"),
    "no iteration": without("meta", "iter"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_the_one_before_a_damaged_one_is_used(config, copy, name, capsys):
    DAMAGES[name](copy / "iter_8.pth")
    cfg = apis.load_config(str(config("rankmatch")), work_dir=str(copy))
    apis.resume_from_latest(cfg)
    assert cfg.load_from == str(copy / "iter_6.pth")
    said = capsys.readouterr()
    assert f"heckpoint {copy}/iter_8.pth" in said.out + said.err
    assert "Trying the one before it" in said.out + said.err


def test_all_are_damaged(config, copy):
    for name in ("iter_6.pth", "iter_8.pth"):
        cut(0.5)(copy / name)
    cfg = apis.load_config(str(config("rankmatch")), work_dir=str(copy))
    with pytest.raises(ValueError, match="none of the 2 can be read .*iter_8.pth, iter_6.pth"):
        latest_checkpoint(cfg)


def test_a_run_goes_on_from_the_one_before(quick_train, copy, run, assert_same):
    cut(0.5)(copy / "iter_8.pth")
    quick_train("rankmatch", copy, resume=True)
    assert_same(run, copy)
    logs = "".join(file.read_text() for file in copy.rglob("*.log"))
    assert "resumed epoch" in logs and "is not defined in message_hub" not in logs


def test_best_weights_are_no_run(run):
    best = next(run.glob("best_*.pth"))
    with pytest.raises(DamagedCheckpointError, match="best_.*an iter_.*has no optimizer"):
        read_resumable(best)


def test_a_folder_that_was_moved_or_copied(config, quick_train, copy, run, assert_same):
    before = {file: file.read_bytes() for file in run.glob("*.pth")}
    (copy / "iter_8.pth").unlink()
    quick_train("rankmatch", copy, resume=True)
    assert (copy / "last_checkpoint").read_text() == str(copy / "iter_8.pth")
    assert_same(run, copy)
    assert {file: file.read_bytes() for file in run.glob("*.pth")} == before


# --- of another run


OTHERS = {
    "randomness.seed was 0 and is now 1": {"randomness__seed": 1},
    "model.type was RankMatch and is now UniMatch": {
        "model": dict(_delete_=True, type="UniMatch"),
    },
    "labeled images in a batch of all processes was 2 and is now 3": {
        "train_dataloader__sampler__labeled": 3,
        "train_dataloader__batch_size": 5,
    },
}


@pytest.mark.parametrize("message", OTHERS)
def test_another_run_does_not_go_on(config, quick_train, copy, message):
    options = dict(OTHERS[message])
    if "model" in options:
        cfg = apis.load_config(str(config("rankmatch")))
        keep = ("student", "data_preprocessor", "teacher")
        options["model"].update({key: cfg.model[key].to_dict() for key in keep})
    before = sorted(copy.rglob("*"))
    with pytest.raises(ValueError, match=f"iter_8.pth is from a different run: {message}"):
        quick_train("rankmatch", copy, resume=True, **options)
    assert sorted(copy.rglob("*")) == before


@pytest.mark.parametrize("half", ["labeled", "unlabeled"])
def test_other_lists_do_not_go_on(toy_set, quick_train, copy, tmp_path, half):
    other = Path(shutil.copytree(toy_set, tmp_path / "other"))
    file = other / f"splits/masks/{half}.txt"
    lines = file.read_text().splitlines(keepends=True)
    count = len(lines)
    file.write_text("".join(lines[1:]))
    roots = root_options(other)
    message = (
        rf"{half} images was {count} \(digest \w+\) and is now {count - 1} \(digest \w+\) in list "
        rf"{file}. Restore the old list, or start .*load_from.*{copy}/iter_8.pth"
    )
    with pytest.raises(ValueError, match=message):
        quick_train("rankmatch", copy, resume=True, **roots)


def test_another_validation_list_is_told(toy_set, quick_train, copy, tmp_path, capsys):
    other = Path(shutil.copytree(toy_set, tmp_path / "other"))
    file = other / "splits/masks/val.txt"
    file.write_text(file.read_text().split("\n", 1)[1])
    quick_train("rankmatch", copy, resume=True, train_cfg__max_iters=9, **root_options(other))
    said = "".join(capsys.readouterr())
    assert "was validated on other images: validation images was 4 (digest" in said
    assert f"in list {file}. Metrics before and after it" in said
    assert (copy / "iter_9.pth").is_file()


@pytest.mark.parametrize("gone", [False, True])
def test_lists_that_change_while_a_run_is_under_way(
    toy_set, quick_train, tmp_path, monkeypatch, gone
):
    own = Path(shutil.copytree(toy_set, tmp_path / "own"))
    file, inner = own / "splits/masks/labeled.txt", Supervised.loss
    before = file.read_text()

    def loss(*args, **kwargs):  # before the first checkpoint
        file.unlink(missing_ok=True) if gone else file.write_text(before.split("\n", 1)[1])
        return inner(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(Supervised, "loss", loss)
        run = quick_train("supervised", tmp_path / "run", **root_options(own))
    if not gone:
        with pytest.raises(ValueError, match="is from a different run: labeled images was"):
            quick_train("supervised", run, resume=True, **root_options(own))
    file.write_text(before)
    longer = dict(train_cfg__max_iters=9, extend_schedule=True)
    quick_train("supervised", run, resume=True, **longer, **root_options(own))
    assert (run / "iter_9.pth").is_file()


def root_options(root: Path) -> dict[str, str]:
    return {
        "train_dataloader__dataset__dataset__data_root": str(root),
        "val_dataloader__dataset__data_root": str(root),
    }


def test_what_may_differ(toy_set, quick_train, copy, tmp_path, capsys):
    # the data moved, the run goes on longer, logs more rarely
    other = Path(shutil.copytree(toy_set, tmp_path / "other"))
    options = dict(train_cfg__max_iters=9, default_hooks__logger__interval=2)
    quick_train("rankmatch", copy, resume=True, extend_schedule=True, **options,
                **root_options(other))  # fmt: skip
    assert (copy / "iter_9.pth").is_file()


def rates(run):
    """Logged learning rates by iteration."""
    found = {}
    for file in sorted(run.glob("*/vis_data/scalars.json")):
        for line in file.read_text().splitlines():
            entry = json.loads(line)
            if "lr" in entry:
                found[entry["step"]] = entry["lr"]
    return found


def test_a_finished_run_is_extended_by_a_flag_alone(quick_train, copy, tmp_path):
    match = (
        r"a schedule for 12 iterations, .* for 8 and .* be 0 or less in iterations 9 to 12"
        r"\. Add cfg.extend_schedule=True .* continues at 0\.0062"
    )
    with pytest.raises(ValueError, match=match):
        quick_train("rankmatch", copy, resume=True, train_cfg__max_iters=12)
    quick_train("rankmatch", copy, resume=True, train_cfg__max_iters=12, extend_schedule=True)
    found = rates(copy)
    wanted = {i + 1: 0.02 * (1 - i / 11) ** 0.9 for i in range(8, 12)}  # PolyLR of 12 iterations
    assert {i: found[i] for i in range(9, 13)} == pytest.approx(wanted, abs=1e-9)
    # from here on this is the schedule of the run: a resumed one needs no flag
    quick_train("rankmatch", copy, resume=str(copy / "iter_10.pth"), train_cfg__max_iters=12)
    assert rates(copy) == pytest.approx(found, abs=1e-9)


def test_a_constant_learning_rate_needs_no_flag(quick_train, tmp_path):
    run, same = tmp_path / "run", dict(param_scheduler=None, train_cfg__val_interval=100)
    quick_train("supervised", run, train_cfg__max_iters=2, **same)
    quick_train("supervised", run, resume=True, train_cfg__max_iters=4, **same)
    assert rates(run)[4] == 0.02
    logs = "".join(file.read_text() for file in run.glob("*/*.log"))
    assert "started for 2 iterations and now ends at 4. Learning rates follow the" in logs


def test_an_older_checkpoint_says_nothing_of_its_run(quick_train, copy):
    without("meta", "run")(copy / "iter_8.pth")
    quick_train("rankmatch", copy, resume=True, randomness__seed=1)


# --- a new run where there is one


def test_a_new_run_does_not_destroy_one(quick_train, copy):
    before = {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match=r"but it contains iter_8.pth.*overwrite=True"):
        quick_train("rankmatch", copy)
    assert {file: file.read_bytes() for file in copy.rglob("*") if file.is_file()} == before


def test_overwrite(config, quick_train, copy):
    cfg = apis.load_config(
        str(config("rankmatch")), work_dir=str(copy), options={"train_cfg.max_iters": 1}
    )
    cfg.load_from = str(copy / "iter_6.pth")
    with pytest.raises(ValueError, match="iter_6.pth, a checkpoint of the run .* Copy it to an"):
        apis.train(cfg, overwrite=True)
    cfg.load_from = str(shutil.copy(copy / "iter_6.pth", copy / "start.pth"))
    apis.train(cfg, overwrite=True)
    assert sorted(file.name for file in copy.glob("*.pth")) == [
        "best.pth",
        "best_mIoU_iter_1.pth",
        "iter_1.pth",
        "last.pth",
        "start.pth",
    ]


# --- code in a checkpoint


class Call:
    """Calls something when it is unpickled."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def gadgets(trap: Path) -> dict[str, object]:
    shell = f"touch {trap}"
    return {
        "os.system": Call(os.system, shell),
        "eval": Call(eval, f"__import__('os').mkdir({str(trap)!r})"),
        "exec": Call(exec, f"import os; os.mkdir({str(trap)!r})"),
        "a chain of getattr": Call(getattr, Call(getattr, HistoryBuffer, "mean"), "__globals__"),
        "import": Call(getattr, Call(__import__, "os"), "mkdir"),
        "a method of a log": Call(getattr, HistoryBuffer, "__init__"),
        "objects in an array": np.array([Call(os.system, shell)], dtype=object),
        "path": Call(Path.touch, trap),
    }


PLACES = {
    "top": lambda gadget: {"state_dict": {}, "x": gadget},
    "hook_msgs": lambda gadget: {"state_dict": {}, "meta": {"hook_msgs": {"x": [gadget]}}},
    "optimizer": lambda gadget: {"state_dict": {}, "optimizer": {"state": {0: {"x": gadget}}}},
    "key": lambda gadget: {"state_dict": {}, "x": {("k", 1): gadget}},
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", gadgets(Path("trap")))
def test_code_does_not_run(tmp_path, name, place, legacy):
    trap, file = tmp_path / "trap", tmp_path / "model.pth"
    content = PLACES[place](gadgets(trap)[name])
    torch.save(content, file, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(ValueError, match="model.pth holds more than data .*--trust-checkpoint"):
        load_checkpoint_file(str(file))
    with pytest.raises(ValueError, match="holds more than data"):
        read_resumable(file)
    assert not trap.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_a_plain_pickle(tmp_path, protocol):
    trap, file = tmp_path / "trap", tmp_path / "model.pth"
    file.write_bytes(pickle.dumps({"x": Call(os.mkdir, str(trap))}, protocol))
    with pytest.raises(ValueError, match="model.pth (holds more than data|is damaged)"):
        load_checkpoint_file(str(file))
    assert not trap.exists()


def test_an_archive_of_an_old_torch(tmp_path):
    trap, file = tmp_path / "trap", tmp_path / "model.pth"
    with tarfile.open(file, "w") as archive:
        for name in ("storages", "tensors", "pickle"):
            content = pickle.dumps(Call(os.mkdir, str(trap)), 2)
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    with pytest.raises(ValueError, match="holds more than data"):
        load_checkpoint_file(str(file))
    assert not trap.exists()


def test_a_compiled_model(tmp_path):
    torch.jit.script(nn.Linear(2, 2)).save(tmp_path / "model.pth")
    with pytest.raises(ValueError, match="holds more than data"):
        load_checkpoint_file(str(tmp_path / "model.pth"))


def test_who_insists(tmp_path):
    trap, file = tmp_path / "trap", tmp_path / "model.pth"
    torch.save({"state_dict": {}, "x": Call(os.mkdir, str(trap))}, file)
    with trust_checkpoints():
        assert load_checkpoint_file(str(file))["state_dict"] == {}
    assert trap.is_dir()
    with pytest.raises(ValueError, match="holds more than data"):
        load_checkpoint_file(str(file))
