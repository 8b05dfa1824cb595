# SPDX-License-Identifier: Apache-2.0
"""More of this, with runs, is in tests/reliability."""

import pytest
from mmengine.config import Config

from rankseg.training.work_folder import (
    check_unused,
    check_work_dir,
    checkpoints,
    remove_run,
    resume_from_latest,
    where_to_resume,
)


def test_checking_leaves_nothing_behind(tmp_path):
    check_work_dir(tmp_path / "a/b/c")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a").mkdir()
    check_work_dir(tmp_path / "a/b")
    check_work_dir(tmp_path / "a")
    assert [one.name for one in tmp_path.rglob("*")] == ["a"]


def test_newest_first_by_number(tmp_path):
    for name in ("iter_9.pth", "iter_100.pth", "iter_20.pth", "iter_x.pth", "iter_30.pth.partial"):
        (tmp_path / name).touch()
    assert [one.name for one in checkpoints(tmp_path)] == [
        "iter_100.pth",
        "iter_20.pth",
        "iter_9.pth",
    ]
    assert checkpoints(tmp_path / "none") == []


@pytest.mark.parametrize("name", ["iter_9.pth", "best_mIoU_iter_3.pth"])
def test_a_folder_with_a_run(tmp_path, name):
    check_unused(tmp_path)
    (tmp_path / "summary.json").touch()
    check_unused(tmp_path)
    (tmp_path / name).touch()
    how = "Add --resume to" if name.startswith("iter") else "It cannot be resumed"
    with pytest.raises(ValueError, match=f"but it contains {name}. {how}.*--overwrite"):
        check_unused(tmp_path)


def test_how_to_go_on(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path)))
    resume_from_latest(cfg)
    assert "resume" not in cfg and "load_from" not in cfg
    assert where_to_resume(cfg) == f"There is no checkpoint to resume in {tmp_path}"
    (tmp_path / "iter_9.pth").touch()
    end = f"continues from {tmp_path}/iter_9.pth"
    assert where_to_resume(cfg) == f"The same command with --resume {end}"
    assert where_to_resume(cfg, True) == (
        f"The same command with --resume instead of --overwrite {end}"
    )
    with pytest.raises(ValueError, match="none of the 1 can be read"):
        resume_from_latest(cfg)


def test_removing_a_run_leaves_the_rest(tmp_path):
    gone = ["iter_9.pth", "best_top1_x_iter_7.pth", "last_checkpoint", "summary.json"]
    gone += ["iter_1.pth.partial", "pseudo_labels.png", "label_propagation.json", "clusters.json"]
    gone += ["discovery.json", "discovery.png", "features.json", "neighbours.json", "panels.npz"]
    gone += ["neighbours_ranks.png", "retrieval.png", "discovery_maps/generation1_iteration2.png"]
    kept = ["train.txt", "config.py", "metrics.json", "iter_9_copy.pth", "iter_x.pth"]
    kept += ["best_of_all.pth", "best_mIoU_iter_9_copy.pth", "download.partial", "iter_9.pth.bak"]
    kept += ["pseudo_labels.backup", "label_propagation.py", "clusters.npz"]
    maps = tmp_path / "discovery_maps"
    maps.mkdir()
    for name in (*gone, *kept):
        (tmp_path / name).touch()
    remove_run(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(kept)
    maps.mkdir()
    (maps / "mine.png").touch()
    remove_run(tmp_path)
    assert (maps / "mine.png").is_file()
