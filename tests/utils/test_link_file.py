# SPDX-License-Identifier: Apache-2.0
import os
from pathlib import Path

import pytest

from rankseg.utils.link_file import follow_link, is_link, write_link


def no_symlinks(*args, **kwargs):
    raise OSError("not supported")


@pytest.fixture(params=["symbolic", "text"])
def kind(request, monkeypatch):
    if request.param == "text":
        monkeypatch.setattr(Path, "symlink_to", no_symlinks)
    return request.param


def test_leads_to_the_newest_target(kind, tmp_path):
    link = tmp_path / "last.pth"
    for name in ("iter_5.pth", "iter_10.pth"):
        (tmp_path / name).write_text(name)
        write_link(link, tmp_path / name)
        assert follow_link(link) == tmp_path / name
    assert link.is_symlink() == (kind == "symbolic") and is_link(link)
    assert sorted(os.listdir(tmp_path)) == ["iter_10.pth", "iter_5.pth", "last.pth"]


def test_moves_with_its_folder(kind, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "iter_5.pth").write_text("weights")
    write_link(run / "last.pth", run / "iter_5.pth")
    run.rename(tmp_path / "moved")
    assert follow_link(tmp_path / "moved/last.pth").read_text() == "weights"


def test_leads_to_another_folder(kind, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/iter_5.pth").write_text("weights")
    write_link(tmp_path / "last.pth", tmp_path / "elsewhere/iter_5.pth")
    assert follow_link(tmp_path / "last.pth").read_text() == "weights"


def test_keeps_a_file_of_the_user(tmp_path):
    (tmp_path / "best.pth").write_text("my weights")
    write_link(tmp_path / "best.pth", tmp_path / "iter_5.pth")
    assert (tmp_path / "best.pth").read_text() == "my weights"
    assert follow_link(tmp_path / "best.pth") == tmp_path / "best.pth"
