# SPDX-License-Identifier: Apache-2.0
"""Run folders of somebody else: read, shown, and built from without running what is in them."""

import pickle
import shutil
from pathlib import Path

import pytest

from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.report.compare import compare
from rankseg.report.report import report
from rankseg.training.foreign_config import may_build

TOUCH = "dict(type={!r}, args=['touch', 'canary'])"


class Harmful:
    def __reduce__(self):
        return open, ("canary", "w")


@pytest.fixture
def foreign(toy_runs, tmp_path, monkeypatch):
    """Replace parts of the saved config of a copy of a run, in an empty current folder."""
    monkeypatch.chdir(tmp_path)

    def change(old: str, new: str, name: str = "rank") -> Path:
        folder = Path(shutil.copytree(toy_runs[name], tmp_path / "run"))
        for config in folder.glob("*/vis_data/config.py"):
            text = config.read_text()
            assert old in text
            config.write_text(text.replace(old, new))
        return folder

    return change


def refused(folder: Path, found: str) -> None:
    """Both tools say so, and nothing has run."""
    page = report([folder], "a.html").read_text()
    assert found in page and not Path("canary").exists()
    with pytest.raises(ValueError) as error:
        compare([folder], "a.png", images=1)
    assert found.replace("&#39;", "'") in str(error.value) and not Path("canary").exists()


@pytest.mark.parametrize(
    "line", ["open('canary', 'w')", "import os", "x = {{$X:open('canary','w')}}", "x ="]
)
def test_does_not_read_settings_with_code(foreign, line):
    folder = foreign("model = ", f"{line}\nmodel = ")
    page = report([folder], "a.html").read_text()
    assert (
        "to contain the settings that tools/train.py saves" in page and not Path("canary").exists()
    )
    assert "The run is shown without its settings" in page and 'id="curves"' in page
    with pytest.raises(ValueError, match="could not read them .*Leave this run out.$"):
        compare([folder], "a.png", images=1)


def test_runs_with_and_without_settings_on_one_page(foreign, toy_runs):
    folder = foreign("model = ", "import os\nmodel = ")
    page = report([folder, toy_runs["rank"], toy_runs["sup"]], "a.html").read_text()
    assert page.count("to contain the settings that tools/train.py saves") == 1
    settings = page[page.index('<section id="settings">') :]
    assert settings.count('<span class="run">') == 2, "those of two runs are compared"
    assert "cannot be compared" not in page


@pytest.mark.parametrize("kind", ["subprocess.Popen", "os.system", "builtins.eval", "mmcv.imwrite"])
@pytest.mark.parametrize(
    "place", ["dict(type='LoadSample')", "type='ViewPreprocessor'", "type='RankMatch'"]
)
def test_builds_no_function(foreign, kind, place):
    new = TOUCH.format(kind) if place.startswith("dict") else f"args=['touch', 'canary'], {kind!r}"
    new = new.replace(f"], {kind!r}", f"], type={kind!r}")
    folder = foreign(place, new)
    refused(folder, f"type=&#39;{kind}&#39;, which is not a network or data set")


def test_reads_no_pickle_file(foreign):
    Path("weights.pkl").write_bytes(pickle.dumps(Harmful()))
    folder = foreign("type='RankMatch'", "class_weight='weights.pkl', type='RankMatch'")
    refused(folder, "name the file &#39;weights.pkl&#39; in model.class_weight")


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ("default_scope = 'rankseg'", "default_scope = 'evil'", "name the package default_scope="),
        ("default_scope = 'rankseg'", "default_scope = 3", "name the package default_scope="),
        (
            "type='RankMatch'",
            "type='RankMatch', _scope_='evil'",
            "name a package with model._scope",
        ),
        ("type='RankMatch'", "type='evil.RankMatch'", "name model.type=&#39;evil.RankMatch&#39;"),
    ],
)
def test_imports_no_package(foreign, monkeypatch, old, new, found):
    """mmengine imports the package of a scope, and its module ``registry``."""
    monkeypatch.syspath_prepend(".")
    Path("evil").mkdir()
    for name in ("__init__", "registry"):
        Path(f"evil/{name}.py").write_text("open('canary', 'w')")
    refused(foreign(old, new), found)


def test_trust_checkpoints_imports_custom_modules(foreign, monkeypatch):
    monkeypatch.syspath_prepend(".")
    Path("mine_for_a_page.py").write_text("open('canary', 'w')")
    imports = "custom_imports = dict(imports=['mine_for_a_page'], allow_failed_imports=False)"
    folder = foreign("model = ", f"{imports}\nmodel = ")
    assert "No confusion" not in report([folder], "a.html").read_text()
    assert not Path("canary").exists()
    with trust_checkpoints():
        report([folder], "a.html")
    assert Path("canary").exists()


def test_may_build_only_classes_that_compute():
    for name in ("RankMatch", "SegformerHead", "mmcv.Resize", "mmseg.ResNetV1c", "BN"):
        assert may_build(name), name
    for name in ("LoadImageFromFile", "mmcv.LoadImageFromFile", "mmseg.LoadAnnotations", "nothing",
                 "TIMMBackbone", "VPD", "CLIPTextEncoder", "rankseg.apis.train", "mmengine.load",
                 "os.system", "evil.BN", "a.mmcv.BN", "", ".", "mmseg.", None, 3):  # fmt: skip
        assert not may_build(name), name
