# SPDX-License-Identifier: Apache-2.0
"""Predict masks for an image, a folder of images or a TIFF stack.

python tools/predict.py RUN photos --out predicted             # RUN: the work folder of training
python tools/predict.py RUN/last cells.tif --out predicted --uncertainty
python tools/predict.py CONFIG CHECKPOINT photos --out predicted

The output folder contains masks (class ids, displayed in the class colors; one stack for a stack),
overlays, summary.csv with the share of every class, and overview.png. Large images are predicted in
overlapping windows. For a TIFF stack with several channels, --channel selects one (by default that
of the training set, if its stacks.json names one); the masks keep axes, pixel size and unit. For a
classifier the folder contains predictions.csv and overview.png.
"""

import argparse
import sys
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_default,
    add_model_arguments,
    add_plane_arguments,
    make_parser,
    parse_trained,
    planes_from,
    running,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_model_arguments(parser, trained=True, inputs="INPUT")
    parser.add_argument("--out", required=True, metavar="DIR", help="output folder")
    _add_outputs(parser.add_argument_group("outputs"))
    _add_options(parser.add_argument_group("prediction"))
    return parse_trained(parser, argv, (1, 1))


def _add_options(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument(
        "--data-root",
        metavar="DIR",
        help="folder of the training set; its stacks.json gives the value range of 16-bit images "
        "and the shrink factor",
    )
    parser.add_argument(
        "--device", metavar="NAME", help="cpu, cuda or cuda:N (default: the GPU, if there is one)"
    )
    parser.add_argument(
        "--weights",
        choices=["auto", "student", "teacher"],
        default="auto",
        help="network to predict with (default: the one that the config selects)",
    )
    parser.add_argument(
        "--window",
        type=_window,
        default="auto",
        metavar="PIXELS",
        help="predict images larger than this side in windows of this side; 0 uses no windows "
        "(default: images of more than 4 million pixels in windows that suit the training crop)",
    )
    parser.add_argument(
        "--overlap",
        type=float,
        metavar="SHARE",
        help="fraction of a window that overlaps the next one (default: 0.25)",
    )
    add_default(parser, "--batch", 1, "number of images of one size per forward pass")
    parser.add_argument(
        "--flip",
        action="store_true",
        help="also predict mirrored images and average the logits; takes twice the time",
    )
    parser.add_argument(
        "--amp", action="store_true", help="compute in bfloat16, which is faster on recent GPUs"
    )
    parser.add_argument(
        "--value-range",
        type=float,
        nargs=2,
        metavar=("BLACK", "WHITE"),
        help="values that become 0 and 255 in images of more than 8 bits (default: those of the "
        "config or training set, if known; else the 0.1 and 99.9 percentiles of all inputs)",
    )
    parser.add_argument(
        "--shrink",
        type=float,
        metavar="FACTOR",
        help="shrink images by this factor for the network; masks keep the original size "
        "(default: the factor of the training set, if known; else 1)",
    )
    add_plane_arguments(parser)


def _add_outputs(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument("--no-overlays", action="store_true", help="do not write overlays")
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="write the probabilities of all classes (float16 TIFF)",
    )
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="write a map from 0 (certain) to 1 (uncertain) as PNG and as float32 TIFF",
    )
    parser.add_argument(
        "--binary-255",
        action="store_true",
        help="write masks of two classes as 0 and 255 instead of 0 and 1",
    )
    add_default(
        parser, "--top", 5, "number of classes that a classifier lists per image", metavar="K"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier prediction")
    parser.add_argument(
        "--skip-existing",
        action="store_true",
        help="continue an interrupted prediction and keep its masks",
    )


def _window(text: str) -> int | str:
    if text != "auto" and not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"Expected auto or a number of pixels such as 513, but got {text!r}."
        )
    return text if text == "auto" else int(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Predict; the exit status is 1 if some images failed."""
    args = parse_args(argv)
    from rankseg import apis
    from rankseg.inference.writer import Outputs

    with running(args):
        try:
            report = apis.predict(
                *trained_from(args),
                args.inputs[0],
                args.out,
                outputs=Outputs(
                    overlays=not args.no_overlays,
                    probabilities=args.probabilities,
                    uncertainty=args.uncertainty,
                    binary_255=args.binary_255,
                ),
                overwrite=args.overwrite,
                skip_existing=args.skip_existing,
                value_range=args.value_range and tuple(args.value_range),
                topk=args.top,
                shrink=args.shrink,
                planes=planes_from(args),
                device=args.device,
                weights=args.weights,
                window=args.window,
                overlap=args.overlap,
                batch=args.batch,
                flip=args.flip,
                amp=args.amp,
            )
        except KeyboardInterrupt:
            print(
                "\nInterrupted. To continue, repeat the command with --skip-existing instead of "
                "--overwrite. For a classifier, start again with --overwrite.",
                file=sys.stderr,
            )
            raise SystemExit(130) from None
    for note in report.notes:
        print(f"note: {note}")
    kept = f", kept {report.skipped} from an earlier prediction" if report.skipped else ""
    print(f"Predicted {report.done} images{kept}. Results are in {args.out}.")
    if report.failed:
        for message in report.failed:
            print(f"failed: {message}", file=sys.stderr)
        count = (
            f"{len(report.failed)} of {report.done + report.skipped + len(report.failed)} images"
        )
        print(f"{count} failed. The list is in {args.out}/failed.txt.", file=sys.stderr)
        raise SystemExit(1)
