# SPDX-License-Identifier: Apache-2.0
"""Training run, read from its work folder."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mmengine.config import Config

from rankseg.training.foreign_config import settings_to_build
from rankseg.training.saved_config import read_saved_config
from rankseg.utils.run_log import (
    Scalars,
    main_metric,
    read_machine,
    read_scalars,
    read_warnings,
    starts,
)
from rankseg.utils.run_summary import read_summary


@dataclass(frozen=True)
class Run:
    """Finished or unfinished training run.

    Attributes:
        folder: Work folder.
        name: Display name, unique among the runs of a page.
        config: Settings of the last start; empty if they cannot be read.
        unread: One sentence on why the settings cannot be read; None if they can.
        summary: Content of ``summary.json``; None before the first validation.
        scalars: Logged numbers over the iterations.
        warnings: Warnings of the log with their counts.
        machine: Versions and devices of the last start.
    """

    folder: Path
    name: str
    config: Config
    summary: dict | None
    scalars: Scalars
    warnings: dict[str, int]
    machine: dict[str, str]
    unread: str | None = None

    @property
    def method(self) -> str:
        """Class name of the method; a question mark if there are no settings."""
        return str((self.config.get("model") or {}).get("type", "?"))

    @property
    def seed(self) -> int | None:
        """Seed of weights, data order and augmentation."""
        return (self.config.get("randomness") or {}).get("seed")

    @property
    def metric(self) -> str | None:
        """Metric that selects the best checkpoint; None before the first validation."""
        last = (self.summary or {}).get("last", {})
        hooks = self.config.get("custom_hooks") or ()
        named = [hook.get("key", "mIoU") for hook in hooks if hook["type"] == "SummaryHook"]
        return named[0] if named and named[0] in last else main_metric(last)

    @property
    def iterations(self) -> tuple[int, int | None]:
        """Completed iterations as far as known, and length of the run.

        The length of a run that is set in passes is known after its first validation.
        """
        done = [at for points in self.scalars.train.values() for at, _ in points[-1:]]
        done += [self.summary["last"]["iteration"]] if self.summary else []
        length = (self.config.get("train_cfg") or {}).get("max_iters")
        return max(done, default=0), length or (self.summary or {}).get("max_iters")

    @property
    def split(self) -> str:
        """Split of labeled images, as named in the config."""
        dataset = (self.config.get("train_dataloader") or {}).get("dataset", {})
        name = dataset.get("split") or dataset.get("labeled") or dataset.get("ann_file")
        return str(name or "").removeprefix("splits/")

    def settings_to_build(self) -> Config:
        """Return the settings, if building from them cannot execute untrusted code.

        See :func:`rankseg.training.foreign_config.settings_to_build`.

        Raises:
            ValueError: If the settings were not read, or must not be built from.
            ImportError: If a module of ``custom_imports`` is missing.
        """
        if self.unread:
            raise ValueError(self.unread)
        return settings_to_build(self.config, self.name)

    def find_checkpoint(self, which: str) -> Path:
        """Return the ``"last"`` or the ``"best"`` checkpoint.

        Raises:
            FileNotFoundError: If the run has none.
        """
        found = self.last_checkpoint if which == "last" else self.best_checkpoint
        if found is None:
            names = "iter_*.pth" if which == "last" else "best_*.pth"
            raise FileNotFoundError(
                f"Expected run {self.name} to have a checkpoint, but {self.folder} contains no "
                f"{names}."
            )
        return found

    @cached_property
    def last_checkpoint(self) -> Path | None:
        """Checkpoint of the last saved iteration, found even if the folder was moved."""
        found = {int(p.stem[5:]): p for p in self.folder.glob("iter_*.pth") if p.stem[5:].isdigit()}
        return found[max(found)] if found else None

    @cached_property
    def best_checkpoint(self) -> Path | None:
        """Checkpoint of the best validation."""
        found = sorted(self.folder.glob("best_*_iter_*.pth"), key=lambda p: p.stat().st_mtime)
        return found[-1] if found else None


def is_run(folder: Path) -> bool:
    """Return whether training was started in a folder."""
    return folder.is_dir() and any(
        (start / "vis_data/config.py").is_file() for start in starts(folder)
    )


def read_runs(folders: Sequence[str | Path]) -> list[Run]:
    """Read runs from their work folders, or from folders that contain work folders.

    Raises:
        FileNotFoundError: If a folder does not exist.
        ValueError: If a folder neither is nor contains a run, or its summary is damaged.
    """
    found: list[Path] = []
    for folder in map(Path, folders):
        if not folder.is_dir():
            raise FileNotFoundError(
                f"Expected the work folder of a run, but {folder} does not exist."
            )
        inside = [folder] if is_run(folder) else runs_below(folder)
        if not inside:
            raise ValueError(
                "Expected a work folder with TIME/vis_data/config.py, which tools/train.py writes "
                f"when it starts, but got {folder}. Name the work folder of a run, or a folder "
                "that contains such folders."
            )
        found += inside
    found = list(dict.fromkeys(path.resolve() for path in found))
    return [read_run(path, name) for path, name in zip(found, short_names(found), strict=True)]


def runs_below(folder: Path) -> list[Path]:
    """Return the runs in a folder, without those that ``tools/test.py`` writes inside each."""
    found = sorted({path.parents[2] for path in folder.rglob("vis_data/config.py")})
    return [one for one in found if not any(parent in found for parent in one.parents)]


def short_names(paths: Sequence[Path]) -> list[str]:
    """Shorten each path to as many trailing parts as needed to be unique.

    Example:
        >>> short_names([Path("/r/a/x"), Path("/r/b/x")])
        ['a/x', 'b/x']
    """
    for parts in range(1, max((len(path.parts) for path in paths), default=1) + 1):
        names = ["/".join(path.parts[-parts:]) for path in paths]
        if len(set(names)) == len(names):
            break
    return names


def read_run(folder: Path, name: str) -> Run:
    """Read one run.

    Settings are read as data and never executed, see
    :func:`rankseg.training.saved_config.read_saved_config`.

    Raises:
        ValueError: If the summary cannot be read.
    """
    files = [file for start in starts(folder) if (file := start / "vis_data/config.py").is_file()]
    config, unread = Config(), None
    try:
        config = read_saved_config(files[-1])
    except (OSError, ValueError) as error:
        unread = (
            f"Expected {files[-1]} to contain the settings that tools/train.py saves when it "
            f"starts, but could not read them ({error})"
        )
    return Run(
        folder,
        name,
        config,
        read_summary(path) if (path := folder / "summary.json").is_file() else None,
        read_scalars(folder),
        read_warnings(folder),
        read_machine(folder),
        unread,
    )
