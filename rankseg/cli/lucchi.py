# SPDX-License-Identifier: Apache-2.0
"""Convert TIFF stacks, from the Lucchi data set or your own, to a folder for training.

python tools/dataset_converters/lucchi.py DOWNLOADS --out data/lucchi
    DOWNLOADS contains training.tif, testing.tif and for each *_groundtruth.tif with 0 and 255

python tools/dataset_converters/lucchi.py --images cells.tif --masks labels.tif \\
    --labeled-slices 1 41 81 121 161 --out data/cells
    cells.tif has 165 slices; labels.tif has 165 masks, or five masks of the given slices

python tools/dataset_converters/lucchi.py --images cells.tif --masks outlined.tif --color red \\
    --channel 2 --out data/cells
    cells.tif has several channels; in outlined.tif objects are outlined or filled in red

Slices are numbered from 1, as in ImageJ. The metadata of ImageJ and OME define which pages are
slices. An empty mask does not count as a label unless you set --labeled-slices or --empty-masks.
With --shrink 2 the tool writes pages at half their width and height; tools/predict.py --data-root
DIR then shrinks a stack in the same way and writes masks of the original size.
"""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from rankseg.training.command_line import (
    MARKS,
    add_default,
    add_plane_arguments,
    color_argument,
    exit_on_user_error,
    make_parser,
    plane_argument,
    planes_from,
)
from rankseg.utils.commands import spell_commands, tool_command

LUCCHI = {
    "images": "training.tif",
    "masks": "training_groundtruth.tif",
    "test_images": "testing.tif",
    "test_masks": "testing_groundtruth.tif",
}
SMALL_CROP = 129  # crop of configs/*/lucchi_small_5.py
SIZES = (5, 10, 20)  # 1/32, 1/16 and 1/8 of the 165 slices


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument("folder", nargs="?", help="folder with the four stacks of the Lucchi set")
    parser.add_argument("--out", required=True, metavar="DIR", help="output folder")
    _add_stack_arguments(parser.add_argument_group("your own stacks, instead of a folder"))
    parser.add_argument(
        "--labeled",
        "--labelled",
        dest="labeled",
        type=int,
        nargs="+",
        metavar="N",
        help="sizes of the splits to draw (default: 5 10 20; for your own "
        "stacks all slices with a mask)",
    )
    add_default(parser, "--seed", 0, "seed of the selected slices", metavar=None)
    parser.add_argument(
        "--above",
        type=int,
        metavar="N",
        help="mask values above N are foreground: 0 for numbered objects, 127 for soft edges "
        "(default: the one value that is not 0)",
    )
    parser.add_argument(
        "--shrink",
        type=float,
        default=1.0,
        metavar="FACTOR",
        help="shrink pages by this factor; use it if objects are wider than a third of a training "
        "crop, which is about 40 pixels for small networks (default: 1)",
    )
    parser.add_argument(
        "--classes",
        nargs=2,
        default=("background", "mitochondrion"),
        metavar=("BACKGROUND", "FOREGROUND"),
        help="names of the two classes",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier conversion")
    args = parser.parse_args(argv)
    if bool(args.folder) == bool(args.images and args.masks):
        parser.error(
            "Expected the folder of the Lucchi stacks, or both --images and --masks. Add one "
            "or the other."
        )
    return args


def _add_stack_arguments(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument("--images", metavar="TIF", help="stack of training images")
    parser.add_argument("--masks", metavar="TIF", help="stack of masks with 0 and one other value")
    parser.add_argument(
        "--test-images", metavar="TIF", help="stack of validation images (optional)"
    )
    parser.add_argument("--test-masks", metavar="TIF", help="masks of --test-images")
    parser.add_argument(
        "--labeled-slices",
        "--labelled-slices",
        dest="labeled_slices",
        type=int,
        nargs="+",
        default=[],
        metavar="N",
        help="numbers of the labeled slices, including those with an empty mask (default: all "
        "slices with a mask that is not empty)",
    )
    parser.add_argument(
        "--empty-masks",
        choices=("unlabeled", "background"),
        help="meaning of a mask without foreground: no label, or a slice without objects (default: "
        "unlabeled; background for slices in --labeled-slices)",
    )
    parser.add_argument(
        "--color",
        type=color_argument,
        metavar="COLOR",
        help=f"color of the marks in masks drawn on gray images, such as red or '#ff0000': {MARKS}",
    )
    parser.add_argument(
        "--mask-channel", type=plane_argument, metavar="N", help="channel of a hyperstack of masks"
    )
    add_plane_arguments(parser)
    parser.add_argument(
        "--val",
        type=int,
        metavar="N",
        help="number of slices with a mask to keep for validation without a test stack (default: "
        "a fifth, at least 1)",
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the stacks, then print a report and the next steps."""
    args = parse_args(argv)
    from rankseg.projects.machine import this_machine
    from rankseg.projects.stacks import convert_stacks

    stacks = {name: getattr(args, name) for name in LUCCHI}
    if args.folder:
        stacks = {name: Path(args.folder, file) for name, file in LUCCHI.items()}
        args.labeled = args.labeled or SIZES
    with exit_on_user_error():
        notes = convert_stacks(
            args.out,
            **stacks,
            labeled=args.labeled or (),
            slices=args.labeled_slices,
            val=args.val,
            seed=args.seed,
            above=args.above,
            color=args.color,
            empty_masks=args.empty_masks,
            planes=planes_from(args),
            mask_channel=args.mask_channel,
            shrink=args.shrink,
            classes=args.classes,
            overwrite=args.overwrite,
        )
    print(spell_commands(report(notes, this_machine().gpu > 0)))


def report(notes: dict, has_gpu: bool) -> str:
    """Return a report of input, output and the next commands."""
    lines = ["| stack | slices | labeled | size | bits | foreground |", "|" + " --- |" * 6]
    for one in notes["stacks"]:
        lines.append(
            f"| {one['images']} | {one['pages']} | {one['with_mask']} | "
            f"{one['width']}x{one['height']} | {one['dtype']} | {one['foreground']:.1f}% |"
        )
    lines += _describe_reading(notes)
    if notes["value_range"]:
        low, high = notes["value_range"]
        lines.append(f"gray values {low} to {high} were scaled to 0 to 255 ({notes['scaling']})")
    lines += [f"stacks: {line}" for line in notes.get("bands", ())]
    lines += _describe_sizes(notes)
    slices = len(notes["validation"])
    lines.append(f"validation: {slices} slice{'s' * (slices != 1)}")
    for name, images in notes["labeled"].items():
        slices = ", ".join(str(int(Path(image).stem)) for image in images)
        lines.append(f"split {name}: labeled slices {slices}")
    return "\n".join([*lines, *next_commands(notes, has_gpu)])


def next_commands(notes: dict, has_gpu: bool) -> list[str]:
    """Return lines with commands that train on the slices, the first one for this machine.

    Args:
        notes: Content of ``stacks.json``.
        has_gpu: Whether this machine has a GPU.
    """
    split = next(iter(notes["labeled"]))
    name = Path(notes["folder"]).name

    def train(config: str) -> str:
        arguments = ["--data-root", notes["folder"], "--work-dir", f"work_dirs/{name}/{config}"]
        if split != "even_5_seed0":
            arguments += ["--cfg-options", f"train_dataloader.dataset.split={split}"]
        return f"  {tool_command('train')} configs/rankmatch/{config}.py {shlex.join(arguments)}"

    if has_gpu:
        return [
            "Next, train a small network, in minutes on the GPU of this machine:",
            train("lucchi_small_5"),
            "A large one needs ImageNet weights (data/README.md, 'Pretrained backbones'):",
            train("lucchi_5"),
        ]
    return [
        "Next, train a narrow network, in minutes on the CPU of this machine:",
        train("lucchi_laptop_5"),
        "A wider one takes a night on a CPU:",
        train("lucchi_small_5"),
    ]


def _describe_reading(notes: dict) -> list[str]:
    """Describe which planes were read, and how outlines and empty masks are treated."""
    from rankseg.projects.stack_masks import describe_empty, describe_marks

    lines = []
    for one in notes["stacks"]:
        for kind, key in (("images", "chosen"), ("masks", "chosen_of_masks")):
            if one[key]:
                lines.append(f"{one[kind]}: used {', '.join(one[key])}")
        more = describe_marks(one["outlines"], one["outlines_not_closed"])
        named = one["part"] == "train" and notes["labeled_slices_named"]
        more += describe_empty(
            one["without_foreground"],
            one["masks_looked_at"],
            one["with_mask"] == one["masks_looked_at"],
            named and notes["empty_masks"] is None,
        )
        lines += [f"{one['masks']}: {text}" for text in more]
    return lines


def _describe_sizes(notes: dict) -> list[str]:
    """Describe the size of the pages, and whether the objects suit a small network."""
    from rankseg.imageio.shrinking import advised_shrink, shrunk_size

    lines, (first, *_) = [], notes["stacks"]
    if notes["shrink"] != 1:
        height, width = shrunk_size((first["height"], first["width"]), notes["shrink"])
        lines.append(f"pages were shrunk by a factor of {notes['shrink']:g}, to {width}x{height}")
    if notes["object_width"]:
        name = notes["classes"][1]
        line = f"{name}: about {notes['object_width']:.0f} pixels wide in the written pages"
        more = advised_shrink(notes["object_width"], SMALL_CROP)
        if more > 1:
            line += (
                f", which is too wide for small networks with crops of {SMALL_CROP} pixels. For "
                f"these, convert with --shrink {more * notes['shrink']:g}"
            )
        lines.append(line)
    return lines
