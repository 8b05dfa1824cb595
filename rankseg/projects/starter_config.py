# SPDX-License-Identifier: Apache-2.0
"""Text of a first config, with comments for users who are new to configs."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from rankseg.datasets.class_names import CLASSES_JSON
from rankseg.projects.encoders import SMALL
from rankseg.projects.mask_plan import MaskPlan
from rankseg.projects.settings import StarterSettings
from rankseg.training.config_source import literal
from rankseg.utils.commands import spell_commands

OVERVIEW = "overview.png"
"""Overview picture of images with their masks, in the data folder."""

_TEMPLATES = Environment(
    loader=PackageLoader("rankseg.projects"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_TEMPLATES.filters["literal"] = literal  # quotes every path


@dataclass(frozen=True)
class Project:
    """Names and counts used in the text of a config.

    Attributes:
        config: Config file.
        root: Folder of lists and links.
        configs: Folder of the ``_base_`` files.
        command: Start of a tool call from the current directory: ``python tools/``.
        labeled: Number of images in the labeled list.
        unlabeled: Number of images in the unlabeled list.
        val: Number of images in the validation list.
    """

    config: Path
    root: Path
    configs: Path
    command: str
    labeled: int
    unlabeled: int
    val: int

    @property
    def name(self) -> str:
        """Name of the config, of its split and of its work folder."""
        return self.config.stem

    @property
    def classes_file(self) -> str:
        """File of class names and colors, relative to the data folder."""
        return f"splits/{self.name}/{CLASSES_JSON}"

    @property
    def supervised(self) -> Path:
        """Config of the baseline."""
        return self.config.with_name(f"{self.name}_supervised.py")

    def train(self, config: Path) -> str:
        """Return the command that trains a config."""
        return spell_commands(f"{self.command}train.py {shlex.quote(str(config))}")

    def base(self, name: str) -> str:
        """Return a ``_base_`` path, relative if the config is inside the configs folder."""
        bases = (self.configs / "_base_").resolve()
        folder = self.config.parent.resolve()
        if folder.is_relative_to(self.configs.resolve()):
            return f"./{(Path(os.path.relpath(bases, folder)) / name).as_posix()}"
        return (bases / name).as_posix()


def rankmatch_text(project: Project, plan: MaskPlan, settings: StarterSettings) -> str:
    """Return the text of the RankMatch config."""
    encoder = settings.encoder
    multiple = 1 if encoder is None else encoder.multiple
    return _TEMPLATES.get_template("rankmatch.py.jinja").render(
        project=project,
        plan=plan,
        settings=settings,
        network=settings.network,
        binary=len(plan.classes) == 2,
        overview=OVERVIEW,
        encoder=encoder,
        usual=encoder is not None and (encoder.name, encoder.out_indices) == (SMALL, (1, 3)),
        crop_step="16, plus 1" if multiple == 1 else multiple,
    )


def supervised_text(project: Project, settings: StarterSettings) -> str:
    """Return the text of the baseline config."""
    template = _TEMPLATES.get_template("supervised.py.jinja")
    return template.render(project=project, network=settings.network)
