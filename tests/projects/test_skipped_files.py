# SPDX-License-Identifier: Apache-2.0
from rankseg.projects.pairing import describe_skipped


def test_endings_are_counted(tmp_path):
    for name in ("a.heic", "b.HEIC", "s/c.dcm", "d.png", "e.txt", ".hidden", "f", "g.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert describe_skipped(tmp_path) == "2 .heic, 1 .dcm, 1 without an ending"


def test_nothing_is_skipped(tmp_path):
    (tmp_path / "a.png").touch()
    assert describe_skipped(tmp_path) == ""
    (tmp_path / "a.txt").touch()
    assert describe_skipped(tmp_path) == ""
    assert describe_skipped(tmp_path, text=True) == "1 .txt"


def test_many_endings(tmp_path):
    for k in range(20):
        (tmp_path / f"a.e{k:02}").touch()
    assert describe_skipped(tmp_path).endswith("1 .e11, 8 others")
