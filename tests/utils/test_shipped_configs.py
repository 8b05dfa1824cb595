# SPDX-License-Identifier: Apache-2.0
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from rankseg.utils import shipped_configs
from rankseg.utils.shipped_configs import configs_folder, find_config

ROOT = Path(__file__).resolve().parents[2]
NAME = "rankmatch/voc_92.py"


def test_own_file_comes_first(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rankmatch").mkdir()
    (tmp_path / NAME).write_text("")
    assert find_config(NAME) == NAME
    assert not capsys.readouterr().err


@pytest.mark.parametrize("path", [NAME, NAME[:-3], f"configs/{NAME}", f"configs/{NAME[:-3]}"])
def test_shipped_config_from_any_folder(tmp_path, monkeypatch, capsys, path):
    monkeypatch.chdir(tmp_path)
    assert find_config(path) == str(ROOT / "configs" / NAME)
    assert str(ROOT / "configs" / NAME) in capsys.readouterr().err
    monkeypatch.setenv("RANK", "1")
    find_config(path)
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("path", "match"),
    [
        ("rankmatch/voc_29.py", r"rankmatch/voc_29.py .* Did you mean rankmatch/voc_92.py"),
        ("../setup.py", r"\.\./setup.py does not exist"),
        ("/rankmatch/voc_92.py", "/rankmatch/voc_92.py does not exist"),
        ("rankmatch", "rankmatch does not exist"),
    ],
)
def test_raises_on_a_config_that_does_not_exist(tmp_path, monkeypatch, path, match):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=match):
        find_config(path)


def test_suggests_own_configs(tmp_path, monkeypatch):
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/photos.py").write_text("")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match="mean configs/photos.py"):
        find_config("configs/photo.py")


def test_folder_of_an_installed_package(tmp_path, monkeypatch):
    monkeypatch.setattr(shipped_configs, "PACKAGE", tmp_path / "rankseg")
    assert configs_folder() == tmp_path / "rankseg/configs"


def test_build_copies_the_configs(tmp_path):
    pytest.importorskip("setuptools", minversion="64")
    source = tmp_path / "source"
    (source / "rankseg").mkdir(parents=True)
    (source / "rankseg/__init__.py").write_text("")
    shutil.copytree(ROOT / "configs/_base_", source / "configs/_base_")
    shutil.copy(ROOT / "setup.py", source)
    (source / "setup.cfg").write_text("[metadata]\nname = rankseg\n[options]\npackages = rankseg\n")
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(tmp_path / "lib")]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    copied, original = tmp_path / "lib/rankseg/configs/_base_", ROOT / "configs/_base_"
    names = [path.relative_to(original) for path in original.rglob("*.py")]
    assert names and all(
        (copied / one).read_bytes() == (original / one).read_bytes() for one in names
    )
