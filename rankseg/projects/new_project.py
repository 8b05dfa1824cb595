# SPDX-License-Identifier: Apache-2.0
"""Creation of trainable configs from a folder of images and masks."""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rankseg.datasets.checks import evenly_spaced
from rankseg.datasets.class_names import CLASSES_JSON
from rankseg.datasets.folder import read_classes
from rankseg.datasets.split_drawing import class_table
from rankseg.datasets.splits.split_files import write_lists
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, VAL_FILE, Entry
from rankseg.engine.pictures import write_picture
from rankseg.imageio.bands import check_channels
from rankseg.imageio.reading import read_image
from rankseg.projects.color_table import find_label_map, read_color_table
from rankseg.projects.project_folder import (
    CONVERTED,
    ProjectFolder,
    converted_names,
    draw_lists,
    write_masks,
)
from rankseg.projects.settings import StarterSettings, choose, this_machine
from rankseg.projects.starter_config import OVERVIEW, Project, rankmatch_text, supervised_text
from rankseg.projects.survey import Survey, survey
from rankseg.projects.trial_run import trial_run
from rankseg.training.config import load_config
from rankseg.training.config_source import check_path, write_config
from rankseg.utils.atomic_file import write_json
from rankseg.utils.progress import duration
from rankseg.utils.safe_text import printable
from rankseg.visualization.mask_sheet import Masked, draw_mask_sheet

CONFIGS = Path(__file__).resolve().parents[2] / "configs"
SHOWN = 8  # images on the overview page
MOST_FAULTS = 20


def new_project(
    images: str | Path,
    masks: str | Path,
    out: str | Path,
    *,
    unlabeled: str | Path | None = None,
    classes: Sequence[str] | None = None,
    colors: str | Path | None = None,
    above: int | None = None,
    color: tuple[int, int, int] | None = None,
    empty_masks: str | None = None,
    channels: Sequence[int] | None = None,
    data_out: str | Path | None = None,
    val: int | None = None,
    labeled: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
) -> Path:
    """Inspect images and masks, report what they contain, and write configs for them.

    This also writes the baseline config ``NAME_supervised.py``, and a data folder of links, lists
    and an overview picture of the masks. Masks that training cannot read directly are converted to
    class ids. The given folders are never changed. A config is only saved under its name after it
    was loaded, built and run for a few steps.

    Args:
        images: Folder of images.
        masks: Folder of masks, or COCO file with outlines.
        out: Config file to write.
        unlabeled: Folder of additional images without masks.
        classes: Class names in the order of their values, or a file with one name per line.
        colors: File for :func:`~rankseg.projects.color_table.read_color_table`.
        above: Values above this one are class 1, all others class 0.
        color: Red, green and blue of the marks that are class 1, for masks that are outlines or
            filled marks on gray images.
        empty_masks: Meaning of masks that hold only class 0: ``"background"`` labels, or
            ``"unlabeled"``, which is the default with ``color``.
        channels: Bands to use as gray or as red, green and blue: one or three numbers, from 1.
            Default: the first three, or the first of two, without transparency.
        data_out: Folder of the project. Default: ``data/NAME``.
        val: Number of validation images. Default: a fifth of those with masks.
        labeled: Number of other images that keep their masks. Default: all.
        seed: Random seed of the lists.
        overwrite: Replace the files of an earlier call.

    Returns:
        Path of the config.

    Raises:
        ValueError, FileNotFoundError: In one sentence, before anything is written.
        WriteError: If a file cannot be written.
    """
    images, out = _voc_subfolder(Path(images), "JPEGImages"), Path(out)
    masks = _voc_subfolder(Path(masks), "SegmentationClass")
    unlabeled = Path(unlabeled) if unlabeled else None
    project = _Paths(out, data_out, overwrite)
    if classes and len(classes) == 1 and Path(classes[0]).is_file():
        classes = read_classes(classes[0])
    if not (colors or classes or above is not None):
        colors = find_label_map(masks)
        if colors:
            print(f"colors and names: {colors}")
    table = read_color_table(colors) if colors else None
    channels = check_channels(channels, "--channels")
    found = survey(images, masks, unlabeled, classes, table, above, channels, color, empty_masks)
    print(found.summary())
    layout = ProjectFolder(project.root, overwrite)
    entries = _entries(found, layout, images, masks, unlabeled)
    lists = draw_lists(entries, found.pixels, val, labeled, seed)
    _show_classes(found, entries, lists)
    sizes = [len(lists[name]) for name in (LABELED_FILE, UNLABELED_FILE, VAL_FILE)]
    width = (found.object_width() or 0.0) if found.gray else None
    chosen = choose(found, *sizes[:2], this_machine(), width)
    _note_on_small(found, chosen.crop)
    described = Project(out, project.data_root, CONFIGS, project.command, *sizes)
    with _all_or_nothing(layout, out.stem, made=not found.plan.stay):
        _write_data(found, layout, entries, lists, out.stem)
        seconds = _write_configs(described, found, chosen)
    _print_next_steps(described, found, chosen, seconds, unlabeled or images, masks)
    return out


def _voc_subfolder(folder: Path, name: str) -> Path:
    """Return the image or mask folder of an export in PASCAL VOC format, or the given folder."""
    inner = folder / name
    if not inner.is_dir():
        return folder
    print(f"{folder} is an export in the form of PASCAL VOC: {inner} is taken")
    return inner


class _Paths:
    """Locations of config and data folder, and how to refer to them from the current directory."""

    def __init__(self, out: Path, data_out: str | Path | None, overwrite: bool) -> None:
        name = out.stem
        if out.suffix != ".py" or not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", name):
            raise ValueError(
                f"--out {printable(str(out))}: expected a name of letters, digits, - and _ that "
                "ends in .py, such as configs/my_project.py, and is not longer than 200 characters"
            )
        if not (CONFIGS / "_base_").is_dir():
            raise FileNotFoundError(
                f"{CONFIGS}/_base_ does not exist: configs need it, so run this from a checkout of "
                "the repository (pip install -e)"
            )
        inside = out.parent.resolve().is_relative_to(CONFIGS)
        base = CONFIGS.parent if inside else out.parent
        self.root = Path(data_out) if data_out else _short(base / "data" / name)
        self.data_root = self.root
        if Path.cwd() != CONFIGS.parent or self.root.is_absolute():
            self.data_root = self.root.resolve()
        for path in (out, out.with_name(f"{name}_supervised.py"), self.root / "splits" / name):
            if path.exists() and not overwrite:
                raise ValueError(f"{path} exists already: name another --out, or add --overwrite")
        for path, option in (
            (out.absolute(), "--out"),
            (self.root.absolute(), "--data-out"),
            (self.data_root, "--data-out"),
            (CONFIGS, "the checkout"),
        ):
            check_path(path, option)
        self.command = f"python {shlex.quote(str(_short(CONFIGS.parent / 'tools')))}/"
        for folder, option in ((out.parent, "--out"), (self.root, "--data-out")):
            _check_writable(folder, option)


def _short(path: Path) -> Path:
    """Return a path relative to the current directory if it is inside it."""
    path = path.resolve()
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _check_writable(folder: Path, option: str) -> None:
    there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "may not be written to" if there.is_dir() else "is a file"
        raise ValueError(f"{there} {why}: name another folder with {option}")


def _entries(
    found: Survey, layout: ProjectFolder, images: Path, masks: Path, unlabeled: Path | None
) -> list[Entry]:
    """Return names below the data root: images with masks first, then the others."""
    names = [layout.name(path, images, "images") for path in found.material.images]
    if found.plan.stay:
        labels = [layout.name(Path(path), masks, "masks") for path in found.material.masks]
    else:
        layout.check_converted(images, masks, *filter(None, [unlabeled]))
        labels = converted_names([path.relative_to(images) for path in found.material.images])
    entries: list[Entry] = list(zip(names, labels, strict=True))
    for path in found.material.bare:
        inside = path.is_relative_to(images)
        folder, link = (images, "images") if inside else (unlabeled, "unlabeled")
        entries.append((layout.name(path, folder, link), None))
    return entries


def _show_classes(found: Survey, entries: Sequence[Entry], lists: dict[str, list[Entry]]) -> None:
    """Print the classes in the masks, and the sizes of the lists."""
    few = set(lists[LABELED_FILE])
    masked = entries[: len(found.pixels)]
    print(f"\n{class_table(found.pixels, [one in few for one in masked], found.plan.classes)}\n")
    counts = [len(lists[name]) for name in (LABELED_FILE, UNLABELED_FILE, VAL_FILE)]
    print("lists: {} labeled, {} unlabeled, {} for validation".format(*counts))
    notes = found.notes()
    if counts[2] < 3:
        notes.append(
            f"validation is on {counts[2]} image{'s' * (counts[2] > 1)} of your masks, so its "
            "numbers are rough: more masks make them better (--val N)"
        )
    for part, what, then in (
        (few, "labeled", "it cannot be learned"),
        (set(lists[VAL_FILE]), "validation", "how well it is found will not be told; label more"),
    ):
        pixels = found.pixels[[one in part for one in masked]]
        there = zip(found.plan.classes, found.pixels.any(0), pixels.any(0), strict=False)
        lost = [name for name, anywhere, here in there if anywhere and not here]
        if lost:
            notes.append(f"no {what} image holds {', '.join(lost)}: {then}")
    for note in notes:
        print(f"note: {note}")


def _note_on_small(found: Survey, crop: int) -> None:
    looks = [*found.labeled, *found.bare]
    small = sum(min(look.height, look.width) < crop for look in looks)
    if small:
        print(
            f"note: {small} of {len(looks)} images are smaller than the crop of {crop} pixels: "
            "they are padded, and the padding is ignored"
        )


@contextmanager
def _all_or_nothing(layout: ProjectFolder, name: str, made: bool) -> Iterator[None]:
    """Remove lists and masks if writing the config fails, so that the next call can write them."""
    try:
        yield
    except BaseException:
        if not layout.overwrite:  # with overwrite, some files may be from an earlier call
            shutil.rmtree(layout.root / "splits" / name, ignore_errors=True)
            if made:
                shutil.rmtree(layout.root / CONVERTED, ignore_errors=True)
        raise


def _write_data(
    found: Survey,
    layout: ProjectFolder,
    entries: Sequence[Entry],
    lists: dict[str, list[Entry]],
    name: str,
) -> None:
    """Write links, masks that need conversion, lists and the overview page."""
    layout.write_links()
    if not found.plan.stay:
        write_masks(found, layout.root, [str(mask) for _, mask in entries[: len(found.pixels)]])
    named = {f"{name}/{file}": part for file, part in lists.items()}
    write_lists(layout.root / "splits", named, force=layout.overwrite)
    palette = [list(map(int, color)) for color in found.plan.palette]
    classes = {"classes": list(found.plan.classes), "palette": palette}
    write_json(layout.root / "splits" / name / CLASSES_JSON, classes)
    _draw(found, layout.root / OVERVIEW)


def _draw(found: Survey, path: Path) -> None:
    """Write the overview page of images with their masks."""
    samples = [
        Masked(path.name, read_image(path, found.value_range, found.channels), found.ids(i))
        for i in evenly_spaced(len(found.pixels), SHOWN)
        for path in [found.material.images[i]]
    ]
    page = draw_mask_sheet(samples, found.plan.classes, found.plan.palette)
    write_picture(path, page)


def _write_configs(project: Project, found: Survey, chosen: StarterSettings) -> float:
    """Write both configs after checking that they run; return the seconds per iteration."""
    main = rankmatch_text(project, found.plan, chosen)
    baseline = supervised_text(project, chosen)
    trial, trial_baseline = (
        path.with_name(f"_trial_{path.name}") for path in (project.config, project.supervised)
    )
    print("\ntrying the config: a few steps", flush=True)
    try:
        write_config(trial, main)
        write_config(
            trial_baseline, baseline.replace(f"./{project.config.name}", f"./{trial.name}")
        )
        load_config(str(trial_baseline))
        seconds = trial_run(load_config(str(trial)))
    finally:
        trial.unlink(missing_ok=True)
        trial_baseline.unlink(missing_ok=True)
    write_config(project.config, main)
    write_config(project.supervised, baseline)
    return seconds


def _print_next_steps(
    project: Project,
    found: Survey,
    chosen: StarterSettings,
    seconds: float,
    pictures: Path,
    masks: Path,
) -> None:
    """Print what was written and what to do next."""
    tool, config = project.command, shlex.quote(str(project.config))
    inside = masks.is_dir() and masks.resolve().is_relative_to(pictures.resolve())
    weights = f"work_dirs/{project.name}/iter_{chosen.iterations}.pth"
    time = duration(seconds * chosen.iterations)
    print(f"""
wrote {project.config}
      {project.supervised} (the baseline: images with masks alone)
      {project.root}/ ({OVERVIEW} shows images with their masks: look at it)

This machine has {this_machine()}: {chosen.iterations:,} iterations of \
{2 * chosen.network.batch} crops of {chosen.crop} pixels take about {time} if \
nothing else runs.

next: {tool}train.py {config}
      {tool}test.py {config} {weights} --show-dir work_dirs/{project.name}/pictures
      {tool}predict.py {config} {weights} {shlex.quote(str(pictures))} \
--out work_dirs/{project.name}/predicted""")
    if inside:
        print(f"(the masks lie in {pictures} too: they are predicted as if they were images)")
    if found.faults:
        sys.stdout.flush()
        more = len(found.faults) - MOST_FAULTS
        lines = [*found.faults[:MOST_FAULTS], *([f"... and {more} more"] if more > 0 else [])]
        print(
            f"\nwarning: {len(found.faults)} files could not be used and are in no list:\n  "
            + "\n  ".join(lines),
            file=sys.stderr,
        )
