# SPDX-License-Identifier: Apache-2.0
"""Full disks and folders that cannot be written to."""

import errno
import os
import resource
import subprocess
from pathlib import Path

import pytest

from rankseg import apis
from rankseg.engine.resilience.checkpoint import read_resumable
from rankseg.errors import RunEnded
from rankseg.models.methods import Supervised
from rankseg.training.work_folder import checkpoints
from rankseg.utils import atomic_file as files
from rankseg.utils.atomic_file import WriteError


def assert_good_end(job, run: Path, reason: str) -> None:
    """One sentence, the last good checkpoint, and no half of another."""
    assert job.wait() == 1, job.text
    assert "Traceback" not in job.text
    last = job.text.strip().splitlines()[-1]
    assert last.startswith("error: ") and reason in last and "Free space" in last
    assert f"--resume continues from {checkpoints(run)[0]}" in last
    read_resumable(checkpoints(run)[0])
    assert not list(run.glob("**/*.partial"))


def test_a_limit_on_the_size_of_files(start, config, tmp_path):
    file = config("supervised")
    assert start(file, "--work-dir", tmp_path, "--cfg-options", SHORT).wait() == 0
    size = (tmp_path / "iter_2.pth").stat().st_size
    again = (file, "--work-dir", tmp_path, "--resume", "--extend-schedule")
    job = start(*again, limits={resource.RLIMIT_FSIZE: size // 2})
    assert_good_end(job, tmp_path, "iter_4.pth could not be written (File too large)")
    names = [one.name for one in checkpoints(tmp_path)]
    assert "iter_2.pth" in names and "iter_4.pth" not in names
    assert start(*again).wait() == 0


SHORT = "train_cfg.max_iters=2"


@pytest.fixture
def small_disk(tmp_path):
    """A file system with room for one checkpoint and a half, where the machine lets us mount."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2560k", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine does not let us mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_disk_that_is_full(start, config, small_disk):
    job = start(config("supervised"), "--work-dir", small_disk / "run")
    assert_good_end(job, small_disk / "run", "(No space left on device)")


@pytest.mark.parametrize("call", ["fsync", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
def test_a_file_is_whole_or_as_it_was(tmp_path, monkeypatch, call, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    path = tmp_path / "notes.json"
    files.write_json(path, [1])
    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(WriteError, match=f"notes.json could not.*{os.strerror(number)}"):
            files.write_json(path, [2])
    assert files.read_json(path) == [1]
    assert [one.name for one in tmp_path.iterdir()] == ["notes.json"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
def test_a_log_that_cannot_be_written(quick_train, tmp_path, monkeypatch, number):
    from mmengine.visualization import LocalVisBackend

    def fail(*_, **__):
        raise OSError(number, os.strerror(number), str(tmp_path / "run/scalars.json"))

    monkeypatch.setattr(LocalVisBackend, "_dump", fail)
    with pytest.raises(RunEnded, match="run/scalars.json could not be written"):
        quick_train("supervised", tmp_path / "run")


class FullFile:
    """A file on a full disk: the error names none."""

    def write(self, *_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_log_on_a_full_disk(quick_train, tmp_path, monkeypatch):
    from mmengine.visualization import vis_backend

    monkeypatch.setattr(vis_backend, "dump", lambda *_, **__: FullFile().write())
    with pytest.raises(RunEnded, match=f"{tmp_path}/run could not be written.*Free space"):
        quick_train("supervised", tmp_path / "run")


@pytest.mark.parametrize("name", [None, "/elsewhere/x"])
def test_another_disk_is_not_taken_for_that_of_the_run(quick_train, tmp_path, monkeypatch, name):
    def fail(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    monkeypatch.setattr(Supervised, "loss", fail)
    with pytest.raises(OSError, match="No space left on device"):
        quick_train("supervised", tmp_path / "run")


@pytest.mark.parametrize(
    ("place", "reason"),
    [
        ("file", "/file is a file"),
        ("file/below/it", "/file is a file"),
        ("/proc/run", "writable, but it is not"),
    ],
)
def test_a_work_folder_that_cannot_be_written_to(config, tmp_path, place, reason):
    (tmp_path / "file").write_text("here")
    cfg = apis.load_config(str(config("supervised")), work_dir=str(tmp_path / place))
    with pytest.raises(ValueError, match=f"work folder .*{reason}.*another one with work_dir"):
        apis.check_before_training(cfg)
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_folder_without_permission(config, tmp_path, monkeypatch):
    # permissions do not bind root, as whom tests may run
    def mkdir(*_, **__):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    cfg = apis.load_config(str(config("supervised")), work_dir=str(tmp_path / "run"))
    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(ValueError, match=r"run to be writable, .* is not \(Permission denied\)"):
        apis.check_before_training(cfg)


def test_a_read_only_folder_that_is_there(config, tmp_path, monkeypatch):
    import tempfile

    def create(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    cfg = apis.load_config(str(config("supervised")), work_dir=str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", create)
    with pytest.raises(ValueError, match=r"writable, but it is not \(Read-only file system\)"):
        apis.check_before_training(cfg)
    assert tmp_path.is_dir()
