# SPDX-License-Identifier: Apache-2.0
import math
from pathlib import Path

import pytest
from mmengine.config import Config
from torch import nn

from rankseg.apis import load_config
from rankseg.training.saved_config import read_saved_config

MODEL = "model = dict(type='RankMatch')\n"
CONFIGS = Path(__file__).resolve().parents[2] / "configs"


@pytest.fixture(autouse=True)
def formatted(format_code, monkeypatch) -> None:
    """Format configs as runs do."""
    monkeypatch.setattr("yapf.yapflib.yapf_api.FormatCode", format_code)


@pytest.mark.parametrize(
    "name", ["rankmatch/voc_92.py", "snowball/svhn_250_resnet26.py", "tac_ccl/omniglot_mini_ccl.py"]
)
def test_reads_the_same_as_mmengine(tmp_path, name):
    load_config(str(CONFIGS / name)).dump(tmp_path / "config.py")
    read = read_saved_config(tmp_path / "config.py")
    assert read._cfg_dict.to_dict() == Config.fromfile(tmp_path / "config.py")._cfg_dict.to_dict()


def test_reads_values_of_every_type(tmp_path):
    values = dict(
        model=dict(type="RankMatch", act=nn.GELU, kind=int),
        numbers=[1, -2, 0.5, -1e-9, None, True],
        one=(1,),
        none=(),
        rules={128: 1, -1: 0, "a b": [dict(x=1)], "c d": "\\ \n \u2028 {{ x }}"},
    )
    Config(values).dump(tmp_path / "config.py")
    text = (tmp_path / "config.py").read_text() + "far = inf\nno = -inf\nnot_there = nan\ns = {1}\n"
    (tmp_path / "config.py").write_text(text)
    read = read_saved_config(tmp_path / "config.py")
    assert read.model.act == "torch.nn.modules.activation.GELU" and read.model.kind == "int"
    for name in ("numbers", "one", "none", "rules"):
        assert Config(dict(x=values[name])).x == read[name]
    assert (read.far, read.no, read.s) == (math.inf, -math.inf, {1}) and math.isnan(read.not_there)


RUNS = [
    "open('canary', 'w')",
    "x = open('canary', 'w')",
    "x = dict(a=open('canary', 'w'))",
    "x = dict(open('canary', 'w'))",
    "x = dict(**dict(a=open('canary', 'w')))",
    "x = dict({'a': 1}, b=open('canary', 'w'))",
    "x = {open('canary', 'w'): 1}",
    "x = {**{'a': open('canary', 'w')}}",
    "x = [open('canary', 'w') for i in (1,)]",
    "x = [*open('canary', 'w')]",
    'x = f\'{open("canary", "w")}\'',
    "x = 1 if open('canary', 'w') else 2",
    "x = (lambda: open('canary', 'w'))()",
    "x = (y := open('canary', 'w'))",
    "x = -open('canary', 'w')",
    "x = open('canary', 'w').name",
    "x = dict.__class__(open('canary', 'w'))",
    "dict = open\nx = dict('canary', 'w')",
    "x: open('canary', 'w') = 1",
    "x = y = open('canary', 'w')",
    "x.y = open('canary', 'w')",
    "import this",
    "from os import system",
    "def f(x=open('canary', 'w')): pass",
    "class A(metaclass=open('canary', 'w')): pass",
    "@open\nclass A: pass",
    "with open('canary', 'w'): pass",
    "if open('canary', 'w'): pass",
    "assert open('canary', 'w')",
    "x = ...",
    "x = 1 + 1",
    "x = -True",
    "x = -'a'",
    "__file__ = 'a'",
]
DAMAGED = {
    "half": "model = dict(type=",
    "no model": "x = 1",
    "another model": "model = 3",
    "no type": "model = dict(a=1)",
    "no text": MODEL + "x = 1\0",
    "deep": MODEL + "x = " + "[" * 5000 + "]" * 5000,
    "dotted": MODEL + "x = " + "a." * 100_000 + "b",
    "many signs": MODEL + "x = " + "-" * 100_000 + "1",
    "loader": MODEL + "val_dataloader = [1]",
    "dataset": MODEL + "val_dataloader = dict(dataset=3)",
    "hooks": MODEL + "custom_hooks = [1]",
    "length": MODEL + "train_cfg = dict(max_iters='a')",
    "not utf-8": (MODEL + "x = '").encode() + b"\xff'",
    "reserved": MODEL + "filename = 'a'",
    "large": MODEL + "#" * (16 * 2**20),
}


@pytest.mark.parametrize("text", RUNS)
def test_raises_on_anything_but_values(tmp_path, monkeypatch, text):
    monkeypatch.chdir(tmp_path)
    Path("config.py").write_text(f"{MODEL}{text}\n")
    with pytest.raises(
        ValueError, match=r"line \d+ (contains more than|is not an assignment of a) value"
    ):
        read_saved_config("config.py")
    assert not Path("canary").exists()


@pytest.mark.parametrize("name", DAMAGED)
def test_raises_on_damaged_files(tmp_path, name):
    content = DAMAGED[name]
    content = content.encode() if isinstance(content, str) else content
    (tmp_path / "config.py").write_bytes(content)
    with pytest.raises(ValueError):
        read_saved_config(tmp_path / "config.py")
