# SPDX-License-Identifier: Apache-2.0
import os
import stat

import pytest

from rankseg.utils.atomic_file import WriteError
from rankseg.utils.atomic_folder import atomic_folder, refuse_full


def test_a_folder_appears_with_all_that_is_in_it(tmp_path):
    out = tmp_path / "deep" / "out"
    with atomic_folder(out) as partial:
        (partial / "a").write_text("a")
        assert not out.exists()
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    assert (out / "a").read_text() == "a"
    os.mkdir(tmp_path / "usual")
    assert stat.S_IMODE(out.stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


def test_nothing_is_left_of_a_failure(tmp_path):
    with pytest.raises(KeyError), atomic_folder(tmp_path / "out") as partial:
        (partial / "a").write_text("a")
        raise KeyError("a")
    assert not any(tmp_path.iterdir())


def test_where_there_is_a_file_no_folder_can_be_made(tmp_path):
    (tmp_path / "file").write_text("precious")
    refused = pytest.raises(WriteError, match=r"out could not be written \((Not a dir|File exists)")
    with refused, atomic_folder(tmp_path / "file" / "out"):
        pass
    assert (tmp_path / "file").read_text() == "precious"


def test_only_an_empty_folder_is_taken(tmp_path):
    refuse_full(tmp_path / "none")
    refuse_full(tmp_path)
    (tmp_path / "link").symlink_to("nowhere")
    for path in (tmp_path, tmp_path / "link"):
        with pytest.raises(ValueError, match="to be new or an empty folder"):
            refuse_full(path)
