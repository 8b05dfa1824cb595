# SPDX-License-Identifier: Apache-2.0
"""Creation of trainable configs from a folder of images and masks."""

import logging
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rankseg.datasets.checks import evenly_spaced
from rankseg.datasets.class_names import CLASSES_JSON, read_classes
from rankseg.datasets.split_drawing import class_table
from rankseg.datasets.splits.split_files import write_lists
from rankseg.datasets.splits.splits import LABELED_FILE, UNLABELED_FILE, VAL_FILE, Entry
from rankseg.engine.pictures import write_picture
from rankseg.imageio.bands import check_channels
from rankseg.imageio.reading import read_image
from rankseg.projects.color_table import find_label_map, read_color_table
from rankseg.projects.encoders import choose_encoder
from rankseg.projects.machine import this_machine
from rankseg.projects.messages import log_level, plural
from rankseg.projects.next_steps import print_next_steps
from rankseg.projects.project_folder import (
    CONVERTED,
    ProjectFolder,
    converted_names,
    draw_lists,
    write_masks,
)
from rankseg.projects.settings import (
    MANY_CLASSES,
    StarterSettings,
    choose_settings,
    class_weights,
)
from rankseg.projects.starter_config import OVERVIEW, Project, rankmatch_text, supervised_text
from rankseg.projects.survey import Survey, survey
from rankseg.projects.trial_run import Seconds, trial_run
from rankseg.training.config import load_config
from rankseg.training.config_source import check_path, write_config
from rankseg.utils.atomic_file import write_json
from rankseg.utils.safe_text import printable
from rankseg.utils.shipped_configs import configs_folder
from rankseg.visualization.mask_sheet import MaskedImage, draw_mask_sheet

CONFIGS = configs_folder()
NUM_SHOWN = 8  # images on the overview page
MAX_FAULTS = 20  # listed at the end


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
    encoder: str | None = None,
    weights: str | Path | None = None,
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
        encoder: Pretrained encoder: a name in timm, or ``"none"`` for random weights. Default: by
            the machine, see :func:`~rankseg.projects.encoders.choose_encoder`.
        weights: File of its weights. Default: that of an installed package, or of timm's cache.

    Returns:
        Path of the config.

    Raises:
        ValueError, FileNotFoundError: In one sentence, before anything is written.
        WriteError: If a file cannot be written.
    """
    images, out = _voc_subfolder(Path(images), "JPEGImages"), Path(out)
    masks = _voc_subfolder(Path(masks), "SegmentationClass")
    unlabeled = Path(unlabeled) if unlabeled else None
    paths = _Paths(out, data_out, overwrite)
    if classes and len(classes) == 1 and Path(classes[0]).is_file():
        classes = read_classes(classes[0])
    if not (colors or classes or above is not None):
        colors = find_label_map(masks)
        if colors:
            print(f"Using the colors and names in {colors}")
    table = read_color_table(colors) if colors else None
    channels = check_channels(channels, "--channels")
    with log_level(logging.WARNING):
        chosen = choose_encoder(encoder, weights, this_machine())
    found = survey(images, masks, unlabeled, classes, table, above, channels, color, empty_masks)
    print(found.summary())
    print(f"encoder                {chosen or 'none: the network starts from random weights'}")
    folder = ProjectFolder(paths.root, overwrite)
    entries = _entries(found, folder, images, masks, unlabeled)
    lists = draw_lists(entries, found.pixels, val, labeled, seed)
    _print_classes(found, entries, lists)
    sizes = [len(lists[name]) for name in (LABELED_FILE, UNLABELED_FILE, VAL_FILE)]
    microscopy = found.gray  # decodes images
    width = (found.object_width() or 0.0) if microscopy else None
    small = None if microscopy else found.object_width(per_object=True)
    in_labeled = [entry in set(lists[LABELED_FILE]) for entry in entries[: len(found.pixels)]]
    labeled_pixels, number = found.pixels[in_labeled], len(found.plan.classes)
    balance = class_weights(labeled_pixels, number)
    softer = class_weights(labeled_pixels, number, 0.25) if number >= MANY_CLASSES else ()
    settings = choose_settings(
        found, *sizes[:2], this_machine(), width, chosen, balance, softer, small
    )
    _print_padding(found, settings.crop)
    project = Project(out, paths.data_root, CONFIGS, paths.command, *sizes)
    with _all_or_nothing(folder, out.stem, converted=not found.plan.readable):
        _write_data(found, folder, entries, lists, out.stem)
        times = _write_configs(project, found, settings)
    print_next_steps(project, settings, times, unlabeled or images, masks)
    _print_faults(found.faults)
    return out


def _voc_subfolder(folder: Path, name: str) -> Path:
    """Return the image or mask folder of an export in PASCAL VOC format, or the given folder."""
    inner = folder / name
    if not inner.is_dir():
        return folder
    print(f"{folder} has the layout of PASCAL VOC: using {inner}")
    return inner


class _Paths:
    """Locations of config and data folder, and how to refer to them from the current directory."""

    def __init__(self, out: Path, data_out: str | Path | None, overwrite: bool) -> None:
        name = out.stem
        if out.suffix != ".py" or not re.fullmatch(r"[A-Za-z0-9_-]{1,200}", name):
            raise ValueError(
                "Expected --out to be a file name of at most 200 letters, digits, - and _ that "
                f"ends in .py, but got {printable(str(out))}. Choose a name such as "
                "configs/my_project.py."
            )
        if not (CONFIGS / "_base_").is_dir():
            raise FileNotFoundError(
                f"Expected base configs in {CONFIGS}/_base_, but the folder does not exist. "
                "Install the package again: pip install --force-reinstall rankseg."
            )
        inside = out.parent.resolve().is_relative_to(CONFIGS)
        base = CONFIGS.parent if inside else out.parent
        self.root = Path(data_out) if data_out else _short(base / "data" / name)
        self.data_root = self.root
        if Path.cwd() != CONFIGS.parent or self.root.is_absolute():
            self.data_root = self.root.resolve()
        for path in (out, out.with_name(f"{name}_supervised.py"), self.root / "splits" / name):
            if path.exists() and not overwrite:
                raise ValueError(
                    f"Expected {path} to be new, but it already exists. Choose another --out, or "
                    "add --overwrite."
                )
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
    parents = (folder.absolute(), *folder.absolute().parents)
    existing = next(path for path in parents if path.exists())
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        found = "you have no permission to write there" if existing.is_dir() else "it is a file"
        raise ValueError(
            f"Expected {existing} to be a writable folder, but {found}. Choose another folder with "
            f"{option}."
        )


def _entries(
    found: Survey, folder: ProjectFolder, images: Path, masks: Path, unlabeled: Path | None
) -> list[Entry]:
    """Return names below the data root: images with masks first, then the others."""
    names = [folder.name(path, images, "images") for path in found.files.images]
    if found.plan.readable:
        labels = [folder.name(Path(path), masks, "masks") for path in found.files.masks]
    else:
        folder.check_converted(images, masks, *filter(None, [unlabeled]))
        labels = converted_names([path.relative_to(images) for path in found.files.images])
    entries: list[Entry] = list(zip(names, labels, strict=True))
    for path in found.files.unlabeled:
        source, link = (images, "images")
        if not path.is_relative_to(images):
            source, link = unlabeled, "unlabeled"
        entries.append((folder.name(path, source, link), None))
    return entries


def _print_classes(found: Survey, entries: Sequence[Entry], lists: dict[str, list[Entry]]) -> None:
    """Print the classes in the masks, the sizes of the lists, and notes."""
    classes = found.plan.classes
    masked = entries[: len(found.pixels)]
    in_labeled, in_val = (
        [entry in set(lists[name]) for entry in masked] for name in (LABELED_FILE, VAL_FILE)
    )
    print(f"\n{class_table(found.pixels, in_labeled, classes)}\n")
    counts = [len(lists[name]) for name in (LABELED_FILE, UNLABELED_FILE, VAL_FILE)]
    print("lists: {} labeled, {} unlabeled, {} for validation".format(*counts))
    notes = found.notes()
    if counts[2] < 3:
        notes.append(
            f"validation uses only {plural(counts[2], 'image')}, so its metrics are rough "
            "estimates: add masks, or increase --val N"
        )
    for part, what, effect in (
        (in_labeled, "labeled", "the network cannot learn it"),
        (in_val, "validation", "its accuracy is not measured, so label more images"),
    ):
        anywhere, here = found.pixels.any(0), found.pixels[part].any(0)
        missing = [name for k, name in enumerate(classes) if anywhere[k] and not here[k]]
        if missing:
            notes.append(f"no {what} image holds {', '.join(missing)}: {effect}")
    for note in notes:
        print(f"note: {note}")


def _print_padding(found: Survey, crop: int) -> None:
    infos = [*found.labeled, *found.unlabeled]
    small = sum(min(info.height, info.width) < crop for info in infos)
    if small:
        print(
            f"note: {small} of {len(infos)} images are smaller than the crop of {crop} pixels: "
            "they are padded, and the padding is ignored"
        )


@contextmanager
def _all_or_nothing(folder: ProjectFolder, name: str, converted: bool) -> Iterator[None]:
    """Remove lists and masks if writing the config fails, so that the next call can write them."""
    try:
        yield
    except BaseException:
        if not folder.overwrite:  # with overwrite, some files may be from an earlier call
            shutil.rmtree(folder.root / "splits" / name, ignore_errors=True)
            if converted:
                shutil.rmtree(folder.root / CONVERTED, ignore_errors=True)
        raise


def _write_data(
    found: Survey,
    folder: ProjectFolder,
    entries: Sequence[Entry],
    lists: dict[str, list[Entry]],
    name: str,
) -> None:
    """Write links, masks that need conversion, lists and the overview page."""
    folder.write_links()
    if not found.plan.readable:
        write_masks(found, folder.root, [str(mask) for _, mask in entries[: len(found.pixels)]])
    named = {f"{name}/{file}": part for file, part in lists.items()}
    write_lists(folder.root / "splits", named, force=folder.overwrite)
    palette = [list(map(int, color)) for color in found.plan.palette]
    classes = {"classes": list(found.plan.classes), "palette": palette}
    write_json(folder.root / "splits" / name / CLASSES_JSON, classes)
    _draw(found, folder.root / OVERVIEW)


def _draw(found: Survey, path: Path) -> None:
    """Write the overview page of images with their masks."""
    samples = [
        MaskedImage(path.name, read_image(path, found.value_range, found.channels), found.ids(i))
        for i in evenly_spaced(len(found.pixels), NUM_SHOWN)
        for path in [found.files.images[i]]
    ]
    page = draw_mask_sheet(samples, found.plan.classes, found.plan.palette)
    write_picture(path, page)


def _write_configs(project: Project, found: Survey, settings: StarterSettings) -> list[Seconds]:
    """Write both configs after checking that they run; return the times of baseline and method."""
    main = rankmatch_text(project, found.plan, settings)
    baseline = supervised_text(project, settings)
    trial, trial_baseline = (
        path.with_name(f"_trial_{path.name}") for path in (project.config, project.supervised)
    )
    print("\nrunning the configs for a few steps", flush=True)
    try:
        write_config(trial, main)
        write_config(
            trial_baseline, baseline.replace(f"./{project.config.name}", f"./{trial.name}")
        )
        with log_level(logging.WARNING):
            times = [trial_run(load_config(str(one))) for one in (trial_baseline, trial)]
    finally:
        trial.unlink(missing_ok=True)
        trial_baseline.unlink(missing_ok=True)
    write_config(project.config, main)
    write_config(project.supervised, baseline)
    return times


def _print_faults(faults: Sequence[str]) -> None:
    """Print the skipped files as a warning."""
    if not faults:
        return
    sys.stdout.flush()
    lines = [*faults[:MAX_FAULTS]]
    if len(faults) > MAX_FAULTS:
        lines.append(f"... and {len(faults) - MAX_FAULTS} more")
    text = "\n  ".join(lines)
    print(
        f"\nwarning: skipped {plural(len(faults), 'file')} that cannot be used:\n  {text}",
        file=sys.stderr,
    )
