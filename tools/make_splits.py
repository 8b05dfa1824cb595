# SPDX-License-Identifier: Apache-2.0
"""Draw, import or check labeled/unlabeled split lists below DATA_ROOT/splits.

Use `draw` for images with masks, and `labels` for images with classes.
"""

import argparse
from fractions import Fraction
from pathlib import Path
from typing import Any

EXAMPLES = """examples:
  a folder with images/ and masks/, 50 images kept for validation, 1/16 of the rest labelled:
    python tools/make_splits.py draw --data-root data/mine --val 50 --size 1/16
  from a list of 'image mask' lines, 20 labelled images, two classes with masks of 0/255:
    python tools/make_splits.py draw --data-root data/mine --list train.txt --size 20 --binary
  the usual PASCAL VOC lists, from a folder with 92/labeled.txt, 92/unlabeled.txt, val.txt, ...:
    python tools/make_splits.py import UniMatch/splits/pascal --data-root data/VOCdevkit/VOC2012
  25 labelled images of each class of CIFAR-10, 5 of them kept for validation:
    python tools/make_splits.py labels --data-root data/cifar10 --dataset cifar10 --size 250
  the published 1% of ImageNet, images in train/CLASS/:
    python tools/make_splits.py labels --data-root data/imagenet --dataset folder \\
      --labeled 1percent.txt
  look at every list and mask of a data root:
    python tools/make_splits.py check --data-root data/mine
    python tools/make_splits.py check --data-root data/cifar10 --dataset cifar10

A split NAME is DATA_ROOT/splits/NAME/labeled.txt and .../unlabeled.txt; configs name it with
train_dataloader = dict(dataset=dict(split='NAME')). DATA_ROOT/splits/val.txt is for validation, or
what `labels` keeps: DATA_ROOT/splits/NAME/val.txt.
"""

KINDS = {
    "cifar10": "CIFAR10Dataset",
    "cifar100": "CIFAR100Dataset",
    "svhn": "SVHNDataset",
    "folder": "ClassFolderDataset",
    "list": "ClassListDataset",
}
"""Image-level data sets, keyed by the value of --dataset."""
KINDS |= {name.lower(): f"{name}Dataset" for name in ("CUB", "Cars", "SOP", "InShop")}


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=raw)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    draw = commands.add_parser(
        "draw",
        help="draw a split by a seed, every class labelled",
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    labels = commands.add_parser(
        "labels",
        help="draw as many labelled images of every class, for classification",
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    adopt = commands.add_parser(
        "import",
        help="take over a folder of existing lists, checked",
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    check = commands.add_parser(
        "check",
        help="check lists, images and masks of a data root",
        epilog=EXAMPLES,
        formatter_class=raw,
    )
    for sub in (draw, labels, adopt, check):
        sub.add_argument("--data-root", type=Path, required=True, help="folder that names start at")
    for sub in (draw, check):
        sub.add_argument("--binary", action="store_true", help="masks hold 0 and 255 (or 0 and 1)")
        sub.add_argument(
            "--classes",
            type=Path,
            metavar="FILE",
            help="class names, one per line (default: DATA_ROOT/classes.txt)",
        )
    for sub in (labels, check):
        sub.add_argument(
            "--dataset",
            choices=KINDS,
            required=sub is labels,
            help="images with classes: of a published set, in one folder per class, in a list",
        )
        sub.add_argument(
            "--folder",
            help="folder of the class folders (default: train); list: where its names start",
        )
    for sub in (draw, labels, adopt):
        sub.add_argument("--force", action="store_true", help="replace lists that exist")
    _add_draw(draw)
    _add_labels(labels)
    adopt.add_argument("source", type=Path, help="folder with NAME/{labeled,unlabeled}.txt")
    adopt.add_argument(
        "--mask-folder",
        metavar="FOLDER",
        help="put in place of the first folder of every mask, for example SegmentationClassAug",
    )
    check.add_argument("names", nargs="*", metavar="NAME", help="splits (default: all)")
    return parser.parse_args(argv)


def read_size(text: str) -> Fraction:
    """Parse a number or a share such as ``1/16``."""
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise argparse.ArgumentTypeError(
            f"'{text}' is neither a number such as 92 nor a share such as 1/16"
        ) from None


def _add_draw(draw: argparse.ArgumentParser) -> None:
    draw.add_argument(
        "--size",
        type=read_size,
        required=True,
        help="labelled images: a number (92) or a share (1/16, 0.05), rounded up",
    )
    draw.add_argument(
        "--list",
        type=Path,
        metavar="FILE",
        help="'image mask' lines to draw from, in place of two folders",
    )
    draw.add_argument("--images", default="images", help="folder of images (default: images)")
    draw.add_argument("--masks", default="masks", help="folder of masks (default: masks)")
    draw.add_argument(
        "--unlabeled-images",
        metavar="FOLDER",
        help="folder of more images, without masks, for the unlabelled list",
    )
    draw.add_argument(
        "--val",
        type=int,
        metavar="N",
        help="first put N images aside as splits/val.txt (without it, images of an "
        "existing val.txt are left out)",
    )
    draw.add_argument("--seed", type=int, default=0, help="the same seed, the same lists")
    draw.add_argument("--name", help="name of the split (default: SIZE_seedSEED: 1_16_seed0)")
    draw.add_argument(
        "--any-classes", action="store_true", help="allow classes without a labelled image"
    )


def _add_labels(labels: argparse.ArgumentParser) -> None:
    which = labels.add_mutually_exclusive_group(required=True)
    which.add_argument("--size", type=int, help="labelled images, a multiple of the classes")
    which.add_argument(
        "--labeled", type=Path, metavar="FILE", help="a list of the labelled images, not drawn"
    )
    which.add_argument(
        "--all-labeled", action="store_true", help="every image that has a class is labelled"
    )
    labels.add_argument(
        "--list", metavar="FILE", help="'image class' lines of all images (--dataset list)"
    )
    labels.add_argument(
        "--unlabeled-images",
        metavar="FOLDER",
        help="folder of more images, without classes, for the unlabelled list (svhn: extra)",
    )
    labels.add_argument(
        "--val-share",
        type=float,
        metavar="SHARE",
        help="share of the labelled images of every class that becomes NAME/val.txt "
        "(default: 0.2, with --labeled 0)",
    )
    labels.add_argument("--seed", type=int, default=0, help="the same seed, the same lists")
    labels.add_argument("--name", help="name of the split (default: SIZE_seedSEED, FILE's, or all)")


def class_dataset(args: argparse.Namespace, **options) -> dict:
    """Return the config of the image-level data set given on the command line."""
    key = {"folder": "folder", "list": "prefix"}.get(args.dataset)
    if args.folder is not None:
        if key is None:
            raise ValueError(f"--folder does not go with --dataset {args.dataset}")
        options[key] = args.folder
    return {"type": KINDS[args.dataset], "data_root": str(args.data_root), **options}


def labels(args: argparse.Namespace) -> None:
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
            f"all {len(entries)} images would be labelled and none unlabelled: label fewer "
            "(--size), or name a folder of images without labels (--unlabeled-images)"
        )
    parts = {splits.LABELED_FILE: few, splits.UNLABELED_FILE: rest}
    parts |= {splits.VAL_FILE: val} if len(val) else {}
    name = args.name or name
    lists = {f"{name}/{file}": [entries[i] for i in part] for file, part in parts.items()}
    splits.check_split(name, *list(lists.values())[:2])
    written = split_files.write_lists(args.data_root / "splits", lists, args.force)
    print(drawing.label_table({Path(f).stem: ids[part] for f, part in parts.items()}, classes))
    for path, part in zip(written, lists.values(), strict=True):
        print(f"wrote {path}: {len(part)} images")


def collect_labels(args: argparse.Namespace) -> tuple[list, Any, tuple[str, ...]]:
    """Return all images: entries, class ids as an array (-1 unknown), and class names."""
    import numpy as np

    from rankseg.datasets.base import check_data_root
    from rankseg.datasets.splits import split_files, splits
    from rankseg.registry import DATASETS

    root = check_data_root(args.data_root, KINDS[args.dataset])
    if (args.list is None) == (args.dataset == "list"):
        raise ValueError("--dataset list needs --list FILE, and other data sets take none")
    dataset = class_dataset(args, with_labels=False)
    pool = DATASETS.build({**dataset, "ann_file": args.list or ""})
    entries, ids = pool.load_entries(), pool.class_ids()
    if args.unlabeled_images:
        if hasattr(pool, "part"):
            more = DATASETS.build({**dataset, "part": args.unlabeled_images}).load_entries()
        else:
            more = split_files.pair_folders(root, args.unlabeled_images, None)
        entries, ids = entries + more, np.append(ids, [-1] * len(more))
    splits.check_duplicates(entries, pool.source)
    val_path = root / "splits" / splits.VAL_FILE
    if val_path.is_file():
        kept = {image for image, _ in splits.read_list(val_path)}
        free = [i for i, (image, _) in enumerate(entries) if image not in kept]
        print(f"left out {len(entries) - len(free)} images that are in {val_path}")
        entries, ids = [entries[i] for i in free], ids[free]
    return entries, ids, pool.classes


def draw(args: argparse.Namespace) -> None:
    """Draw a split and write it."""
    from rankseg.datasets import split_drawing as drawing
    from rankseg.datasets.base import check_data_root
    from rankseg.datasets.splits import split_files, splits

    check_data_root(args.data_root, "make_splits.py draw")
    name = args.name or f"{str(args.size).replace('/', '_')}_seed{args.seed}"
    entries = collect_entries(args)
    published = splits.PUBLISHED.get(splits.guess_family(entries), (0, {}))[1]
    if name in published:
        raise ValueError(f"--name {name} is the name of a published split: choose another")
    classes = class_names(args, splits.guess_family(entries))
    pixels = drawing.count_pixels(args.data_root, entries, "binary" if args.binary else None)
    drawing.check_classes(pixels, entries, classes, str(args.list or args.data_root / args.masks))
    rows = {entry: row for row, entry in enumerate(entries)}
    lists, val_path = {}, args.data_root / "splits" / splits.VAL_FILE
    val = splits.read_list(val_path) if val_path.is_file() and args.val is None else []
    if args.val is not None:
        val, entries = drawing.cut_validation(entries, args.val, args.seed, pixels)
        lists[splits.VAL_FILE] = val
    elif val:
        kept = {image for image, _ in val}
        entries = [entry for entry in entries if entry[0] not in kept]
        if len(entries) < len(rows):
            print(f"left out {len(rows) - len(entries)} images that are in {val_path}")
    counts = pixels[[rows[entry] for entry in entries]]
    parts = drawing.make_split(entries, args.size, args.seed, None if args.any_classes else counts)
    splits.check_split(name, *parts, val)
    lists |= {
        f"{name}/{splits.LABELED_FILE}": parts[0],
        f"{name}/{splits.UNLABELED_FILE}": parts[1],
    }
    written = split_files.write_lists(args.data_root / "splits", lists, args.force)
    chosen = set(parts[0])
    print(drawing.class_table(counts, [entry in chosen for entry in entries], classes))
    for path, part in zip(written, lists.values(), strict=True):
        print(f"wrote {path}: {len(part)} images")


def collect_entries(args: argparse.Namespace) -> list[tuple[str, str | None]]:
    """Read the list, or pair the folders, and add the images without masks."""
    from rankseg.datasets.base import missing_files
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
    missing = missing_files(
        [str(args.data_root / name) for pair in entries for name in pair if name]
    )
    if missing:
        raise FileNotFoundError(
            f"{missing[0]} does not exist ({len(missing)} files are missing): correct the list, "
            f"or --data-root {args.data_root}"
        )
    return entries


def class_names(args: argparse.Namespace, family: str | None) -> tuple[str, ...] | None:
    """Return class names from the command line, the data root or the family of lists."""
    from rankseg.datasets import CityscapesDataset, VOCDataset, read_classes

    own = args.data_root / "classes.txt"
    if args.classes or own.is_file():
        return read_classes(args.classes or own)
    if args.binary:
        return ("background", "foreground")
    known = {"voc": VOCDataset, "cityscapes": CityscapesDataset}
    return known[family].METAINFO["classes"] if family in known else None


def adopt(args: argparse.Namespace) -> None:
    """Import a folder of lists."""
    from rankseg.datasets.base import check_data_root, missing_files
    from rankseg.datasets.splits import split_files, splits

    root = check_data_root(args.data_root, "make_splits.py import")
    val_path = root / "splits" / splits.VAL_FILE
    val = splits.read_list(val_path) if val_path.is_file() else None
    lists = split_files.collect_lists(args.source, val, mask_folder=args.mask_folder)
    written = split_files.write_lists(root / "splits", lists, args.force)
    for path, entries in zip(written, lists.values(), strict=True):
        print(f"wrote {path}: {len(entries)} images")
    if splits.VAL_FILE not in lists and val is None:
        print(f"note: no {splits.VAL_FILE} yet, so nothing was compared with a validation list")
    for column, what in enumerate(("image", "mask")):  # a class or a CIFAR row has no suffix
        names = {e[column] for entries in lists.values() for e in entries if e[column]}
        paths = {str(root / name) for name in names if name.lower().endswith(splits.ENDINGS)}
        missing = missing_files(sorted(paths))
        more = f", such as {missing[0]}" if missing else ""
        print(f"{len(paths)} {what}s named, {len(missing)} of them missing{more}")


def check(args: argparse.Namespace) -> None:
    """Check splits and their files like training does."""
    from rankseg.datasets import SemiDataset, check_data, check_labeled
    from rankseg.datasets.base import check_data_root, list_cure, read_samples
    from rankseg.datasets.splits import split_files, splits
    from rankseg.registry import DATASETS

    root = check_data_root(args.data_root, "make_splits.py check")
    names = args.names or list(split_files.find_splits(root / "splits"))
    if not names:
        path = root / "splits/1_16" / splits.LABELED_FILE
        known = [kind for top, kind in splits.FIRST_FOLDER.items() if (root / top).is_dir()]
        cure = list_cure(path, root, known[0] if known else None, args.binary, args.dataset)
        raise FileNotFoundError(f"{root / 'splits'} holds no split: {cure}")
    if args.dataset:
        dataset = class_dataset(args)
    else:
        path = root / "splits" / names[0] / splits.LABELED_FILE
        first = read_samples(path, root, binary=args.binary)
        if first[0][1] and not first[0][1].lower().endswith(splits.ENDINGS):
            raise ValueError(f"{path} names classes and no masks: say of what, with --dataset")
        family = splits.guess_family(first)
        kinds = {"voc": "VOCDataset", "cityscapes": "CityscapesDataset"}
        dataset = {"type": kinds.get(family, "FolderDataset"), "data_root": str(root)}
        if family is None:
            dataset |= {"classes": class_names(args, None), "binary": args.binary}
    for name in names:
        print("\n".join(check_data(SemiDataset(dataset, split=name))))
    found = [name for name in names if (root / "splits" / name / splits.VAL_FILE).is_file()]
    paths = [f"splits/{name}/{splits.VAL_FILE}" for name in found]
    if not args.dataset or (root / "splits" / splits.VAL_FILE).is_file():
        paths.append(f"splits/{splits.VAL_FILE}")
    for path in paths:
        print("\n".join(check_labeled(DATASETS.build({**dataset, "ann_file": path}))))


def main(argv: list[str] | None = None) -> None:
    """Run the command; user errors are reported in one sentence with exit status 2."""
    args = parse_args(argv)
    from rankseg.training.command_line import exit_on_user_error

    with exit_on_user_error():
        commands = {"draw": draw, "labels": labels, "import": adopt, "check": check}
        commands[args.command](args)


if __name__ == "__main__":
    main()
