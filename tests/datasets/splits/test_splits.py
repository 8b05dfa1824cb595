# SPDX-License-Identifier: Apache-2.0
import pytest

from rankseg.datasets import CityscapesDataset, VOCDataset
from rankseg.datasets.base import recognize_list
from rankseg.datasets.splits import splits

A, B, C = ("a.png", "ma.png"), ("b.png", "mb.png"), ("c.png", None)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("a.jpg m/a.png", ("a.jpg", "m/a.png")),
        ("a.jpg", ("a.jpg", None)),
        ("  ./x//a.jpg  \t m/a.png ", ("x/a.jpg", "m/a.png")),
        ("my photo.jpg", ("my photo.jpg", None)),
        ("my photo.jpg my mask.PNG", ("my photo.jpg", "my mask.PNG")),
        ("a b.npy\tm c.npy", ("a b.npy", "m c.npy")),
        ("a.npy m.npy", ("a.npy", "m.npy")),
        ("2007_000033", ("2007_000033", None)),
    ],
)
def test_a_line(tmp_path, line, expected):
    path = tmp_path / "list.txt"
    path.write_text(f"\ufeff# comment\n\n{line}\r\n", encoding="utf-8")
    assert splits.read_list(path) == [expected]


@pytest.mark.parametrize("line", ["a.png b.png c.png", "a\tb\tc", "a b c"])
def test_a_line_that_cannot_be_parted(tmp_path, line):
    path = tmp_path / "list.txt"
    path.write_text(f"a.png m.png\n{line}\n")
    with pytest.raises(
        ValueError, match=r"list\.txt, line 2: expected an image and a mask, but got .*TAB"
    ):
        splits.read_list(path)


def test_missing_and_empty_lists(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no\.txt does not exist\. .*make_splits\.py draw"):
        splits.read_list(tmp_path / "no.txt")
    (tmp_path / "empty.txt").write_text("\n# nothing\n")
    with pytest.raises(ValueError, match=r"empty\.txt to have one 'image mask'"):
        splits.read_list(tmp_path / "empty.txt")


def test_what_is_written_is_read_back(tmp_path):
    entries = [A, C, ("my photo.jpg", "my mask.png"), ("x y.npy", "z.npy")]
    (tmp_path / "list.txt").write_text(splits.format_list(entries))
    assert splits.read_list(tmp_path / "list.txt") == entries
    assert splits.format_list([A]) == "a.png ma.png\n"


@pytest.mark.parametrize(
    ("kind", "name", "labeled", "unlabeled"),
    [
        (VOCDataset, "92", 92, 10490),
        (VOCDataset, "1464", 1464, 9118),
        (VOCDataset, "1_16", 662, 9920),
        (VOCDataset, "u2pl_1_4", 2646, 7936),
        (CityscapesDataset, "1_16", 186, 2789),
        (CityscapesDataset, "1_2", 1488, 1487),
        (VOCDataset, "mine", 3, 4),
    ],
)
def test_published_sizes_pass(kind, name, labeled, unlabeled):
    kind.SPLITS.check(name, labeled, unlabeled)


@pytest.mark.parametrize(("labeled", "unlabeled"), [(91, 10490), (92, 10489), (93, 10489)])
def test_other_sizes_under_a_published_name(labeled, unlabeled):
    match = rf"split '92' to have 92 labeled and 10490 .* but got {labeled} and {unlabeled}\. Rep"
    with pytest.raises(ValueError, match=match):
        VOCDataset.SPLITS.check("92", labeled, unlabeled)


@pytest.mark.parametrize(
    ("labeled", "unlabeled", "val", "match"),
    [
        ([A], [A, C], None, r"split 's': image a\.png is listed as labeled and as unlabeled"),
        (
            [A, A],
            [C],
            None,
            r"the labeled list of split 's' to name .* got image a\.png more than once",
        ),
        (
            [A],
            [C, C],
            None,
            r"the unlabeled list of split 's' to name .* got image c\.png more than once",
        ),
        (
            [A],
            [B],
            [A],
            r"labeled list of split 's': image a\.png is also in the val.* list v\.txt",
        ),
        ([A], [B], [B], r"unlabeled list of split 's': image b\.png is also in the validation"),
        ([], [B], None, "the labeled list of split 's' is empty"),
        ([A], [], None, "the unlabeled list of split 's' is empty"),
    ],
)
def test_bad_splits(labeled, unlabeled, val, match):
    with pytest.raises(ValueError, match=match):
        splits.check_split("s", labeled, unlabeled, val, val_name="v.txt")


def test_good_split_and_its_published_sizes():
    splits.check_split("s", [A], [B], [C], VOCDataset.SPLITS)
    with pytest.raises(ValueError, match="split '92' to have 92 labeled .* but got 1 and 1"):
        splits.check_split("92", [A], [B], [C], VOCDataset.SPLITS)


def test_published_set_is_recognized_by_its_image_folder():
    assert recognize_list([("JPEGImages/1.jpg", None)]) is VOCDataset
    assert recognize_list([("leftImg8bit/train/1.png", None)]) is CityscapesDataset
    assert recognize_list([A]) is None and recognize_list([]) is None


def test_fine_share_compares_bare_ids():
    assert splits.fine_share([("J/1.jpg", "S/1.png"), ("J/2.jpg", None)], [("2", None)]) == 0.5


def test_usual_lists(shared):
    folder = shared / "data/unimatch_splits/pascal"
    val = splits.read_list(folder / "val.txt")
    fine = splits.read_list(folder / "1464/labeled.txt")
    shares = {}
    for name in ("92", "732", "1_16", "u2pl_1_16"):
        parts = [splits.read_list(folder / name / f"{p}labeled.txt") for p in ("", "un")]
        splits.check_split(name, *parts, val, recognize_list(parts[0]).SPLITS)
        shares[name] = round(splits.fine_share(parts[0], fine) * len(parts[0]))
    assert shares == {"92": 92, "732": 732, "1_16": 93, "u2pl_1_16": 662}
