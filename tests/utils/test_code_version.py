# SPDX-License-Identifier: Apache-2.0
import subprocess

from rankseg.utils.code_version import code_version
from rankseg.version import __version__


def git(folder, *arguments: str) -> str:
    command = ["git", "-C", folder, "-c", "user.name=a", "-c", "user.email=a@b", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_clone_names_its_commit(tmp_path):
    git(tmp_path, "init", "-q")
    assert code_version(tmp_path) == __version__  # no commit yet
    code_version.cache_clear()
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    assert code_version(tmp_path) == f"{__version__} ({git(tmp_path, 'rev-parse', 'HEAD')[:8]})"


def test_installed_package_names_its_version(tmp_path):
    assert code_version(tmp_path) == __version__
