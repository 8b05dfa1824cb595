# SPDX-License-Identifier: Apache-2.0
"""Links to the last and the best checkpoint."""

import os
from pathlib import Path

from rankseg import apis
from rankseg.engine.resilience.checkpoint_hook import BEST, LAST, CheckpointHook
from rankseg.models.weights.checkpoint_file import load_checkpoint_file
from rankseg.utils.link_file import follow_link


def train(config_file: Path, run: Path, iterations: int, **options) -> None:
    changes = {"train_cfg.max_iters": iterations, "default_hooks.checkpoint.max_keep_ckpts": 1}
    cfg = apis.load_config(str(config_file), work_dir=str(run), options=changes)
    if options.pop("resume", False):
        cfg.extend_schedule = True
        apis.resume_from_latest(cfg)
    apis.train(cfg, **options)


def test_links_follow_the_run(config_file, tmp_path):
    run = tmp_path / "run"
    train(config_file, run, 4)
    assert os.readlink(run / LAST) == "iter_4.pth" and not (run / "iter_2.pth").exists()
    assert [os.readlink(run / BEST)] == [file.name for file in run.glob("best_*_iter_*.pth")]
    train(config_file, run, 6, resume=True)
    assert os.readlink(run / LAST) == "iter_6.pth" and (run / BEST).is_file()


def test_every_link_leads_to_a_file_at_any_time(config_file, tmp_path, monkeypatch):
    run, seen = tmp_path / "run", []
    plain = CheckpointHook._remove

    def check(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        seen.extend(link for link in (run / LAST, run / BEST) if os.path.lexists(link))
        assert all(follow_link(link).is_file() for link in seen)

    monkeypatch.setattr(CheckpointHook, "_remove", check)
    train(config_file, run, 6)
    assert {link.name for link in seen} == {LAST, BEST}


def test_resumed_run_corrects_links(config_file, tmp_path):
    run = tmp_path / "run"
    train(config_file, run, 4)
    for link in (run / LAST, run / BEST):  # killed before they were changed
        link.unlink()
    (run / LAST).symlink_to("iter_2.pth")
    train(config_file, run, 4, resume=True)
    assert os.readlink(run / LAST) == "iter_4.pth" and (run / BEST).is_file()


def test_new_run_in_the_folder_removes_links(config_file, tmp_path):
    run = tmp_path / "run"
    train(config_file, run, 4)
    (run / BEST).unlink()
    (run / BEST).write_bytes(b"weights of the user")
    train(config_file, run, 2, overwrite=True)
    assert os.readlink(run / LAST) == "iter_2.pth"
    assert (run / BEST).read_bytes() == b"weights of the user"


def test_text_links_can_be_loaded(config_file, tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("not supported")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    train(config_file, tmp_path / "run", 2)
    assert not (tmp_path / "run/last.pth").is_symlink()
    assert load_checkpoint_file(str(tmp_path / "run/last.pth"))["meta"]["iter"] == 2


def test_folder_with_a_broken_link_only_is_unused(config_file, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / LAST).symlink_to("gone.pth")
    train(config_file, run, 2)
    assert os.readlink(run / LAST) == "iter_2.pth"
