# SPDX-License-Identifier: Apache-2.0
"""Train a model from a config.

python tools/train.py configs/rankmatch/voc_92.py
python tools/train.py configs/rankmatch/voc_92.py --tiny       # two iterations, to try it
python tools/train.py configs/rankmatch/voc_92.py --resume     # resume, or start
python tools/train.py work_dirs/rankmatch/voc_92 --resume      # with the settings of the run
python tools/train.py configs/rankmatch/voc_92.py --log-to tensorboard --patience 5
python tools/train.py configs/rankmatch/lucchi_5_finetune.py --load-from voc.pth   # fine-tune
torchrun --nproc-per-node=2 tools/train.py configs/rankmatch/voc_92.py --launcher pytorch
"""

import argparse
import gc
from collections.abc import Sequence
from contextlib import ExitStack

from rankseg.training.command_line import (
    add_config_arguments,
    config_from,
    exit_on_run_end,
    exit_on_user_error,
    locate_config,
    make_parser,
)
from rankseg.utils.commands import spell_commands


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line."""
    parser = make_parser(__name__, __doc__)
    add_config_arguments(parser)
    parser.add_argument("--seed", type=int, help="seed of weights, data order and augmentation")
    parser.add_argument(
        "--iterations",
        type=int,
        metavar="N",
        help="length of the run; warm-up, ramp, schedules and intervals follow it",
    )
    parser.add_argument(
        "--amp",
        action="store_true",
        help="train in bfloat16, where GPU or CPU compute in it, with the channels-last layout",
    )
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="multiply the learning rate by the ratio of the batch size over all processes to the "
        "batch size that the config is for",
    )
    parser.add_argument(
        "--load-from",
        metavar="FILE",
        help="start from the weights of a checkpoint or of a run folder; a classifier for other "
        "classes is reinitialized, and everything else must fit",
    )
    _add_tracking_arguments(parser)
    begin = parser.add_mutually_exclusive_group()
    begin.add_argument(
        "--resume",
        action="store_true",
        help="resume from the newest checkpoint of the work folder; start if there is none",
    )
    begin.add_argument(
        "--overwrite",
        action="store_true",
        help="start a new run in a work folder that has one, and remove the checkpoints there",
    )
    parser.add_argument(
        "--extend-schedule",
        action="store_true",
        help="with --resume and another number of iterations (train_cfg.max_iters=N): use the "
        "learning rates of a run of N iterations from here on",
    )
    parser.add_argument(
        "--check",
        choices=("fast", "full"),
        default="fast",
        help="check of the files before training: fast (default) decodes labeled images and reads "
        "the headers of others; full decodes all, including the test set, and lists all bad files",
    )
    parser.add_argument(
        "--tiny",
        action="store_true",
        help="run two iterations on small crops, with generated images if the data set is missing",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="show all log messages on the terminal, not only in the log file",
    )
    return parser.parse_args(argv)


def _add_tracking_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that follow the metrics of a run."""
    parser.add_argument(
        "--log-to",
        action="append",
        choices=("tensorboard", "wandb", "mlflow"),
        default=[],
        help="log the run there, too; can be repeated. Accounts, servers and projects are those of "
        "the environment variables WANDB_... and MLFLOW_...",
    )
    parser.add_argument(
        "--patience",
        type=int,
        metavar="N",
        help="end the run after N validations in a row without an improvement of the main metric",
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Launch training."""
    args = parse_args(argv)
    with exit_on_user_error():
        locate_config(args)
    from rankseg import apis  # noqa: F401, imported before garbage is frozen
    from rankseg.engine.distributed import propagate_failure
    from rankseg.engine.resilience.checkpoint import trust_checkpoints

    gc.freeze()  # otherwise every data set collects garbage: half a second with all imports
    with propagate_failure(), trust_checkpoints(args.trust_checkpoint):
        run(args)


def run(args: argparse.Namespace) -> None:
    """Train in one of the processes."""
    from mmengine.dist import is_main_process

    from rankseg import apis
    from rankseg.engine.distributed import main_process_first, start_processes
    from rankseg.engine.resilience.checkpoint import reading_once
    from rankseg.report.gain import gain_after_training
    from rankseg.training.next_steps import after_training, next_lines
    from rankseg.training.run_options import stop_early, use_trackers
    from rankseg.training.run_reference import find_checkpoint
    from rankseg.training.tiny import make_tiny
    from rankseg.training.work_folder import lock_work_dir
    from rankseg.utils.terminal import quiet_terminal

    with ExitStack() as held:
        held.enter_context(quiet_terminal(args.verbose))
        held.enter_context(reading_once())
        with exit_on_user_error():
            if args.extend_schedule and not args.resume:
                raise ValueError(
                    "Expected --resume with --extend-schedule, but it is missing. Add --resume."
                )
            cfg = config_from(args)
            cfg.extend_schedule = args.extend_schedule
            start_processes(cfg)
            with main_process_first():
                if args.auto_scale_lr:
                    apis.scale_learning_rate(cfg)
                if args.patience is not None:
                    stop_early(cfg, args.patience)
                if args.tiny:
                    make_tiny(cfg, args.work_dir, standin=args.data_root is None)
                held.enter_context(lock_work_dir(cfg.work_dir))
                if args.load_from:
                    cfg.load_from = find_checkpoint(args.load_from)
                if args.amp:
                    apis.use_amp(cfg)
                use_trackers(cfg, args.log_to)
                if args.resume:
                    apis.resume_from_latest(cfg)
                # a tiny run in a separate folder contains nothing worth keeping
                overwrite = args.overwrite or (args.tiny and not args.work_dir and not args.resume)
                built = apis.check_before_training(cfg, overwrite, full=args.check == "full")
        with exit_on_run_end(cfg, args.overwrite):
            runner = apis.train(cfg, check=False, overwrite=overwrite, built=built).runner
        if is_main_process():
            if not args.tiny and (sentence := gain_after_training(cfg)):
                print(sentence, flush=True)
            val = None if runner.val_loop is None else runner.val_dataloader.dataset
            print(spell_commands(next_lines(after_training(cfg, val))))
