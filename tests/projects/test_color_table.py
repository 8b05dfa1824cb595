# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.errors import FileError
from rankseg.projects.color_table import find_label_map, read_color_table

CVAT = (
    "# label:color_rgb:parts:actions\ncat dog:250,50,83::\nbackground:0,0,0::\nre:d:1,2,3:a,b:c\n"
)


@pytest.mark.parametrize(
    "text",
    [
        "0 0 0 sky\n0 0 255\tbig car\n255 255 255 ignore\n",
        "name,r,g,b\nsky,0,0,0\nbig car, 0, 0, 255\nignore,255,255,255\n",
        "# colors\n\n#000000 sky\n#0000FF big car\n#ffffff ignore",
    ],
)
def test_reads_all_formats(tmp_path, text):
    (tmp_path / "t.txt").write_text(text)
    expected = {0: "sky", 0xFF: "big car", 0xFFFFFF: "ignore"}
    assert read_color_table(tmp_path / "t.txt") == expected
    assert list(read_color_table(tmp_path / "t.txt")) == list(expected)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("0 0 0 a\n0 0 256 b\n", "in line 2 of .*, but got '0 0 256 b'. Write '0 0 255"),
        ("0 0 0 a\n0 0 0 b\n", "line 2 of .* names #000000 'b', and a line before it 'a'"),
        ("0 0 0 a\n9 9 9 void\n", "two or more classes, but got 1"),
        ("0 0 0\n", "in line 1 of .* got '0 0 0'"),
    ],
)
def test_raises_on_bad_lines(tmp_path, text, match):
    (tmp_path / "t.txt").write_text(text)
    with pytest.raises(FileError, match=match):
        read_color_table(tmp_path / "t.txt")


def test_raises_on_binary_files(tmp_path):
    (tmp_path / "t.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FileError, match="to be UTF-8 text"):
        read_color_table(tmp_path / "t.txt")


def test_line_breaks_and_unicode_forms(tmp_path):
    text = "0 0 0 z\u00e9ro\r\n0 0 9 ze\u0301ro\r0 0 255 big\u2028car\n"
    (tmp_path / "t.txt").write_bytes(text.encode())
    assert read_color_table(tmp_path / "t.txt") == {0: "z\u00e9ro", 9: "z\u00e9ro", 255: "big car"}


def test_reads_label_map_of_cvat(tmp_path):
    (tmp_path / "labelmap.txt").write_text(CVAT)
    found = read_color_table(tmp_path / "labelmap.txt")
    assert list(found.items()) == [(0, "background"), (0xFA3253, "cat dog"), (0x010203, "re:d")]


def test_label_map_is_found_in_and_beside_the_masks(tmp_path):
    masks = tmp_path / "SegmentationClass"
    masks.mkdir()
    assert find_label_map(masks) is None
    (tmp_path / "labelmap.txt").write_text("cat\ndog\n")
    assert find_label_map(masks) is None, "not by CVAT"
    (tmp_path / "labelmap.txt").write_text(CVAT)
    assert find_label_map(masks) == find_label_map(tmp_path) == tmp_path / "labelmap.txt"


def test_raises_on_more_classes_than_ids(tmp_path):
    (tmp_path / "t.txt").write_text("".join(f"{k % 256} {k // 256} 0 c{k}\n" for k in range(256)))
    with pytest.raises(FileError, match="at most 255 classes in color table .* but got 256"):
        read_color_table(tmp_path / "t.txt")
