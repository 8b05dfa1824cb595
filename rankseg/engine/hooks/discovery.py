# SPDX-License-Identifier: Apache-2.0
"""Hook that assigns labels to unlabeled images on a schedule and trains on them as labeled."""

import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.datasets.image_level import ImageLevelDataset
from rankseg.engine.features import Features
from rankseg.engine.hooks.base import FeatureHook
from rankseg.engine.hooks.discovery_map import draw_map, measure
from rankseg.engine.hooks.notes import RunNotes
from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.models.methods import Method
from rankseg.registry import HOOKS, SELECTIONS
from rankseg.selection.discovery import Discovery, Evidence, Schedule, Selection
from rankseg.structures import SampleKey
from rankseg.visualization.curves import draw_discovery
from rankseg.visualization.plane import WAYS


@HOOKS.register_module()
class DiscoveryHook(FeatureHook):
    """Hook that selects unlabeled images, labels them and moves them to the labeled part.

    A discovery extracts features of all images, and a pure function selects images and their
    labels. The sampler then draws these from the labeled part, with their new labels and the
    pipeline of labeled images, and no longer from the unlabeled part (unless the data set includes
    labeled images there, too). Discovered images are stored in the method's ``pool``, a
    :class:`~rankseg.models.memory.DiscoveredPool`, and thus in checkpoints. The position in the
    schedule follows from the iteration, so a resumed run continues as an uninterrupted one.

    The first discovery of a generation starts from the labeled images alone (see ``restart``) and
    from the network that the previous generation trained.

    ``discovery.json`` and ``discovery.png`` in the work folder report how many labels are wrong,
    if the truth is known. ``discovery_maps`` contains maps of the samples. The truth is used for
    nothing else, unless ``truth=True``.

    Args:
        begin: Training iterations before the first discovery; 0 discovers with the initial weights
            of the run (``--load-from``).
        length: Training iterations after each discovery.
        sizes: Number of labeled plus discovered images after each discovery of a generation, as
            multiples of the number at the start of the generation.
        generations: Number of generations.
        restart: Start each generation from the labeled images; ``False`` keeps discovered images.
        select: Config of a function in ``rankseg.registry.SELECTIONS`` with its options.
        past: Number of earlier discoveries whose features are kept, also in checkpoints, for
            selections that fuse them.
        truth: Give discovered images their true labels, to measure the cost of wrong ones.
        maps: Projection of the maps, ``"pca"`` or ``"tsne"``, or None for no maps; see
            :func:`rankseg.visualization.to_plane`.
        **kwargs: Arguments of :class:`~rankseg.engine.hooks.FeatureHook`.

    Raises:
        ValueError: If an option is invalid, or before training, if the method, data set and
            options are incompatible.

    Source: Snowball and LMCS (dissertation, chapters 2 and 3): sections 2.3.2, 2.3.3, 3.3.4.
    """

    priority = "LOW"  # after the teacher update, before a checkpoint is written

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict:
        """See the base class; one image is discovered after one iteration."""
        sizes = ((dataset.num_labeled + 1) / dataset.num_labeled,)
        config.update(begin=1, length=1, sizes=sizes, generations=1)
        return config

    def __init__(
        self,
        begin: int,
        length: int,
        sizes: Sequence[float] = (2, 4, 8, 16),
        generations: int = 3,
        restart: bool = True,
        select: dict | None = None,
        past: int = 0,
        truth: bool = False,
        maps: str | None = "pca",
        **kwargs,
    ) -> None:
        super().__init__(**{"features": "test", **kwargs})
        expect(maps in (None, *WAYS), "maps of DiscoveryHook", f"one of {(None, *WAYS)}", maps)
        expect(past >= 0, "past of DiscoveryHook", "0 or more", past)
        self.schedule = Schedule(begin, length, sizes, generations)
        self.restart = restart
        self.select = _selection(select or dict(type="nearest_centers"))
        self.past = past
        self.truth = truth
        self.maps = maps
        self._suppress = SuppressAndLog("discovery.png or a map of samples")

    # --- before training

    def check_method(self, method: Method) -> None:
        """See the base class; the method must store discovered images."""
        super().check_method(method)
        if method.pool is None:
            raise ValueError(
                "Expected model.type to be a method that stores the images that DiscoveryHook "
                f"discovers, such as Snowball, but got {type(method).__name__}. Change model.type, "
                "or remove the hook."
            )

    def check_dataset(self, dataset: Dataset) -> None:
        """See the base class; there must be enough images, with one class per image."""
        if not isinstance(dataset.labeled, ImageLevelDataset):
            raise ValueError(
                "Expected a data set with one class per image for DiscoveryHook, such as "
                f"ClassFolderDataset, but got {type(dataset.labeled).__name__}, whose labels are "
                "masks."
            )
        given, sizes = dataset.num_labeled, self.schedule.sizes
        power = 1 if self.restart else self.schedule.generations
        wanted, there = round(given * sizes[-1] ** power) - given, self.candidates(dataset)
        if wanted >= there:
            raise ValueError(
                f"Expected sizes of DiscoveryHook to discover at most {there - 1} images, as there "
                f"are {there} besides the {given} labeled ones and one must stay unlabeled, but "
                f"sizes={sizes} discover {wanted}. Set smaller sizes."
            )
        if self.truth and (unknown := int((self._truth(dataset)[given:] < 0).sum())):
            raise ValueError(
                "Expected every unlabeled image to have a known class for "
                f"DiscoveryHook(truth=True), but {unknown} have none. Set truth=False."
            )

    def check_length(self, iterations: int) -> None:
        """See the base class; the run must include the last discovery."""
        if iterations <= self.schedule.last:
            raise ValueError(
                f"Expected train_cfg to have more than {self.schedule.last} iterations, after "
                f"which DiscoveryHook discovers for the last time, but got {iterations}. Train "
                "longer, or set a smaller begin, length or generations."
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup and pass images discovered so far to the sampler."""
        super().before_train(runner)
        method = unwrap_method(runner)
        path = Path(runner.work_dir) / "discovery.json"
        # notes describe the state after their iteration
        self._notes = RunNotes(path, runner.iter and runner.iter + 1)
        if runner.iter == 0:
            method.pool.reset()  # initial weights may include the pool of another run
            if now := self.schedule.at(0):
                self.discover(runner, method, now)
        latest = self.schedule.latest(runner.iter)
        self.set_labels(runner, method, 0 if latest is None else latest.start)

    # --- a discovery

    def after_train_iter(self, runner: Runner, *args, **kwargs) -> None:
        """Discover if the schedule says so, and continue with batches of the new parts."""
        now = self.schedule.at(runner.iter + 1)
        if now is None:
            return
        method = unwrap_method(runner)
        self.discover(runner, method, now)
        self.set_labels(runner, method, now.start)
        runner.train_loop.dataloader_iterator.skip_iter(now.start)  # drops prefetched batches

    def set_labels(self, runner: Runner, method: Method, start: int) -> None:
        """Set the labeled images of the sampler; subclasses may hold some back."""
        leave = not runner.train_dataloader.dataset.include_labeled
        index, label = method.pool.index.tolist(), method.pool.label.tolist()
        runner.train_dataloader.sampler.set_labels(index, label, start, leave)

    def discover(self, runner: Runner, method: Method, now: Discovery) -> None:
        """Select images and add them to the method's pool."""
        begun = time.monotonic()
        dataset, pool = runner.train_dataloader.dataset, method.pool
        total = dataset.num_labeled + self.candidates(dataset)  # labeled ones first, each once
        found = self.extract(runner, [SampleKey(i, now.start) for i in range(total)])
        if now.step == 0 and self.restart:
            pool.clear()
        places, evidence = self.evidence(dataset, method, found)
        base = dataset.num_labeled + int((pool.generation < now.generation).sum())
        count = round(base * self.schedule.sizes[now.step]) - len(evidence.label)
        result: list = [None]
        if is_main_process():
            rng = np.random.default_rng((runner.seed, now.start))
            result = [self.select(evidence, max(0, count), rng)]
        broadcast_object_list(result)
        selection: Selection = result[0]
        index, label = places[selection.row], selection.label
        truth = self._truth(dataset)
        if self.truth:
            label = truth[index]
            selection = selection._replace(label=label)
        pool.add(torch.from_numpy(index), torch.from_numpy(label), *now[:2])
        if self.past:
            pool.remember(found.feature, self.past)
        if is_main_process():
            known = np.concatenate((np.arange(dataset.num_labeled), pool.index.cpu().numpy()))
            rows = np.concatenate((known[: len(evidence.label)], places))
            numbers = measure(
                *(label, truth[index]),
                *(pool.label.cpu().numpy(), truth[known[dataset.num_labeled :]]),
                evidence.num_classes,
            )
            self._note(runner, now, numbers, time.monotonic() - begun)
            if self.maps is not None:
                with self._suppress(runner.logger):
                    classes = dataset.metainfo["classes"]
                    folder = Path(runner.work_dir) / "discovery_maps"
                    note = self._notes.notes[-1]
                    draw_map(folder, note, self.maps, evidence, selection, truth[rows], classes)

    @staticmethod
    def evidence(dataset: Dataset, method: Method, found: Features) -> tuple[np.ndarray, Evidence]:
        """Return the indices of the candidates, ``(U,)``, and the evidence for the selection."""
        given, pool = dataset.num_labeled, method.pool
        discovered = pool.index.cpu().numpy()
        known = np.concatenate((np.arange(given), discovered))
        places = np.setdiff1d(np.arange(given, len(found.feature)), discovered)
        past = [one for one in pool.past.cpu().numpy() if one.shape == found.feature.shape]
        feature = found.feature.numpy()
        return places, Evidence(
            labeled=feature[known],
            label=np.concatenate((dataset.labeled.class_ids(), pool.label.cpu().numpy())),
            candidates=feature[places],
            logits=found.logits.numpy()[places],
            num_given=given,
            past=tuple((one[known], one[places]) for one in past),
        )

    @staticmethod
    def candidates(dataset: Dataset) -> int:
        """Count the unlabeled images that are not also labeled; they precede the others."""
        copies = dataset.num_labeled if dataset.include_labeled else 0
        return dataset.num_unlabeled - copies

    @classmethod
    def _truth(cls, dataset: Dataset) -> np.ndarray:
        """Return classes of labeled images, then true classes of candidates, -1 if unknown."""
        rest = dataset.unlabeled.class_ids()[: cls.candidates(dataset)]
        return np.concatenate((dataset.labeled.class_ids(), rest))

    # --- logging

    def _note(self, runner: Runner, now: Discovery, numbers: dict, seconds: float) -> None:
        """Log, store and draw the results of a discovery; ``numbers`` comes from ``measure``."""
        place = {"generation": now.generation + 1, "step": now.step + 1}
        text = (
            f"discovery {place['step']} of generation {place['generation']}: {numbers['new']} "
            f"images in {seconds:.1f} s, {numbers['pool']} in all"
        )
        if "error" in numbers:
            text += f", {numbers['error']:.2f}% of the new labels are wrong"
        runner.logger.info(text)
        seconds = round(seconds, 2)
        self._notes.record(runner, now.start, numbers, **place, seconds=seconds)
        with self._suppress(runner.logger):
            draw_discovery(self._notes.notes, self._notes.path.with_suffix(".png"))


def _selection(config: dict) -> partial:
    """Return the selection function of a config, with its options bound."""
    options = dict(config)
    name = options.pop("type", None)
    function = SELECTIONS.get(str(name))
    if function is None:
        known = ", ".join(sorted(SELECTIONS.module_dict))
        raise ValueError(
            f"Expected select.type of DiscoveryHook to be one of {known}, but got {name!r}."
        )
    return partial(function, **options)
