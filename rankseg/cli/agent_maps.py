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
    add_network_argument,
    exit_on_user_error,
    make_parser,
    parse_trained,
    trained_from,
)


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser, trained=True, inputs="[IMAGE ...]")
    parser.add_argument(
        "--out", default="agent_maps", metavar="DIR", help="output folder (default: agent_maps)"
    )
    parser.add_argument(
        "--images",
        type=int,
        default=4,
        metavar="N",
        help="number of validation images, if no image is given (default: 4)",
    )
    parser.add_argument(
        "--shown", type=int, default=6, metavar="N", help="number of maps per image (default: 6)"
    )
    parser.add_argument(
        "--num-agents",
        type=int,
        metavar="N",
        help="number of agents (default: that of the config, or an eighth of the positions)",
    )
    parser.add_argument("--tap", metavar="NAME", help="submodule whose output is compared")
    add_network_argument(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="seed that selects the first agent (default: 0)"
    )
    return parse_trained(parser, argv, (0, None))


def main(argv: Sequence[str] | None = None) -> None:
    """Write the pictures."""
    args = parse_args(argv)
    from rankseg.analysis.agent_maps import agent_maps
    from rankseg.engine.resilience.checkpoint import trust_checkpoints

    seed, args.seed = args.seed, None  # the seed selects agents; it does not override the config
    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
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
