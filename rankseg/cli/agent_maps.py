# SPDX-License-Identifier: Apache-2.0
"""Draw the agents of images and the areas that are similar to them, as in figure 5 of RankMatch.

python tools/agent_maps.py configs/rankmatch/em_mito_2.py work_dirs/em/iter_3000.pth
python tools/agent_maps.py CONFIG CHECKPOINT photos/a.jpg photos/more --out pictures

A yellow cross marks the position of an agent. The percentage is the share of the image for which
this agent is the nearest one. Without images, the tool draws some of the config's validation
images.
"""

import argparse
from collections.abc import Sequence

from rankseg.training.command_line import (
    add_config_arguments,
    add_default,
    add_network_argument,
    make_parser,
    parse_trained,
    running,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True, inputs="[IMAGE ...]")
    add_default(parser, "--out", "agent_maps", "output folder", metavar="DIR")
    add_default(parser, "--images", 4, "number of validation images, if no image is given")
    add_default(parser, "--shown", 6, "number of maps per image")
    parser.add_argument(
        "--num-agents",
        type=int,
        metavar="N",
        help="number of agents (default: that of the config, or an eighth of the positions)",
    )
    parser.add_argument("--tap", metavar="NAME", help="submodule whose output is compared")
    add_network_argument(parser)
    add_default(parser, "--seed", 0, "seed that selects the first agent", metavar=None)
    return parse_trained(parser, argv, (0, None))


def main(argv: Sequence[str] | None = None) -> None:
    """Write the pictures."""
    args = parse_args(argv)
    from rankseg.analysis.agent_maps import agent_maps

    seed, args.seed = args.seed, None  # the seed selects agents; it does not override the config
    with running(args):
        agent_maps(
            *trained_from(args),
            args.inputs,
            out=args.out,
            images=args.images,
            shown=args.shown,
            num_agents=args.num_agents,
            tap=args.tap,
            network=args.network,
            seed=seed,
        )
