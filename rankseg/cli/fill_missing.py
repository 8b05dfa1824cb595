# SPDX-License-Identifier: Apache-2.0
"""Write generated images for list entries of a config that have no file (yet).

Use it to rehearse a run, for example a queue job, before you copy the real images. The tool does
not change existing files. It lists the generated files in DATA_ROOT/generated.txt: delete them
before you copy the real ones.

python tools/fill_missing.py configs/rankmatch/voc_92.py --data-root data/rehearsal
"""

import argparse
import shlex
from collections.abc import Sequence
from pathlib import Path

from rankseg.training.command_line import exit_on_user_error, make_parser


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    parser.add_argument("config", help="config file, for example configs/rankmatch/voc_92.py")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--split-root", metavar="DIR", help="folder of the split lists (default: DATA_ROOT/splits)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Fill the gaps and print the generated files."""
    args = parse_args(argv)
    from rankseg import apis
    from rankseg.datasets.standin.masks import GENERATED, fill_missing

    with exit_on_user_error():
        cfg = apis.load_config(args.config, data_root=args.data_root, split_root=args.split_root)
        count = fill_missing(cfg)
    root = Path(cfg.train_dataloader.dataset.dataset.data_root)
    if not count:
        print(f"Wrote nothing: {root} has all files in the lists of {args.config}.")
        return
    print(f"Wrote {count} generated images and masks to {root}, listed in {root / GENERATED}.")
    print("Delete them before you copy the real files:")
    print(f"  (cd {shlex.quote(str(root))} && xargs -d '\\n' rm < {GENERATED} && rm {GENERATED})")
