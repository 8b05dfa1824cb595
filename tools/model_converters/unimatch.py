# SPDX-License-Identifier: Apache-2.0
"""Turn a released UniMatch or RankMatch checkpoint into one of ours.

Run: python tools/model_converters/unimatch.py released.pth converted.pth
     python tools/test.py configs/unimatch/voc_92_r101.py converted.pth

The result is a plain segmentor checkpoint (``backbone.*``, ``decode_head.*``): it can be tested,
fine-tuned with ``load_from=converted.pth``, or opened by mmseg.
"""

import argparse
import io
import os
import re
from pathlib import Path

import torch
from torch import Tensor

from rankseg.engine.ending import RunEnded
from rankseg.engine.files import whole_file
from rankseg.models.pretrained import read_state, rename_deep_stem

# Theirs -> ours, in the decode head.
RULES = [
    (r"^head\.b0\.", "decode_head.aspp.point."),
    (r"^head\.b1\.", "decode_head.aspp.dilated.0."),
    (r"^head\.b2\.", "decode_head.aspp.dilated.1."),
    (r"^head\.b3\.", "decode_head.aspp.dilated.2."),
    (r"^head\.b4\.gap\.1\.", "decode_head.aspp.pool.0."),
    (r"^head\.b4\.gap\.2\.", "decode_head.aspp.pool.1."),
    (r"^head\.project\.", "decode_head.bottleneck."),
    (r"^reduce\.", "decode_head.reduce."),
    (r"^fuse\.([01])\.", r"decode_head.fuse.0.\1."),
    (r"^fuse\.3\.", "decode_head.fuse.1.0."),
    (r"^fuse\.4\.", "decode_head.fuse.1.1."),
    (r"^classifier\.", "decode_head.conv_seg."),
]


def convert(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the tensors of a released checkpoint.

    Args:
        state: As ``read_state`` returns it.

    Raises:
        ValueError: If a name belongs to no part of their DeepLabv3+ on a ResNet.
    """
    state = rename_deep_stem(state, prefix="backbone.")
    return {_rename(name): tensor for name, tensor in state.items()}


def _rename(name: str) -> str:
    if name.startswith("backbone."):
        return name
    for pattern, ours in RULES:
        renamed, found = re.subn(pattern, ours, name)
        if found:
            return renamed
    raise ValueError(
        f"{name} is no part of UniMatch's DeepLabv3+ on a ResNet: expected names that start with "
        "backbone., head., reduce., fuse. or classifier. (an Xception or UniMatch V2 checkpoint "
        "cannot be converted)"
    )


def main() -> None:
    """Read the arguments, convert, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=Path, help="released checkpoint")
    parser.add_argument("target", type=Path, help="where to write ours")
    args = parser.parse_args()
    if os.path.lexists(args.target):  # a link that leads nowhere would be written through
        parser.error(f"{args.target} exists: remove it, or name another file")
    try:
        state = convert(read_state(args.source))
        content = io.BytesIO()
        torch.save({"state_dict": state, "meta": {"converted_from": args.source.name}}, content)
        with whole_file(args.target) as partial:
            partial.write_bytes(content.getbuffer())
    except (FileNotFoundError, ValueError, RunEnded) as error:
        parser.error(str(error))
    print(f"{args.target}: {len(state)} tensors")


if __name__ == "__main__":
    main()
