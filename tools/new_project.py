#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Create a training config from a folder of your images and masks."""

import argparse
from collections.abc import Sequence

from rankseg.imageio.marks import RULE
from rankseg.projects.new_project import new_project
from rankseg.projects.stack_masks import BACKGROUND, UNLABELED
from rankseg.training.command_line import color_argument, exit_on_user_error

EXAMPLES = """examples:
  images, some of them with masks of the same name (a.jpg with a.png or a_mask.png):
    python tools/new_project.py --images photos --masks masks --classes background car \\
      --out configs/my_project.py
  images without masks in a folder of their own:
    python tools/new_project.py --images few --masks masks --unlabeled many \\
      --out configs/my_project.py
  masks in colors, named in a file by lines such as '0 0 255 car' (a name 'ignore' is no class):
    python tools/new_project.py --images photos --masks masks --colors colors.txt \\
      --out configs/my_project.py
  every object has its own number:
    python tools/new_project.py --images cells --masks objects --above 0 --out configs/cells.py
  objects outlined or filled in red on copies of the images:
    python tools/new_project.py --images cells --masks drawn --color red --out configs/cells.py
  outlines from a labeling program, in COCO format or by labelme (pip install pycocotools):
    python tools/new_project.py --images photos --masks outlines.json --out configs/my_project.py
    python tools/new_project.py --images photos --masks labelme_files --out configs/my_project.py
  CVAT's "Segmentation mask" (its labelmap.txt names the colors):
    python tools/new_project.py --images export --masks export --out configs/my_project.py

Masks may be gray or palette files of 0, 1, 2, ... (255 beside them is ignored), of 0 and 255, of
other numbers, or in colors; several masks of one image (a_mask.png, a_mask_1.png, or the files of a
folder a) are joined. Your files are never changed: data/NAME gets links to your folders,
the lists of images and, where they are needed, masks with class ids. For a TIFF stack see
tools/dataset_converters/lucchi.py.
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", required=True, metavar="DIR", help="folder of images")
    parser.add_argument(
        "--masks",
        required=True,
        metavar="DIR",
        help="folder of masks or of labelme files, or a COCO file with outlines",
    )
    parser.add_argument(
        "--unlabeled",
        "--unlabelled",
        dest="unlabeled",
        metavar="DIR",
        help="folder of more images, without masks",
    )
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="config to write: configs/my_project.py"
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="class names in the order of their values, or a file with a name on every line",
    )
    parser.add_argument(
        "--colors",
        metavar="FILE",
        help="lines 'R G B name', or CVAT's labelmap.txt: colors of masks",
    )
    parser.add_argument(
        "--above", type=int, metavar="N", help="mask values above N are class 1, all others 0"
    )
    parser.add_argument(
        "--color",
        type=color_argument,
        metavar="COLOR",
        help=f"masks are marks of this color on gray pictures, such as red or '#ff0000': {RULE}",
    )
    parser.add_argument(
        "--empty-masks",
        choices=[UNLABELED, BACKGROUND],
        help="what an image is whose mask holds class 0 alone (default: background; with --color "
        "unlabeled)",
    )
    parser.add_argument(
        "--channels",
        "--channel",
        type=int,
        nargs="+",
        metavar="N",
        help="bands of the images, or channels of a hyperstack of one slice, counted from 1, that "
        "become red, green and blue: three, or one (default: the first three bands)",
    )
    parser.add_argument(
        "--val",
        type=int,
        metavar="N",
        help="images with masks that are kept for validation (default: a fifth, at most 100)",
    )
    parser.add_argument(
        "--labeled",
        "--labelled",
        dest="labeled",
        type=int,
        metavar="N",
        help="use the masks of so many images only; the others become unlabeled",
    )
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same lists")
    parser.add_argument(
        "--data-out",
        metavar="DIR",
        help="folder for lists, links and class ids (default: data/NAME)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace what an earlier call has written"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Inspect the folder, report the findings and write the config."""
    args = parse_args(argv)
    with exit_on_user_error():
        new_project(**vars(args))


if __name__ == "__main__":
    main()
