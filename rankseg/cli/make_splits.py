# SPDX-License-Identifier: Apache-2.0
"""Draw, import or check labeled/unlabeled split lists below DATA_ROOT/splits.

Use `draw` for images with masks, and `labels` for images with classes.
"""

import argparse
import importlib
from fractions import Fraction
from pathlib import Path
from typing import Any

from rankseg.training.command_line import exit_on_user_error, make_parser

EXAMPLES = """examples:
  draw from images/ and masks/, keep 50 images for validation, label 1/16 of the rest:
    python tools/make_splits.py draw --data-root data/mine --val 50 --size 1/16
  draw from a list of 'image mask' lines, label 20 images, masks hold 0 and 255:
    python tools/make_splits.py draw --data-root data/mine --list train.txt --size 20 --binary
  import the usual PASCAL VOC lists from a folder with 92/labeled.txt, 92/unlabeled.txt, val.txt:
    python tools/make_splits.py import UniMatch/splits/pascal --data-root data/VOCdevkit/VOC2012
  label 25 images of each class of CIFAR-10, and keep 5 of them for validation:
    python tools/make_splits.py labels --data-root data/cifar10 --dataset cifar10 --size 250
  use the published 1% of ImageNet, with images in train/CLASS/:
    python tools/make_splits.py labels --data-root data/imagenet --dataset folder \\
      --labeled 1percent.txt
  check every list and mask of a data root:
    python tools/make_splits.py check --data-root data/mine
    python tools/make_splits.py check --data-root data/cifar10 --dataset cifar10

A split NAME is DATA_ROOT/splits/NAME/labeled.txt and .../unlabeled.txt. Configs select it with
train_dataloader = dict(dataset=dict(split='NAME')). The validation list is DATA_ROOT/splits/val.txt
or, for `labels`, DATA_ROOT/splits/NAME/val.txt.
"""


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__, epilog=EXAMPLES)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    root, force, masks, classes = (argparse.ArgumentParser(add_help=False) for _ in range(4))
    root.add_argument(
        "--data-root", type=Path, required=True, help="folder that the names in a list start at"
    )
    root.add_argument(
        "--custom-import", metavar="MODULE", help="module that registers a data set of yours"
    )
    force.add_argument("--force", action="store_true", help="replace existing lists")
    masks.add_argument("--binary", action="store_true", help="masks hold 0 and 255 (or 0 and 1)")
    masks.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="class names, one per line (default: DATA_ROOT/classes.txt)",
    )
    classes.add_argument(
        "--dataset",
        metavar="NAME",
        help="data set: cifar10, cifar100, svhn, cub, cars, sop, inshop, folder (one folder per "
        "class), list (a list of images and classes), or the SHORT_NAME of a class of yours",
    )
    classes.add_argument(
        "--folder",
        help="folder: the folder of the class folders (default: train); list: the folder that "
        "its names start at",
    )
    for name, parents, text in (
        ("draw", (root, force, masks), "draw a random split in which every class is labeled"),
        ("labels", (root, force, classes), "label the same number of images of every class"),
        ("import", (root, force), "check and copy a folder of existing lists"),
        ("check", (root, masks, classes), "check the lists, images and masks of a data root"),
    ):
        sub = commands.add_parser(name, parents=parents, help=text, epilog=EXAMPLES)
        {"draw": _add_draw, "labels": _add_labels, "import": _add_import}.get(name, _add_check)(sub)
    return parser.parse_args(argv)


def read_size(text: str) -> Fraction:
    """Parse a number or a share such as ``1/16``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"Expected a number such as 92 or a share such as 1/16, but got '{text}'."
        ) from None


def _add_draw(sub: argparse.ArgumentParser) -> None:
    add = sub.add_argument
    text = "labeled images: a number (92) or a share (1/16, 0.05), rounded up"
    add("--size", type=read_size, required=True, help=text)
    text = "'image mask' lines to draw from, instead of two folders"
    add("--list", type=Path, metavar="FILE", help=text)
    add("--images", default="images", help="folder of images (default: images)")
    add("--masks", default="masks", help="folder of masks (default: masks)")
    text = "folder of additional images without masks for the unlabeled list"
    add("--unlabeled-images", metavar="FOLDER", help=text)
    text = "first keep N images as splits/val.txt (default: exclude those of an existing val.txt)"
    add("--val", type=int, metavar="N", help=text)
    add("--any-classes", action="store_true", help="allow classes without a labeled image")
    _add_seed(sub, "SIZE_seedSEED, such as 1_16_seed0")


def _add_labels(sub: argparse.ArgumentParser) -> None:
    which, add = sub.add_mutually_exclusive_group(required=True), sub.add_argument
    which.add_argument("--size", type=int, help="labeled images, a multiple of the classes")
    text = "list of the labeled images; nothing is drawn"
    which.add_argument("--labeled", type=Path, metavar="FILE", help=text)
    text = "label every image that has a class"
    which.add_argument("--all-labeled", action="store_true", help=text)
    add("--list", metavar="FILE", help="'image class' lines of all images (--dataset list)")
    text = "folder (svhn: part, such as extra) of additional images for the unlabeled list"
    add("--unlabeled-images", metavar="FOLDER", help=text)
    text = "share of the labeled images of every class that becomes NAME/val.txt (default: 0.2, "
    add("--val-share", type=float, metavar="SHARE", help=f"{text}with --labeled 0)")
    _add_seed(sub, "SIZE_seedSEED, the name of FILE, or all")


def _add_seed(sub: argparse.ArgumentParser, name: str) -> None:
    sub.add_argument("--seed", type=int, default=0, help="the same seed gives the same lists")
    sub.add_argument("--name", help=f"name of the split (default: {name})")


def _add_import(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("source", type=Path, help="folder with NAME/{labeled,unlabeled}.txt")
    text = "replace the first folder of every mask, for example by SegmentationClassAug"
    sub.add_argument("--mask-folder", metavar="FOLDER", help=text)


def _add_check(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("names", nargs="*", metavar="NAME", help="splits to check (default: all)")


def find_dataset(args: argparse.Namespace) -> tuple[type, dict[str, Any]]:
    """Return the class and the config of the data set that ``--dataset`` names."""
    from rankseg.datasets.base import by_short_name, check_data_root

    kinds = by_short_name()
    if args.dataset not in kinds:
        raise ValueError(
            f"Expected --dataset to be one of {', '.join(sorted(kinds))}, but got {args.dataset}."
        )
    kind = kinds[args.dataset]
    config = {"type": kind.__name__, "data_root": str(check_data_root(args.data_root, kind))}
    if args.folder is not None:
        if not kind.FOLDER_OPTION:
            raise ValueError(
                "Expected --folder with --dataset folder or list, but got --dataset "
                f"{args.dataset}."
            )
        config[kind.FOLDER_OPTION] = args.folder
    return kind, config


def draw_labels(args: argparse.Namespace) -> None:
    """Draw or import labeled images of every class, and write the split."""
    import numpy as np

    from rankseg.datasets import split_drawing as drawing
    from rankseg.datasets.splits import split_files, splits

    entries, ids, classes = collect_labels(args)
    rng, share = np.random.default_rng(args.seed), args.val_share
    if args.labeled:
        name, share = args.labeled.stem, share or 0.0
        chosen = np.array(split_files.find_images(args.labeled, entries, args.folder or "train"))
    elif args.all_labeled:
        name, chosen = "all", np.flatnonzero(ids >= 0)
    else:
        name = f"{args.size}_seed{args.seed}"
        chosen = drawing.draw_balanced(ids, classes, args.size, rng)
    few, val = drawing.hold_out(ids, chosen, classes, 0.2 if share is None else share, rng)
    rest = np.setdiff1d(np.arange(len(entries)), chosen)
    if not len(rest):
        raise ValueError(
            f"Expected some unlabeled images, but all {len(entries)} images would be labeled. "
            "Label fewer (--size), or add images without labels (--unlabeled-images)."
        )
    parts = {splits.LABELED_FILE: few, splits.UNLABELED_FILE: rest}
    parts |= {splits.VAL_FILE: val} if len(val) else {}
    name = args.name or name
    lists = {f"{name}/{file}": [entries[i] for i in part] for file, part in parts.items()}
    splits.check_split(name, *list(lists.values())[:2])
    written = split_files.write_lists(args.data_root / "splits", lists, args.force)
    print(drawing.label_table({Path(f).stem: ids[part] for f, part in parts.items()}, classes))
    _print_written(written, lists)


def collect_labels(args: argparse.Namespace) -> tuple[list, Any, tuple[str, ...]]:
    """Return all images: entries, class ids as an array (-1 unknown), and class names."""
    import numpy as np

    from rankseg.datasets.splits import split_files, splits
    from rankseg.registry import DATASETS

    kind, dataset = find_dataset(args)
    if not kind.image_level:
        raise ValueError(
            f"Expected a data set of images with classes, but got {args.dataset}. Use `draw`."
        )
    if (args.list is None) == kind.NEEDS_LIST:
        raise ValueError(
            f"Expected --list FILE with --dataset list and with no other, but got {args.list} with "
            f"--dataset {args.dataset}."
        )
    dataset["with_labels"] = False
    pool = DATASETS.build({**dataset, "ann_file": args.list or ""})
    entries, ids = pool.load_entries(), pool.class_ids()
    if args.unlabeled_images:
        if kind.HAS_FILES:
            more = split_files.pair_folders(args.data_root, args.unlabeled_images, None)
        else:
            more = DATASETS.build({**dataset, "part": args.unlabeled_images}).load_entries()
        entries, ids = entries + more, np.append(ids, [-1] * len(more))
    splits.check_duplicates(entries, pool.source)
    free = _not_in_val(args.data_root, entries)
    return [entries[i] for i in free], ids[free], pool.classes


def _not_in_val(root: Path, entries: list) -> list[int]:
    """Return the positions of the entries that are not in DATA_ROOT/splits/val.txt."""
    from rankseg.datasets.splits import splits

    path = root / "splits" / splits.VAL_FILE
    val = {image for image, _ in splits.read_list(path)} if path.is_file() else set()
    free = [i for i, (image, _) in enumerate(entries) if image not in val]
    if len(free) < len(entries):
        print(f"excluded {len(entries) - len(free)} images that are in {path}")
    return free


def _print_written(paths: list[Path], lists: dict[str, list]) -> None:
    for path, part in zip(paths, lists.values(), strict=True):
        print(f"wrote {path}: {len(part)} images")


def draw(args: argparse.Namespace) -> None:
    """Draw a split and write it."""
    from rankseg.datasets import split_drawing as drawing
    from rankseg.datasets.base import check_data_root, recognize_list
    from rankseg.datasets.splits import split_files, splits

    check_data_root(args.data_root, "make_splits.py draw")
    name = args.name or f"{str(args.size).replace('/', '_')}_seed{args.seed}"
    entries = collect_entries(args)
    kind = recognize_list(entries)
    if kind and kind.SPLITS and name in kind.SPLITS.labeled:
        raise ValueError(
            f"Expected a name of your own for the split, but got --name {name}, which is a "
            f"published split of {kind.TITLE}. Choose another name."
        )
    classes = class_names(args, kind)
    pixels = drawing.count_pixels(args.data_root, entries, "binary" if args.binary else None)
    drawing.check_classes(pixels, entries, classes, str(args.list or args.data_root / args.masks))
    rows = {entry: row for row, entry in enumerate(entries)}
    lists, val_path = {}, args.data_root / "splits" / splits.VAL_FILE
    val = splits.read_list(val_path) if val_path.is_file() and args.val is None else []
    if args.val is not None:
        val, entries = drawing.cut_validation(entries, args.val, args.seed, pixels)
        lists[splits.VAL_FILE] = val
    elif val:
        entries = [entries[i] for i in _not_in_val(args.data_root, entries)]
    counts = pixels[[rows[entry] for entry in entries]]
    parts = drawing.make_split(entries, args.size, args.seed, None if args.any_classes else counts)
    splits.check_split(name, *parts, val)
    files = (f"{name}/{splits.LABELED_FILE}", f"{name}/{splits.UNLABELED_FILE}")
    lists |= zip(files, parts, strict=True)
    written = split_files.write_lists(args.data_root / "splits", lists, args.force)
    chosen = set(parts[0])
    print(drawing.class_table(counts, [entry in chosen for entry in entries], classes))
    _print_written(written, lists)


def collect_entries(args: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Read the list, or pair the folders, and add the images without masks."""
    from rankseg.datasets.file_checks import missing_files
    from rankseg.datasets.splits import split_files, splits

    if args.list:
        inside = args.data_root / args.list
        path = args.list if args.list.is_file() or not inside.is_file() else inside
        entries = splits.read_list(path)
    else:
        entries = split_files.pair_folders(args.data_root, args.images, args.masks)
    if args.unlabeled_images:
        entries += split_files.pair_folders(args.data_root, args.unlabeled_images, None)
    splits.check_duplicates(entries, str(args.list or args.images))
    names = [str(args.data_root / name) for pair in entries for name in pair if name]
    if missing := missing_files(names):
        raise FileNotFoundError(
            f"{missing[0]} does not exist ({len(missing)} files are missing). Correct the list, or "
            f"--data-root {args.data_root}."
        )
    return entries


def class_names(args: argparse.Namespace, kind: type | None) -> tuple[str, ...] | None:
    """Return class names from the command line, the data root or the recognized data set."""
    from rankseg.datasets import read_classes

    file = args.data_root / "classes.txt"
    if args.classes or file.is_file():
        return read_classes(args.classes or file)
    if args.binary:
        return ("background", "foreground")
    return kind.METAINFO["classes"] if kind else None


def import_lists(args: argparse.Namespace) -> None:
    """Import a folder of lists."""
    from rankseg.datasets.base import check_data_root
    from rankseg.datasets.file_checks import missing_files
    from rankseg.datasets.splits import split_files, splits

    root = check_data_root(args.data_root, "make_splits.py import")
    val_path = root / "splits" / splits.VAL_FILE
    val = splits.read_list(val_path) if val_path.is_file() else None
    lists = split_files.collect_lists(args.source, val, mask_folder=args.mask_folder)
    _print_written(split_files.write_lists(root / "splits", lists, args.force), lists)
    if splits.VAL_FILE not in lists and val is None:
        print(f"note: there is no {splits.VAL_FILE} to compare the lists with")
    for column, what in enumerate(("image", "mask")):  # a class or a CIFAR row has no suffix
        names = {e[column] for entries in lists.values() for e in entries if e[column]}
        paths = {str(root / name) for name in names if name.lower().endswith(splits.ENDINGS)}
        missing = missing_files(sorted(paths))
        more = f", such as {missing[0]}" if missing else ""
        print(f"{len(paths)} {what}s in the lists, {len(missing)} of them missing{more}")


def check(args: argparse.Namespace) -> None:
    """Check splits and their files like training does."""
    from rankseg.datasets import FolderDataset, SemiDataset, check_data
    from rankseg.datasets.base import check_data_root, recognize_list, registered
    from rankseg.datasets.splits import split_files, splits
    from rankseg.registry import DATASETS

    root = check_data_root(args.data_root, "make_splits.py check")
    kind, dataset = find_dataset(args) if args.dataset else (None, None)
    names = args.names or list(split_files.find_splits(root / "splits"))
    if not names:
        folders = {one.IMAGE_FOLDER: one for one in registered() if one.IMAGE_FOLDER}
        kind = kind or next((one for top, one in folders.items() if (root / top).is_dir()), None)
        path = root / "splits/1_16" / splits.LABELED_FILE
        cure = (kind or FolderDataset).list_cure(path, root, args.binary)
        raise FileNotFoundError(f"Expected {root / 'splits'} to hold a split, but got none. {cure}")
    if kind is None:
        path = root / "splits" / names[0] / splits.LABELED_FILE
        first = FolderDataset.read_samples(path, root, args.binary)
        if first[0][1] and not first[0][1].lower().endswith(splits.ENDINGS):
            raise ValueError(
                f"Expected {path} to name masks, but got classes. Name their data set with "
                "--dataset."
            )
        kind = recognize_list(first) or FolderDataset
        dataset = {"type": kind.__name__, "data_root": str(root)}
        if kind is FolderDataset:
            dataset |= {"classes": class_names(args, None), "binary": args.binary}
    for name in names:
        print("\n".join(check_data(SemiDataset(dataset, split=name))))
    found = [name for name in names if (root / "splits" / name / splits.VAL_FILE).is_file()]
    paths = [f"splits/{name}/{splits.VAL_FILE}" for name in found]
    if not kind.image_level or (root / "splits" / splits.VAL_FILE).is_file():
        paths.append(f"splits/{splits.VAL_FILE}")
    for path in paths:
        print("\n".join(DATASETS.build({**dataset, "ann_file": path}).check_samples()))


def main(argv: list[str] | None = None) -> None:
    """Run the command; user errors are reported in one sentence with exit status 2."""
    args = parse_args(argv)
    with exit_on_user_error():
        if args.custom_import:
            importlib.import_module(args.custom_import)
        commands = {"draw": draw, "labels": draw_labels, "import": import_lists, "check": check}
        commands[args.command](args)
