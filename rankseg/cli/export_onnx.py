# SPDX-License-Identifier: Apache-2.0
"""Export a trained network to one ONNX file for any batch and image size.

python tools/export_onnx.py RUN --out model.onnx
python tools/export_onnx.py CONFIG CHECKPOINT --out model.onnx --with-preprocessing --argmax

The second command exports a model that takes uint8 images and returns masks:

    import numpy as np, onnxruntime
    from PIL import Image

    session = onnxruntime.InferenceSession("model.onnx")
    image = np.asarray(Image.open("photo.jpg").convert("RGB"))
    (masks,) = session.run(None, {"image": image[None]})  # (1, height, width) uint8
    print(session.get_modelmeta().custom_metadata_map)  # classes, mean, std, ...

Before the tool writes the file, it runs the exported network with onnxruntime and compares the
result with the prediction of rankseg. Needs the packages of `pip install -e '.[export]'`.
"""

import argparse
import json
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
        "--out", required=True, metavar="FILE", help="ONNX file to write, which must not exist"
    )
    parser.add_argument(
        "--with-preprocessing",
        action="store_true",
        help="take uint8 RGB images (batch, height, width, 3) instead of normalized float32 images",
    )
    parser.add_argument("--argmax", action="store_true", help="return classes instead of logits")
    add_network_argument(parser)
    return parse_trained(parser, argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Export the network and print the inputs and outputs of the file."""
    args = parse_args(argv)
    from rankseg import apis

    with running(args):
        result = apis.export_onnx(
            *trained_from(args),
            args.out,
            network=args.network,
            with_preprocessing=args.with_preprocessing,
            argmax=args.argmax,
        )
    metadata = result["metadata"]
    print(f"Wrote {args.out}: the {result['network']}, ONNX opset {result['opset']}.")
    print(f"image:  {metadata['input']}")
    print(f"result: {metadata['output']} of {len(json.loads(metadata['classes']))}")
    print(f"Results of onnxruntime and of rankseg differ by at most {result['difference']:.1e}.")
    if "value_range" in metadata:
        low, high = json.loads(metadata["value_range"])
        print(f"note: before prediction, scale 16-bit values from {low}..{high} to 0..255")
    if json.loads(metadata["test_cfg"]).get("mode") == "slide":
        print(
            "note: this config predicts large images in overlapping windows "
            f"({metadata['test_cfg']}), but the file predicts the whole image; cut windows and "
            "average their logits in your program"
        )
