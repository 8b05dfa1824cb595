# SPDX-License-Identifier: Apache-2.0
"""What the command-line tools share."""

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from mmengine.config import Config, DictAction

from rankseg.apis.config import load_config

DEBUG = "RANKSEG_DEBUG"


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn a user's mistake into one sentence and exit status 2, without a traceback.

    Set the environment variable ``RANKSEG_DEBUG=1`` to see the traceback.
    """
    try:
        yield
    except (ValueError, TypeError, FileNotFoundError, KeyError, PermissionError) as error:
        if os.environ.get(DEBUG):
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"error: {text}", file=sys.stderr)
        raise SystemExit(2) from None


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments by which every tool that takes a config can change it."""
    parser.add_argument("config", help="config file, for example configs/rankmatch/voc_92.py")
    parser.add_argument("--work-dir", metavar="DIR", help="where logs and checkpoints go")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--split-root", metavar="DIR", help="folder of the split lists (default: DATA_ROOT/splits)"
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="how processes are started; none = one process, with or without a GPU",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=DictAction,
        metavar="KEY=VALUE",
        help="change any key of the config, for example model.rank.num_agents=64",
    )


def config_from(args: argparse.Namespace) -> Config:
    """The config that the arguments of :func:`add_config_arguments` describe; ``--seed`` if any."""
    cfg = load_config(
        args.config,
        data_root=args.data_root,
        split_root=args.split_root,
        work_dir=args.work_dir,
        seed=getattr(args, "seed", None),
        options=args.cfg_options,
    )
    cfg.launcher = args.launcher
    return cfg
