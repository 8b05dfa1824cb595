# SPDX-License-Identifier: Apache-2.0
"""Gives unlabelled images labels on a schedule; from then on they are labelled ones."""

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
from rankseg.engine.method_of import method_of
from rankseg.models.layers import find_module
from rankseg.models.methods import Method
from rankseg.registry import HOOKS, SELECTIONS
from rankseg.selection.discovery import Discovery, Evidence, Schedule, Selection
from rankseg.structures import SampleKey
from rankseg.visualization.plane import WAYS

PIPELINES = ("train", "test")


@HOOKS.register_module()
class DiscoveryHook(Hook):
    """Discovers images: selects unlabelled ones, labels them, and has the sampler deal them so.

    At a discovery, features of all images are made, and a pure function selects images and their
    labels. These leave the unlabelled part (unless the data set counts the labelled images among
    it, too) and follow the labelled ones, with their new labels and the pipeline of labelled
    images. What is discovered lies in the method's ``pool``, a
    :class:`~rankseg.models.pool.DiscoveredPool`, and so in checkpoints; where training stands in
    the schedule follows from the iteration: a run resumed anywhere goes on as it would have.

    The first discovery of a generation begins with the labelled images alone (see ``restart``) and
    the network as the generation before has left it.

    ``discovery.json`` and ``discovery.png`` in the work folder say how many labels are wrong, where
    the truth is known; maps of the samples lie in ``discovery_maps``. Truth is used for nothing
    else, but by ``truth=True``.

    Args:
        begin: Training iterations before the first discovery; 0 discovers with the weights that
            the run starts from (``--load-from``).
        length: Training iterations after each.
        sizes: Labelled and discovered images together after each discovery of a generation, as
            multiples of those that the generation begins with.
        generations: Number of generations.
        restart: A generation begins with the labelled images. ``False``: what was discovered stays.
        select: Config of a function of ``rankseg.registry.SELECTIONS`` with its options.
        network: Whose features, as :meth:`Method.network` knows it: ``"student"``, ``"teacher"``,
            and of methods that have one ``"master"``.
        tap: Dotted name of the submodule whose output is the feature.
        features: ``"test"`` loads images by the pipeline of ``val_dataloader``; ``"train"`` as for
            training, augmented.
        past: Features of so many earlier discoveries are kept, in checkpoints, for selections that
            fuse them.
        truth: Give discovered images their true labels, to learn what wrong ones cost.
        maps: ``"pca"``, ``"tsne"`` or None: how maps are made, see
            :func:`rankseg.visualization.to_plane`.
        batch_size: Images at once in a process.
        num_workers: Processes that load images; ``None`` takes as many as ``train_dataloader``.

    Raises:
        ValueError: If an option is none of those, or before training, if method, data set and
            options do not go together.

    Source: Snowball and LMCS (dissertation, chapters 2 and 3): sections 2.3.2, 2.3.3, 3.3.4.
    """

    priority = "LOW"  # after the teacher has moved, before a checkpoint is written

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
        """Refuse a training set that has too few images; also called by ``tools/train.py``.

        Raises:
            ValueError: If labels are masks, as many images as ``sizes`` say are not there, or
                ``truth=True`` and that of an image is not known.
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
        """Refuse a run that ends before the last discovery; also called by ``tools/train.py``.

        Raises:
            ValueError: If it does.
        """
        if iterations <= self.schedule.last:
            raise ValueError(
                f"the last discovery of DiscoveryHook is after {self.schedule.last} iterations, "
                f"and train_cfg has {iterations}: train longer, or take smaller begin, length or "
                "generations"
            )

    def before_train(self, runner: Runner) -> None:
        """Refuse what cannot work, and have the sampler deal what is discovered already."""
        method, dataset = method_of(runner), runner.train_dataloader.dataset
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
            method.pool.reset()  # weights to start from may be those of another run
            if now := self.schedule.at(0):
                self.discover(runner, method, now)
        latest = self.schedule.latest(runner.iter)
        self.deal(runner, method, 0 if latest is None else latest.start)

    # --- a discovery

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch=None, outputs=None
    ) -> None:
        """Discover, where the schedule says so, and go on with batches of the new parts."""
        now = self.schedule.at(runner.iter + 1)
        if now is None:
            return
        method = method_of(runner)
        self.discover(runner, method, now)
        self.deal(runner, method, now.start)
        runner.train_loop.dataloader_iterator.skip_iter(now.start)  # drops what was prefetched

    def deal(self, runner: Runner, method: Method, start: int) -> None:
        """Tell the sampler which images are labelled ones; overridden to hold some back.

        Args:
            runner: The runner.
            method: Its model, with the pool.
            start: Training iterations after which the sampler deals so.
        """
        leave = not getattr(runner.train_dataloader.dataset, "include_labeled", False)
        index, label = method.pool.index.tolist(), method.pool.label.tolist()
        runner.train_dataloader.sampler.set_labels(index, label, start, leave)

    def discover(self, runner: Runner, method: Method, now: Discovery) -> None:
        """Select images and put them into the method's pool."""
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
        """Features of all images, labelled ones first, each once."""
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
        """What the selection is made from, and the indices of the candidates, ``(U,)``.

        Args:
            dataset: The training set.
            method: With the pool.
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
        """Unlabelled images that are not also labelled ones; they come first of the unlabelled."""
        copies = dataset.num_labeled if getattr(dataset, "include_labeled", False) else 0
        return dataset.num_unlabeled - copies

    @classmethod
    def _truth(cls, dataset: Dataset) -> np.ndarray:
        """Classes of labelled images, then true ones of the candidates, -1 where unknown."""
        rest = dataset.unlabeled.class_ids()[: cls.candidates(dataset)]
        return np.concatenate((dataset.labeled.class_ids(), rest))

    # --- what is said of it

    def _note(self, runner: Runner, now: Discovery, numbers: dict, seconds: float) -> None:
        """Log, note and draw what a discovery came to; numbers as of ``measure``."""
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
    """The function that a config names, with its options.

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
