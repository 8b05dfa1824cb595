# SPDX-License-Identifier: Apache-2.0
"""Commands that follow the creation of a project."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rankseg.projects.machine import this_machine
from rankseg.projects.settings import StarterSettings
from rankseg.projects.starter_config import OVERVIEW, Project
from rankseg.projects.trial_run import Seconds
from rankseg.utils.commands import spell_commands
from rankseg.utils.progress import duration


def print_next_steps(
    project: Project,
    settings: StarterSettings,
    times: Sequence[Seconds],
    images: Path,
    masks: Path,
) -> None:
    """Print what was written and the next commands.

    Args:
        project: Names and counts.
        settings: Settings of the configs.
        times: Measured times of the baseline and of RankMatch.
        images: Folder of images to predict.
        masks: Folder of masks.
    """
    tool = project.command
    out, baseline = f"work_dirs/{project.name}", f"work_dirs/{project.supervised.stem}"
    validated = settings.validations * project.val
    first, second = (duration(one.of_run(settings.iterations, validated)) for one in times)
    batch = settings.network.batch
    text = f"""
Wrote {project.config}
      {project.supervised} (baseline: only images with masks)
      {project.root}/ (check the masks in {OVERVIEW})

This machine has {this_machine()}.
Training takes about {first} for the baseline and {second} for RankMatch:
{settings.iterations:,} iterations each, of {batch} and {2 * batch} crops of {settings.crop} pixels.

Next, train the baseline on the images with masks, and RankMatch on all images:
      {project.train(project.supervised)}
      {project.train(project.config)}
compare both:
      {tool}report.py {baseline} {out} --out {out}/report.html
      {tool}compare.py {baseline} {out} --out {out}/compare.png
and use RankMatch:
      {tool}test.py {out} --show-dir {out}/pictures
      {tool}predict.py {out} {shlex.quote(str(images))} --out {out}/predicted"""
    print(spell_commands(text))
    if masks.is_dir() and masks.resolve().is_relative_to(images.resolve()):
        print(f"(note: the masks are in {images} too, so prediction treats them as images)")
