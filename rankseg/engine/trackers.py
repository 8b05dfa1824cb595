# SPDX-License-Identifier: Apache-2.0
"""Backends of MMEngine's visualizer that log a run to Weights & Biases or MLflow.

MMEngine's own backends for these two do not fit: one counts calls instead of iterations and uploads
the source code of the current folder, the other starts a new server folder in each work folder.
"""

import logging
import os
import re
import time
from abc import abstractmethod
from collections.abc import Mapping
from numbers import Real
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import print_log
from mmengine.runner import Runner
from mmengine.visualization import BaseVisBackend

from rankseg.errors import RunEnded
from rankseg.registry import VISBACKENDS
from rankseg.utils.atomic_file import read_json, write_json
from rankseg.utils.run_log import starts
from rankseg.utils.terminal import notify

GROUP = "rankseg"
"""Project or experiment of the runs, unless an environment variable of the service names one."""
_ID = re.compile(r"[\w-]{1,64}")
_PASSWORD = re.compile(r"//[^/\s]*@")  # user and password in an address
_NOT_IN_NAMES = re.compile(r"[^\w\-. :/]")


class Tracker(BaseVisBackend):
    """Base class of backends that log to a service.

    A resumed run continues the one of its earlier start. The service may fail during training: the
    first failure is logged, and training goes on.

    Args:
        save_dir: Folder ``WORK_DIR/TIME/vis_data`` of this start of the run.
        run_name: Name of the run.
    """

    TITLE = ""

    def __init__(self, save_dir: str, run_name: str = "") -> None:
        super().__init__(save_dir)
        self.run_name = run_name
        self._open = self._failed = False

    @abstractmethod
    def begin(self, config: Config, run_id: str | None) -> tuple[str, str]:
        """Start a run, or continue one.

        Args:
            config: Settings of the run.
            run_id: Identifier of the run to continue, or None.

        Returns:
            Identifier of the run, and where to find it.
        """

    @abstractmethod
    def log(self, values: dict[str, float], step: int) -> None:
        """Log numbers after a number of iterations."""

    @abstractmethod
    def end(self, complete: bool) -> None:
        """End the run."""

    @property
    def experiment(self) -> "Tracker":
        """This object."""
        return self

    def _init_env(self) -> None:
        """Do nothing: :meth:`add_config` starts the run."""

    def add_config(self, config: Config, **kwargs: Any) -> None:
        """Start the run; MMEngine calls this before training.

        Raises:
            RunEnded: If the service refuses the run.
        """
        Path(self._save_dir).mkdir(parents=True, exist_ok=True)
        try:
            run_id, place = self.begin(config, self._earlier() if config.get("resume") else None)
        except Exception as error:
            raise RunEnded(
                f"Expected {self.TITLE} to accept the run, but it failed ({_first_line(error)}). "
                "Check its settings, or leave out --log-to"
            ) from error
        self._open = True
        write_json(self._note(self._save_dir), {"run": run_id})
        notify(f"{self.TITLE}: {place}")

    def add_scalars(
        self, scalar_dict: dict, step: int = 0, file_path: str | None = None, **kwargs: Any
    ) -> None:
        """Log numbers after a number of iterations."""
        if not self._open:
            return
        try:
            self.log(_numbers(scalar_dict), int(step))
        except Exception as error:
            if not self._failed:
                text = f"Could not log to {self.TITLE} ({_first_line(error)}). Training continues."
                print_log(text, "current", logging.WARNING)
            self._failed = True

    def add_scalar(self, name: str, value: float, step: int = 0, **kwargs: Any) -> None:
        """Log one number."""
        self.add_scalars({name: value}, step)

    def close(self, complete: bool = True) -> None:
        """End the run, unless it has ended."""
        if not self._open:
            return
        self._open = False
        try:
            self.end(complete)
        except Exception as error:
            text = f"Could not end the run of {self.TITLE} ({_first_line(error)})."
            print_log(text, "current", logging.WARNING)

    def _earlier(self) -> str | None:
        """Return the identifier of the run at the latest start that has one."""
        for start in reversed(starts(Path(self._save_dir).parents[1])):
            found = read_json(self._note(start / "vis_data"), _check_note)
            if found:
                return found["run"]
        return None

    @classmethod
    def _note(cls, folder: str | Path) -> Path:
        return Path(folder) / f"{cls.__name__}.json"


@VISBACKENDS.register_module()
class WandbTracker(Tracker):
    """Backend for Weights & Biases, which reads its own environment variables, ``WANDB_...``."""

    TITLE = "Weights & Biases"

    def begin(self, config: Config, run_id: str | None) -> tuple[str, str]:
        """See the base class. The horizontal axis of all curves is the iteration."""
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", GROUP),
            name=self.run_name,
            dir=self._save_dir,
            id=run_id,
            resume="allow" if run_id else None,
            config=config.to_dict(),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._run.define_metric("iteration")
        self._run.define_metric("*", step_metric="iteration")
        place = f"offline in {self._run.dir}" if self._run.offline else self._run.url
        return self._run.id, place

    def log(self, values: dict[str, float], step: int) -> None:
        """See the base class."""
        self._run.log({**values, "iteration": step})

    def end(self, complete: bool) -> None:
        """See the base class."""
        self._run.finish(exit_code=0 if complete else 1)


@VISBACKENDS.register_module()
class MlflowTracker(Tracker):
    """Backend for MLflow, which reads its own environment variables, ``MLFLOW_...``."""

    TITLE = "MLflow"

    def begin(self, config: Config, run_id: str | None) -> tuple[str, str]:
        """See the base class. The settings become the artifact ``config.py``."""
        import mlflow

        logging.getLogger("mlflow").setLevel(logging.WARNING)
        self._mlflow, self._client = mlflow, mlflow.MlflowClient()
        group = os.environ.get("MLFLOW_EXPERIMENT_NAME", GROUP)
        if run_id is None:
            experiment = self._client.get_experiment_by_name(group)
            number = experiment and experiment.experiment_id
            number = number or self._client.create_experiment(group)
            run_id = self._client.create_run(number, run_name=self.run_name).info.run_id
            for key, value in _main_settings(config).items():
                self._client.log_param(run_id, key, value)
            self._client.log_text(run_id, config.pretty_text, "config.py")
        else:
            self._client.update_run(run_id, status="RUNNING")
        self._run_id = run_id
        server = _PASSWORD.sub("//", mlflow.get_tracking_uri())
        return run_id, f"run {self.run_name} of experiment {group} at {server}"

    def log(self, values: dict[str, float], step: int) -> None:
        """See the base class."""
        now = int(time.time() * 1000)
        metrics = [
            self._mlflow.entities.Metric(_NOT_IN_NAMES.sub("_", name), value, now, step)
            for name, value in values.items()
        ]
        self._client.log_batch(self._run_id, metrics=metrics)

    def end(self, complete: bool) -> None:
        """See the base class."""
        self._client.set_terminated(self._run_id, "FINISHED" if complete else "KILLED")


def close_backends(runner: Runner) -> None:
    """Write what the backends of a run that ended early have not written yet."""
    for backend in vars(runner.visualizer).get("_vis_backends", {}).values():
        if isinstance(backend, Tracker):
            backend.close(complete=False)
        else:
            backend.close()


def _numbers(values: Mapping[str, Any]) -> dict[str, float]:
    kept = ((k, v) for k, v in values.items() if isinstance(v, Real) and not isinstance(v, bool))
    return {name: float(value) for name, value in kept}


def _main_settings(config: Config) -> dict[str, Any]:
    return {
        "config": config.get("config_file", ""),
        "method": config.model.type,
        "seed": (config.get("randomness") or {}).get("seed"),
        "work_dir": config.work_dir,
    }


def _check_note(found: Any) -> None:
    if not isinstance(found, dict) or not _ID.fullmatch(str(found.get("run"))):
        raise ValueError("expected the identifier of a run")


def _first_line(error: Exception) -> str:
    lines = _PASSWORD.sub("//", f"{type(error).__name__}: {error}").splitlines()
    return lines[0].rstrip(".")
