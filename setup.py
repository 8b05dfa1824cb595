# SPDX-License-Identifier: Apache-2.0
"""Build step that copies the configs into the package; all else is in setup.cfg."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithConfigs(build_py):
    """Build that adds ``rankseg/configs`` to the package."""

    def run(self) -> None:
        """Build the package, then copy the configs, except into an editable installation."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "rankseg", "configs")
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree("configs", target, ignore=shutil.ignore_patterns("__pycache__"))


setup(cmdclass={"build_py": BuildWithConfigs})
