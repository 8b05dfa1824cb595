# SPDX-License-Identifier: Apache-2.0
import errno
import os
import stat

import pytest

from rankseg.errors import RunEnded
from rankseg.utils import atomic_file as files
from rankseg.utils.atomic_file import WriteError, atomic_write, read_json, write_json, write_text


def test_the_name_comes_last(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with atomic_write(path) as partial:
        partial.write_text("half")
        assert partial.parent == path.parent and not path.exists()
    assert path.read_text() == "half" and os.listdir(path.parent) == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path, error):
    path = tmp_path / "a.txt"
    write_text(path, "before")
    with pytest.raises(error), atomic_write(path) as partial:
        partial.write_text("half")
        raise error
    assert path.read_text() == "before" and os.listdir(tmp_path) == ["a.txt"]


def test_all_is_on_the_disk_before_it_has_the_name(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        inner = getattr(os, name)
        monkeypatch.setattr(
            os, name, lambda *a, name=name, inner=inner: calls.append(name) or inner(*a)
        )
    write_text(tmp_path / "a.txt", "text")
    assert calls == ["fsync", "replace", "fsync"]  # the file, its name, the folder


def test_a_file_system_that_syncs_no_folders(tmp_path, monkeypatch):
    inner = os.fsync

    def fsync(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(22, "Invalid argument")
        inner(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text" and os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_is_a_file(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(
        WriteError, match="file/a.json could not be written.*folder that you can write to"
    ):
        write_json(tmp_path / "file/a.json", {})
    assert issubclass(WriteError, RunEnded)


@pytest.mark.parametrize("content", ["", "{", "\x00"])
def test_damaged_notes_are_begun_anew(tmp_path, content):
    (tmp_path / "a.json").write_text(content)
    assert read_json(tmp_path / "a.json") is None
    assert read_json(tmp_path / "none.json") is None


@pytest.mark.parametrize("name", ["x" * 251 + ".txt", "é" * 125 + ".txt"])
def test_a_name_as_long_as_names_may_be(tmp_path, name):
    write_text(tmp_path / name, "text")
    assert (tmp_path / name).read_text() == "text" and os.listdir(tmp_path) == [name]


def test_a_name_that_is_too_long_concerns_one_file(tmp_path):
    with pytest.raises(WriteError, match="File name too long.*at most 255 bytes") as caught:
        write_text(tmp_path / ("x" * 252 + ".txt"), "text")
    assert caught.value.of_one_file and not os.listdir(tmp_path)
    for number, one in ((errno.EACCES, True), (errno.ENOSPC, False), (errno.EIO, False)):
        with pytest.raises(WriteError) as caught, atomic_write(tmp_path / "a.txt"):
            raise OSError(number, os.strerror(number))
        assert caught.value.of_one_file is one


@pytest.mark.parametrize("content", ["[" * 100_000, "[1]", "{}", "3", "9" * 5000])
def test_json_of_another_form_is_begun_again(tmp_path, content, monkeypatch):
    said = []
    monkeypatch.setattr(files, "print_log", lambda text, *_: said.append(text))
    (tmp_path / "a.json").write_text(content)
    assert read_json(tmp_path / "a.json", lambda found: found["x"][0] + "") is None
    assert "a.json cannot be read" in said[0]
    (tmp_path / "a.json").write_text('{"x": ["y"]}')
    assert read_json(tmp_path / "a.json", lambda found: found["x"][0] + "") == {"x": ["y"]}
