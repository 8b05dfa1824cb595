#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Predict masks for an image, a folder of images or a TIFF stack.

python tools/predict.py CONFIG CHECKPOINT photos --out predicted
python tools/predict.py CONFIG CHECKPOINT cells.tif --out predicted --uncertainty

The output folder contains masks (class ids, displayed in the class colors; one stack for a stack),
overlays, summary.csv with the share of every class, and overview.png. Large images are predicted in
overlapping windows. For a TIFF stack with several channels, --channel selects one (by default that
of the training set, if its stacks.json names one); the masks keep axes, pixel size and unit. For a
classifier the folder contains predictions.csv and overview.png.
"""

import argparse
import sys
from collections.abc import Sequence

from rankseg import apis
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.inference.prediction_files import Outputs
from rankseg.training.command_line import (
    add_model_arguments,
    add_plane_arguments,
    exit_on_user_error,
    planes_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_arguments(parser)
    parser.add_argument("checkpoint", help="a .pth file of this toolbox or of a plain mmseg model")
    parser.add_argument("input", help="an image, a TIFF stack, or a folder (with all below it)")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder to write to")
    _add_outputs(parser.add_argument_group("what is written"))
    _add_how(parser.add_argument_group("how it is predicted"))
    return parser.parse_args(argv)


def _add_how(how: argparse._ArgumentGroup) -> None:
    how.add_argument(
        "--data-root",
        metavar="DIR",
        help="folder of the set it was trained on, whose stacks.json says how 16 bits are scaled "
        "and how much pages were shrunk",
    )
    how.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 (default: a GPU if any)")
    how.add_argument(
        "--weights",
        choices=["auto", "student", "teacher"],
        default="auto",
        help="which network predicts (default: the one that the config names)",
    )
    how.add_argument(
        "--window",
        type=_window,
        default="auto",
        metavar="PIXELS",
        help="predict every larger image by windows of this side; 0: never by windows (default: "
        "images of more than 4 million pixels by windows that suit the training crop)",
    )
    how.add_argument(
        "--overlap",
        type=float,
        metavar="SHARE",
        help="share of a window that the next one sees too (default: 0.25)",
    )
    how.add_argument(
        "--batch", type=int, default=1, metavar="N", help="images of one size at a time"
    )
    how.add_argument(
        "--flip", action="store_true", help="predict mirrored too and average: twice the time"
    )
    how.add_argument("--amp", action="store_true", help="bfloat16: faster on recent GPUs")
    how.add_argument(
        "--value-range",
        type=float,
        nargs=2,
        metavar=("BLACK", "WHITE"),
        help="the values of images of more than 8 bits that become 0 and 255 (default: as in "
        "training, if config or data set say; else 0.1%% to 99.9%% of all pixels of the input)",
    )
    how.add_argument(
        "--shrink",
        type=float,
        metavar="FACTOR",
        help="make images so many times smaller for the network; masks get their full size "
        "(default: as in training, if the data set says; else 1)",
    )
    add_plane_arguments(how)


def _add_outputs(parser: argparse._ArgumentGroup) -> None:
    parser.add_argument("--no-overlays", action="store_true", help="leave out the overlays")
    parser.add_argument(
        "--probabilities", action="store_true", help="write those of all classes (float16 TIFF)"
    )
    parser.add_argument(
        "--uncertainty",
        action="store_true",
        help="write a map from 0 (sure) to 1 (a guess) as picture and as float32 TIFF",
    )
    parser.add_argument(
        "--binary-255", action="store_true", help="two classes: masks of 0 and 255, not 0 and 1"
    )
    parser.add_argument(
        "--top", type=int, default=5, metavar="K", help="classes named by a classifier"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace earlier predictions")
    parser.add_argument(
        "--skip-existing", action="store_true", help="go on with predictions that were interrupted"
    )


def _window(text: str) -> int | str:
    return text if text == "auto" else int(text)


def main(argv: Sequence[str] | None = None) -> None:
    """Predict; the exit status is 1 if some images failed."""
    args = parse_args(argv)
    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        try:
            report = apis.predict(
                apis.load_config(args.config, options=args.cfg_options, data_root=args.data_root),
                args.checkpoint,
                args.input,
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
                "\ninterrupted: the same command with --skip-existing in place of --overwrite goes "
                "on, of a classifier it begins anew with --overwrite",
                file=sys.stderr,
            )
            raise SystemExit(130) from None
    for note in report.notes:
        print(f"note: {note}")
    skipped = f", {report.skipped} were there already" if report.skipped else ""
    print(f"{report.done} predicted{skipped}; see {args.out}")
    if report.failed:
        for sentence in report.failed:
            print(f"failed: {sentence}", file=sys.stderr)
        total = report.done + report.skipped + len(report.failed)
        print(f"{len(report.failed)} of {total} failed, see {args.out}/failed.txt", file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
