# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets.file_error import FileError
from rankseg.datasets.own.colour_table import read_colours


@pytest.mark.parametrize(
    "text",
    [
        "0 0 0 sky\n0 0 255\tbig car\n255 255 255 ignore\n",
        "name,r,g,b\nsky,0,0,0\nbig car, 0, 0, 255\nignore,255,255,255\n",
        "# colours\n\n#000000 sky\n#0000FF big car\n#ffffff ignore",
    ],
)
def test_forms(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    expected = {0: "sky", 0xFF: "big car", 0xFFFFFF: "ignore"}
    assert read_colours(tmp_path / "t.txt") == expected
    assert list(read_colours(tmp_path / "t.txt")) == list(expected)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 0 0 a\n0 0 256 b\n", "line 2: '0 0 256 b' is no colour with a name: expected '0 0 255"),
        ("0 0 0 a\n0 0 0 b\n", "line 2: colour #000000 is 'a' and 'b'"),
        ("0 0 0 a\n9 9 9 void\n", "names 1 classes: expected two"),
        ("0 0 0\n", "line 1: '0 0 0' is no colour with a name"),
    ],
)
def test_refused(tmp_path, text, match):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(FileError, match=match):
        read_colours(tmp_path / "t.txt")


def test_no_text(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="no UTF-8 text"):
        read_colours(tmp_path / "t.txt")
