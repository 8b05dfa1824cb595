# SPDX-License-Identifier: Apache-2.0
"""Arguments and error handling shared by the command-line tools.

This module is imported before the arguments are parsed, so it imports torch, MMEngine and the
readers of images only where it uses them.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rankseg.errors import RunEnded, Stopped
from rankseg.utils.commands import spell_commands
from rankseg.utils.python_messages import on_command_line
from rankseg.utils.run_arguments import CONFIGS, parse_run
from rankseg.utils.shipped_configs import find_config

if TYPE_CHECKING:
    from mmengine.config import Config

    from rankseg.imageio.tiff_axes import Planes

DEBUG = "RANKSEG_DEBUG"
MARKS = (
    "pixels of the color are foreground, and closed outlines are filled; an outline that ends at "
    "the edge of the image is filled on its smaller side"
)
"""Rule of ``--color``, for the help of the tools that read marks."""


class ToolParser(argparse.ArgumentParser):
    """Parser whose description and examples keep their line breaks.

    If the tool was started as ``rankseg NAME``, its help names commands in the same way.
    """

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        for name in ("description", "epilog"):
            options[name] = spell_commands(options.get(name) or "")
        super().__init__(**options)


def make_parser(module: str, description: str, epilog: str = "") -> ToolParser:
    """Build the parser of a tool from its ``__name__``, docstring and examples."""
    name = f"tools/{module.rpartition('.')[2]}.py"
    command = spell_commands(name)
    return ToolParser(
        prog=None if command == name else command, description=description, epilog=epilog
    )


class ConfigOptions(argparse.Action):
    """Action of ``--cfg-options``: MMEngine's, which is imported when the option is used."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        """Add the keys and values to those of the namespace."""
        from mmengine.config import DictAction

        DictAction(self.option_strings, self.dest, nargs="+")(parser, namespace, values, option)


@contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Print a user error as one sentence and exit with status 2, without a traceback.

    Set the environment variable ``RANKSEG_DEBUG=1`` to see the traceback.
    """
    try:
        with on_command_line():
            yield
    except (ValueError, TypeError, KeyError, OSError, RunEnded) as error:
        if os.environ.get(DEBUG):
            raise
        text = error.args[0] if isinstance(error, KeyError) and error.args else error
        print(f"error: {spell_commands(str(text))}", file=sys.stderr)
        raise SystemExit(2) from None


@contextmanager
def running(args: argparse.Namespace, single: str = "") -> Iterator[None]:
    """Exit on user errors, and load checkpoints with code only with ``--trust-checkpoint``.

    Args:
        args: Arguments of the tool.
        single: ``__name__`` of a tool that runs in one process and refuses ``--launcher``.
    """
    from rankseg.engine.resilience.checkpoint import trust_checkpoints

    with exit_on_user_error(), trust_checkpoints(args.trust_checkpoint):
        if single and args.launcher != "none":
            name = single.rpartition(".")[2]
            raise ValueError(f"tools/{name}.py runs in one process. Leave --launcher out.")
        yield


@contextmanager
def exit_on_run_end(cfg: "Config", overwrite: bool = False) -> Iterator[None]:
    """Print how to resume when a run is stopped or cannot continue, then exit.

    The exit status is 143 after SIGTERM, 130 after Ctrl-C, and 1 if the run cannot continue.
    """
    from mmengine.dist import is_main_process

    from rankseg.training.work_folder import where_to_resume

    try:
        with on_command_line():
            yield
    except KeyboardInterrupt as error:
        if is_main_process():
            what = str(error) if isinstance(error, Stopped) else "interrupted"
            print(f"\n{what}. {where_to_resume(cfg, overwrite)}", file=sys.stderr, flush=True)
        raise SystemExit(error.code if isinstance(error, Stopped) else 130) from None
    except (RunEnded, FloatingPointError) as error:
        if os.environ.get(DEBUG):
            raise
        text = str(error).rstrip(".")
        text = spell_commands(f"error: {text}. {where_to_resume(cfg, overwrite)}")
        print(text, file=sys.stderr, flush=True)
        raise SystemExit(1) from None


def add_default(
    parser: argparse.ArgumentParser | argparse._ArgumentGroup,
    flag: str,
    default: float | str,
    text: str,
    metavar: str | None = "N",
) -> None:
    """Add an option with a default, which also gives its type and ends its help."""
    text = f"{text} (default: {default})"
    parser.add_argument(flag, type=type(default), default=default, metavar=metavar, help=text)


def add_config_arguments(
    parser: argparse.ArgumentParser, trained: bool = False, inputs: str = ""
) -> None:
    """Add the arguments with which every tool that takes a config can change it."""
    add_model_arguments(parser, trained, inputs)
    parser.add_argument("--work-dir", metavar="DIR", help="folder of logs and checkpoints")
    parser.add_argument("--data-root", metavar="DIR", help="folder of the data set")
    parser.add_argument(
        "--split-root", metavar="DIR", help="folder of the split lists (default: DATA_ROOT/splits)"
    )
    parser.add_argument(
        "--split",
        metavar="NAME",
        help="split to train on, instead of the one in the config; also part of the name of the "
        "work folder",
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="launcher of the processes; none = one process, with or without a GPU",
    )


def add_model_arguments(
    parser: argparse.ArgumentParser, trained: bool = False, inputs: str = ""
) -> None:
    """Add the config arguments that also apply to tools that read no data.

    A tool of a trained network takes a run folder, or a config and a checkpoint, then ``inputs``.
    Its arguments are parsed by :func:`parse_trained`.
    """
    if trained:
        parser.usage = f"%(prog)s (RUN | CONFIG CHECKPOINT) {inputs} [options]".replace("  ", " ")
        parser.add_argument(
            "model",
            nargs="+",
            metavar="RUN",
            help="work folder of a run, which stands for its settings and its best checkpoint, or "
            "if there is none its last one; RUN/last and RUN/best name one of them. Or a config "
            "and a checkpoint of this toolbox or of a plain MMSegmentation model"
            + (f"; then {inputs}" if inputs else ""),
        )
        parser.add_argument(
            "--checkpoint",
            metavar="NAME",
            help="checkpoint of RUN: last, best, or a file such as iter_500.pth",
        )
    else:
        parser.add_argument(
            "config",
            help="config file, for example configs/rankmatch/voc_92.py, or the work folder of a "
            "run, whose settings are used",
        )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="load checkpoints with more than data, although this can run code from the file",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        action=ConfigOptions,
        metavar="KEY=VALUE",
        help="change any key of the config, for example model.rank.num_agents=64",
    )


def add_network_argument(parser: argparse.ArgumentParser) -> None:
    """Add the argument that chooses between the student and its average."""
    parser.add_argument(
        "--network",
        choices=["student", "teacher"],
        help="network to use (default: the one that predicts)",
    )


def add_runs_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of tools that let several runs predict."""
    parser.add_argument(
        "--checkpoint",
        choices=("last", "best"),
        default="last",
        help="weights to predict with (default: last)",
    )
    parser.add_argument(
        "--trust-checkpoint",
        action="store_true",
        help="load checkpoints that contain code, and build all classes that the settings of a run "
        "name; only use it for files from people you trust",
    )


def add_plane_arguments(parser: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """Add the arguments that choose planes of TIFF stacks. See :func:`planes_from`."""
    parser.add_argument(
        "--channel",
        type=plane_argument,
        metavar="N",
        help="channel of a hyperstack, from 1 as in ImageJ; all: every channel is a slice",
    )
    parser.add_argument(
        "--frame",
        type=plane_argument,
        metavar="N",
        help="frame, from 1, of a stack with slices and frames; all: slices of all frames in order",
    )
    parser.add_argument(
        "--series", type=int, metavar="N", help="series, from 1, of a file with several images"
    )


def color_argument(text: str) -> tuple[int, int, int]:
    """Parse the argument of ``--color`` to red, green and blue, as a type of ``argparse``."""
    from rankseg.imageio.marks import parse_color

    try:
        return parse_color(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def plane_argument(text: str) -> int | str:
    """Parse a number of a channel or frame, or ``all``, as a type of ``argparse``."""
    from rankseg.imageio.tiff_axes import parse_choice

    try:
        return parse_choice(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"Expected a number, counted from 1, or all, but got {text!r}."
        ) from None


def planes_from(args: argparse.Namespace) -> "Planes":
    """Return the planes that the arguments of :func:`add_plane_arguments` choose."""
    from rankseg.imageio.tiff_axes import Planes

    return Planes(args.channel, args.frame, args.series)


def parse_trained(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    inputs: tuple[int, int | None] = (0, 0),
    needs_checkpoint: bool = True,
) -> argparse.Namespace:
    """Parse the arguments of a tool that takes ``RUN`` or ``CONFIG CHECKPOINT``, then some inputs.

    Returns:
        Arguments with ``config``, a config or a run; ``checkpoint``, which is None if the run has
        to be searched for it, or if there is none; and ``inputs``.
    """
    args = parser.parse_intermixed_args(argv)
    args.config, *args.inputs = args.model
    if parse_run(args.config) is None and args.checkpoint is None:
        if len(args.inputs) > inputs[0]:
            args.checkpoint = args.inputs.pop(0)
        elif args.config.endswith(CONFIGS) and needs_checkpoint:
            parser.error(
                f"Expected a checkpoint with config {args.config}, but got none. Add one, or name "
                "the work folder of a run instead."
            )
    least, most = inputs
    count = len(args.inputs)
    if count < least:
        parser.error(f"Expected {least} more argument after the network, but got {count}.")
    if most is not None and count > most:
        parser.error(f"Expected {most} arguments after the network, but got {args.inputs}.")
    return args


def trained_from(args: argparse.Namespace) -> "tuple[Config, str | None]":
    """Load the config, and find the checkpoint, of arguments from :func:`parse_trained`."""
    from rankseg.training.run_reference import find_checkpoint

    run = parse_run(args.config) is not None
    if not (run or args.checkpoint or args.config.endswith(CONFIGS)):
        raise FileNotFoundError(
            f"Expected {args.config} to be the work folder of a run, but there is no such folder. "
            "Name a run, or a config and a checkpoint."
        )
    cfg = config_from(args)
    if run:
        return cfg, find_checkpoint(args.config, args.checkpoint)
    return cfg, args.checkpoint and find_checkpoint(args.checkpoint)


def locate_config(args: argparse.Namespace) -> None:
    """Find the config file before torch is imported, so that a wrong name is reported immediately.

    Raises:
        FileNotFoundError: If there is no such config.
    """
    if parse_run(args.config) is None:
        args.config = find_config(args.config)


def config_from(args: argparse.Namespace) -> "Config":
    """Load the config described by :func:`add_config_arguments` and ``--seed``."""
    from rankseg.training.config import load_config

    names = ("data_root", "split_root", "split", "work_dir", "seed", "iterations")
    given = {name: getattr(args, name, None) for name in names}
    cfg = load_config(args.config, **given, options=args.cfg_options)
    if hasattr(args, "launcher"):
        cfg.launcher = args.launcher
    return cfg
