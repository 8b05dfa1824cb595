# SPDX-License-Identifier: Apache-2.0
"""Export a trained network to a folder that mmseg opens without rankseg.

python tools/model_converters/to_mmseg.py RUN --out exported

The folder contains config.py, weights.pth and, for a part that mmseg lacks (our DeepLabv3+ head),
one source file, which config.py imports. You can move the folder as a whole:

    from mmseg.apis import inference_model, init_model

    model = init_model("exported/config.py", "exported/weights.pth", device="cpu")
    result = inference_model(model, "photo.jpg")  # result.pred_sem_seg.data, result.seg_logits.data

Before the folder is complete, the tool opens it with mmseg and compares the logits with ours.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_model_arguments,
    add_network_argument,
    make_parser,
    parse_trained,
    running,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_model_arguments(parser, trained=True)
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="output folder, which must be new or empty"
    )
    add_network_argument(parser)
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Export the network and print the written files."""
    args = parse_args(argv)
    from rankseg import apis

    with running(args):
        result = apis.to_mmseg(*trained_from(args), args.out, network=args.network)
    print(f"Wrote {', '.join(result['files'])} to {args.out}.")
    print(
        f"Network: the {result['network']}, {result['classes']} classes. Logits of mmseg and of "
        f"rankseg differ by at most {result['difference']:.1e}."
    )
    if result["value_range"]:
        low, high = result["value_range"]
        print(
            "note: mmseg only reads the high byte of 16-bit images; convert them to 8 bits first, "
            f"and scale values from {low}..{high} to 0..255"
        )
    for loss in result["replaced_losses"]:
        print(f"note: mmseg has no {loss}; config.py uses cross-entropy for fine-tuning")
