# SPDX-License-Identifier: Apache-2.0
"""Convert a released UniMatch or RankMatch checkpoint to our format, or ours to theirs.

python tools/model_converters/unimatch.py best.pth converted.pth --config configs/unimatch/voc_92.py
python tools/test.py configs/unimatch/voc_92.py converted.pth
python tools/model_converters/unimatch.py work_dirs/.../iter_1000.pth theirs.pth --reverse

The result is a plain segmentor checkpoint (`backbone.*`, `decode_head.*`): you can test it, or
fine-tune it with `load_from=converted.pth`. To compare it with its published mIoU, add
`--cfg-options model.student.test_cfg.evaluation=released` to the test: it then evaluates as the
authors did. With --reverse the result has the `model` key that their scripts read.

The tool checks all names and shapes. It cannot check strides and dilation rates, because a
checkpoint does not store them. We use those of their current code: output stride 16 and ASPP rates
6, 12, 18. Weights of their first Cityscapes configuration (stride 8, multi-grid, rates 12, 24, 36)
can also be converted, but give wrong results in our network.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import make_parser, running


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument("source", help="released checkpoint, or with --reverse one of rankseg")
    parser.add_argument("target", help="file to write, which must not exist")
    parser.add_argument(
        "--reverse",
        action="store_true",
        help="convert a checkpoint of rankseg to the released format",
    )
    parser.add_argument(
        "--network",
        choices=("student", "teacher"),
        help="with --reverse: network to convert, if the checkpoint has two",
    )
    parser.add_argument("--config", help="config whose student the checkpoint must match")
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="load a checkpoint that contains code; only use it for files from people you trust",
    )
    args = parser.parse_args(argv)
    if args.network and not args.reverse:
        parser.error(
            "Expected --network only with --reverse, as released checkpoints have one "
            "network. Leave --network out."
        )
    return args


def main(argv: Sequence[str] | None = None) -> None:
    """Convert the checkpoint and print a description."""
    args = parse_args(argv)
    from rankseg.apis import load_config
    from rankseg.export.released import convert_released

    with running(args):
        found = convert_released(
            args.source,
            args.target,
            reverse=args.reverse,
            network=args.network,
            cfg=load_config(args.config) if args.config else None,
        )
    print(
        f"Wrote {args.target}: ResNet-{found['depth']}, {found['classes']} classes, "
        f"{found['tensors']} tensors."
    )
