# SPDX-License-Identifier: Apache-2.0
import json
import math

import pytest

from rankseg.report.run_folder import read_scalars
from rankseg.utils import run_summary as module
from rankseg.utils.run_summary import check_summary, read_summary

LAST = {"iteration": 30, "mIoU": 50.0, "IoU/car": math.nan, "count": 3}
GOOD = {"seconds": 60.0, "max_iters": 30, "last": LAST, "best": LAST, "history": [LAST, LAST]}


def test_what_a_run_writes(tmp_path):
    path = tmp_path / "summary.json"
    path.write_text(json.dumps(GOOD))
    assert repr(read_summary(path)) == repr(GOOD)
    with pytest.raises(ValueError, match="summary.json .*'seed' is missing"):
        read_summary(path, ("seed",))


@pytest.mark.parametrize(
    ("changed", "found"),
    [
        (dict(seconds="60"), 'seconds is "60"'),
        (dict(seconds=math.nan), "seconds is NaN"),
        (dict(seconds=10**400), "seconds is of type int"),
        (dict(seconds=-1), "seconds is"),
        (dict(seconds=None), "seconds is null"),
        (dict(max_iters=30.5), "max_iters is 30.5"),
        (dict(last=3), "last is of type int"),
        (dict(last=[]), "last is of type list"),
        (dict(last={}), "last.iteration is null"),
        (dict(best={"iteration": "30"}), 'best.iteration is "30"'),
        (dict(best={"iteration": True}), "best.iteration is true"),
        (dict(best={"iteration": -1}), "best.iteration is"),
        (dict(best={"iteration": 10**400}), "best.iteration is of type int"),
        (dict(last={"iteration": 1, "mIoU": "50"}), 'last.mIoU is "50"'),
        (dict(last={"iteration": 1, "mIoU": "x" * 99}), "last.mIoU is of type str"),
        (dict(last={"iteration": 1, "mIoU": None}), "last.mIoU is null"),
        (dict(last={"iteration": 1, "mIoU": 10**400}), "last.mIoU is of type int"),
        (dict(history={}), "history is of type dict"),
        (dict(history=[LAST, 5]), r"history\[1\] is of type int"),
        (dict(history=[{"iteration": None}]), r"history\[0\].iteration is null"),
    ],
)
def test_another_form_is_named(changed, found):
    check_summary(GOOD)
    with pytest.raises(ValueError, match=f"^{found}"):
        check_summary({**GOOD, **changed})


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "3", "null", '"x"', "[" * 100_000, '{"a":' * 100_000, "9" * 5000, "\ufeff{}"],
    ids=range(10),
)
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    path = tmp_path / "summary.json"
    path.write_text(content)
    with pytest.raises(
        ValueError, match=r"summary\.json to be a summary .*damaged.*Remove the file"
    ):
        read_summary(path)


def test_other_bytes_and_sizes(tmp_path, monkeypatch):
    path = tmp_path / "summary.json"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"summary\.json .* is damaged"):
        read_summary(path)
    path.write_text(json.dumps(GOOD))
    monkeypatch.setattr(module, "LARGEST", 100)
    with pytest.raises(ValueError, match="bytes, more than 100"):
        read_summary(path)


def test_logged_numbers_of_another_form_are_left_out(tmp_path):
    folder = tmp_path / "20260101_000000/vis_data"
    folder.mkdir(parents=True)
    lines = [{"step": 1, "iter": 1, "loss": 2.0, "huge": 10**400, "text": "3", "flag": True}]
    lines += [{"step": step, "loss": 1.0} for step in ("2", -1, 10**400, math.inf, True, None)]
    text = [*map(json.dumps, lines), "[" * 100_000, "[]", "9" * 5000, '{"step": 3, "mIoU": NaN}']
    (folder / "scalars.json").write_text("\n".join(text))
    found = read_scalars(tmp_path)
    assert found.train == {"loss": [(1, 2.0)]}
    assert list(found.val) == ["mIoU"] and math.isnan(found.val["mIoU"][0][1])
