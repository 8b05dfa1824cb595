#!/usr/bin/env python
# SPDX-License-Identifier: Apache-2.0
"""Export a trained network to a folder that mmseg opens without this package.

python tools/model_converters/to_mmseg.py CONFIG CHECKPOINT --out exported

The folder contains config.py, weights.pth and, for a part that mmseg lacks (our DeepLabv3+ head),
one source file, which config.py imports. You can move the folder as a whole:

    from mmseg.apis import inference_model, init_model

    model = init_model("exported/config.py", "exported/weights.pth", device="cpu")
    result = inference_model(model, "photo.jpg")  # result.pred_sem_seg.data, result.seg_logits.data

Before the folder is complete, the tool opens it with mmseg and compares the logits with ours.
"""

import argparse
from collections.abc import Sequence

from rankseg import apis
from rankseg.engine.resilience.checkpoint import trust_checkpoints
from rankseg.training.command_line import add_model_arguments, exit_on_user_error


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_model_arguments(parser)
    parser.add_argument("checkpoint", help="a .pth file of this toolbox or of a plain mmseg model")
    parser.add_argument("--out", required=True, metavar="DIR", help="new folder to write")
    parser.add_argument(
        "--network", choices=["student", "teacher"], help="default: the one that predicts"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Export the network and print the written files."""
    args = parse_args(argv)
    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        result = apis.to_mmseg(
            apis.load_config(args.config, options=args.cfg_options),
            args.checkpoint,
            args.out,
            network=args.network,
        )
    print(f"{args.out}: {', '.join(result['files'])}")
    print(
        f"the {result['network']}, {result['classes']} classes; mmseg's logits and ours differ by "
        f"{result['difference']:.1e} at most"
    )
    if result["value_range"]:
        low, high = result["value_range"]
        print(
            f"note: mmseg reads the high byte of images of 16 bits; scale {low} to {high} to 0 to "
            "255, as in training, and give it images of 8 bits"
        )
    for loss in result["replaced_losses"]:
        print(f"note: mmseg has no {loss}; in config.py it is the cross-entropy, for fine-tuning")


if __name__ == "__main__":
    main()
