# SPDX-License-Identifier: Apache-2.0
"""Export the weights of a trained network to a safetensors file.

python tools/model_converters/to_safetensors.py RUN --out weights.safetensors

The file contains one network, and names and colors of the classes. Every tool takes it in place of
a checkpoint, for example:

    python tools/test.py CONFIG weights.safetensors
    python tools/train.py CONFIG --load-from weights.safetensors
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
        "--out", required=True, metavar="FILE", help="output file, which must not exist"
    )
    add_network_argument(parser)
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Export the weights and print what was written."""
    args = parse_args(argv)
    from rankseg import apis

    with running(args):
        result = apis.to_safetensors(*trained_from(args), args.out, network=args.network)
    print(
        f"Wrote the {result['network']}, {result['parameters'] / 1e6:.1f} M parameters and "
        f"{result['classes']} classes, to {args.out}."
    )
