# SPDX-License-Identifier: Apache-2.0
"""Hook that assigns labels to unlabeled images on a schedule and trains on them as labeled."""

import time
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from mmengine.dist import broadcast_object_list, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset

from rankseg.engine.features import Features, extract_features, with_pipeline
from rankseg.engine.hooks.discovery_notes import DiscoveryNotes, measure
from rankseg.engine.unwrap import unwrap_method
from rankseg.models.layers import find_module
from rankseg.models.methods import Method
from rankseg.registry import HOOKS, SELECTIONS
from rankseg.selection.discovery import Discovery, Evidence, Schedule, Selection
from rankseg.structures import SampleKey
from rankseg.visualization.plane import WAYS

PIPELINES = ("train", "test")


@HOOKS.register_module()
class DiscoveryHook(Hook):
    """Hook that selects unlabeled images, labels them and moves them to the labeled part.

    A discovery extracts features of all images, and a pure function selects images and their
    labels. The sampler then draws these from the labeled part, with their new labels and the
    pipeline of labeled images, and no longer from the unlabeled part (unless the data set includes
    labeled images there, too). Discovered images are stored in the method's ``pool``, a
    :class:`~rankseg.models.pool.DiscoveredPool`, and thus in checkpoints. The position in the
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
        network: Network that extracts the features, see :meth:`Method.network`: ``"student"``,
            ``"teacher"``, or ``"master"`` for methods that have one.
        tap: Dotted name of the submodule whose output is the feature.
        features: Pipeline of the images: ``"test"`` for that of ``val_dataloader``, ``"train"`` for
            the augmented training pipeline.
        past: Number of earlier discoveries whose features are kept, also in checkpoints, for
            selections that fuse them.
        truth: Give discovered images their true labels, to measure the cost of wrong ones.
        maps: Projection of the maps, ``"pca"`` or ``"tsne"``, or None for no maps; see
            :func:`rankseg.visualization.to_plane`.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.

    Raises:
        ValueError: If an option is invalid, or before training, if the method, data set and
            options are incompatible.

    Source: Snowball and LMCS (dissertation, chapters 2 and 3): sections 2.3.2, 2.3.3, 3.3.4.
    """

    priority = "LOW"  # after the teacher update, before a checkpoint is written

    @classmethod
    def make_tiny(cls, config: dict, num_labeled: int) -> None:
        """Shrink a config of this hook in place: discover one image after one iteration."""
        sizes = ((num_labeled + 1) / num_labeled,)
        config.update(begin=1, length=1, sizes=sizes, generations=1)

    def __init__(
        self,
        begin: int,
        length: int,
        sizes: Sequence[float] = (2, 4, 8, 16),
        generations: int = 3,
        restart: bool = True,
        select: dict | None = None,
        network: str = "student",
        tap: str = "decode_head.pool",
        features: str = "test",
        past: int = 0,
        truth: bool = False,
        maps: str | None = "pca",
        batch_size: int = 256,
        num_workers: int | None = None,
    ) -> None:
        for name, value, known in (
            ("features", features, PIPELINES),
            ("maps", maps, (None, *WAYS)),
        ):
            if value not in known:
                raise ValueError(f"{name}={value!r} of DiscoveryHook: expected one of {known}")
        if past < 0:
            raise ValueError(f"past={past} of DiscoveryHook must not be negative")
        self.schedule = Schedule(begin, length, sizes, generations)
        self.restart = restart
        self.select = _selection(select or dict(type="nearest_centres"))
        self.features = features
        self.extraction = dict(network=network, tap=tap, batch_size=batch_size)
        self.past = past
        self.truth = truth
        self.maps = maps
        self.num_workers = num_workers
        self._notes: DiscoveryNotes | None = None

    # --- before training

    def check_dataset(self, dataset: Dataset) -> None:
        """Check that the training set has enough images; also called by ``tools/train.py``.

        Raises:
            ValueError: If labels are masks, there are fewer images than ``sizes`` requires, or
                ``truth=True`` and the class of an image is unknown.
        """
        if not hasattr(dataset.labeled, "class_ids"):
            raise ValueError(
                "DiscoveryHook labels whole images, but the labels of "
                f"{type(dataset.labeled).__name__} are masks: use a data set with one class per "
                "image, such as ClassFolderDataset"
            )
        given, sizes = dataset.num_labeled, self.schedule.sizes
        power = 1 if self.restart else self.schedule.generations
        wanted, there = round(given * sizes[-1] ** power) - given, self.candidates(dataset)
        if wanted >= there:
            raise ValueError(
                f"sizes={sizes} of DiscoveryHook ask for {wanted} discovered images, and the "
                f"{given} labelled ones leave {there}, of which one must stay unlabelled: expected "
                "smaller sizes"
            )
        if self.truth and (unknown := int((self._truth(dataset)[given:] < 0).sum())):
            raise ValueError(
                f"truth=True of DiscoveryHook needs the class of every unlabelled image, and that "
                f"of {unknown} is not known: use truth=False"
            )

    def check_length(self, iterations: int) -> None:
        """Check that the run includes the last discovery; also called by ``tools/train.py``.

        Raises:
            ValueError: If the run ends before it.
        """
        if iterations <= self.schedule.last:
            raise ValueError(
                f"the last discovery of DiscoveryHook is after {self.schedule.last} iterations, "
                f"and train_cfg has {iterations}: train longer, or take smaller begin, length or "
                "generations"
            )

    def before_train(self, runner: Runner) -> None:
        """Check the setup and pass images discovered so far to the sampler."""
        method, dataset = unwrap_method(runner), runner.train_dataloader.dataset
        if not hasattr(method, "pool"):
            raise ValueError(
                f"DiscoveryHook in custom_hooks fills a pool that model.type="
                f"{type(method).__name__} does not have: expected a method that discovers, such as "
                "Snowball"
            )
        self.check_dataset(dataset)
        self.check_length(runner.max_iters)
        name, tap = self.extraction["network"], self.extraction["tap"]
        find_module(method.network(name), tap, "tap of DiscoveryHook")
        if self.features == "test" and runner.val_loop is None:
            raise ValueError(
                "DiscoveryHook(features='test') loads images by the pipeline of val_dataloader, "
                "and the config has none: use features='train'"
            )
        self._notes = DiscoveryNotes(runner.work_dir, runner.iter, self.maps)
        if runner.iter == 0:
            method.pool.reset()  # initial weights may include the pool of another run
            if now := self.schedule.at(0):
                self.discover(runner, method, now)
        latest = self.schedule.latest(runner.iter)
        self.deal(runner, method, 0 if latest is None else latest.start)

    # --- a discovery

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Discover if the schedule says so, and continue with batches of the new parts."""
        now = self.schedule.at(runner.iter + 1)
        if now is None:
            return
        method = unwrap_method(runner)
        self.discover(runner, method, now)
        self.deal(runner, method, now.start)
        runner.train_loop.dataloader_iterator.skip_iter(now.start)  # drops prefetched batches

    def deal(self, runner: Runner, method: Method, start: int) -> None:
        """Set the labeled images of the sampler; subclasses may hold some back.

        Args:
            runner: The runner.
            method: The runner's model, with the pool.
            start: Training iteration from which the sampler uses the new parts.
        """
        leave = not getattr(runner.train_dataloader.dataset, "include_labeled", False)
        index, label = method.pool.index.tolist(), method.pool.label.tolist()
        runner.train_dataloader.sampler.set_labels(index, label, start, leave)

    def discover(self, runner: Runner, method: Method, now: Discovery) -> None:
        """Select images and add them to the method's pool."""
        begun = time.monotonic()
        dataset, pool = runner.train_dataloader.dataset, method.pool
        found = self.extract(runner, method, now)
        if now.step == 0 and self.restart:
            pool.clear()
        places, evidence = self.evidence(dataset, method, found)
        base = dataset.num_labeled + int((pool.generation < now.generation).sum())
        count = round(base * self.schedule.sizes[now.step]) - len(evidence.label)
        told: list = [None]
        if is_main_process():
            rng = np.random.default_rng((runner.seed, now.start))
            told = [self.select(evidence, max(0, count), rng)]
        broadcast_object_list(told)
        selection: Selection = told[0]
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
            if self._notes is not None:
                classes = dataset.metainfo["classes"]
                self._notes.draw_map(evidence, selection, truth[rows], classes, runner.logger)

    def extract(self, runner: Runner, method: Method, now: Discovery) -> Features:
        """Extract features of all images, labeled ones first, each once."""
        loader = runner.train_dataloader
        images = dataset = loader.dataset
        if self.features == "test":
            images = with_pipeline(dataset, runner.val_dataloader.dataset.pipeline)
        total = dataset.num_labeled + self.candidates(dataset)
        keys = [SampleKey(i, now.start) for i in range(total)]
        workers = loader.num_workers if self.num_workers is None else self.num_workers
        return extract_features(method, images, keys, num_workers=workers, **self.extraction)

    @staticmethod
    def evidence(dataset: Dataset, method: Method, found: Features) -> tuple[np.ndarray, Evidence]:
        """Return the indices of the candidates, ``(U,)``, and the evidence for the selection.

        Args:
            dataset: The training set.
            method: Method with the pool.
            found: Features and logits of all images.
        """
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
        copies = dataset.num_labeled if getattr(dataset, "include_labeled", False) else 0
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
        told = {key: value for key, value in numbers.items() if key != "classes"}
        runner.visualizer.add_scalars(
            {f"discovery/{key}": value for key, value in told.items()}, step=now.start
        )
        if self._notes is not None:
            self._notes.add(
                {"iteration": now.start, **place, "seconds": round(seconds, 2), **numbers}
            )
            self._notes.draw(runner.logger)


def _selection(config: dict) -> partial:
    """Return the selection function of a config, with its options bound.

    Raises:
        ValueError: If there is no such function.
    """
    options = dict(config)
    name = options.pop("type", None)
    function = SELECTIONS.get(str(name))
    if function is None:
        raise ValueError(
            f"select=dict(type={name!r}) of DiscoveryHook: expected one of "
            f"{', '.join(sorted(SELECTIONS.module_dict))}"
        )
    return partial(function, **options)
