# SPDX-License-Identifier: Apache-2.0
"""Base classes of hooks that check a run before it starts and know how to become tiny."""

from typing import Any, NamedTuple

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Dataset, Sampler

from rankseg.engine.features import Features, extract_features, with_pipeline
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.models.layers import find_module
from rankseg.models.methods import Method

PIPELINES = ("train", "test")


class RunSetup(NamedTuple):
    """Parts of a run that hooks check, before anything is written and again at the start.

    Attributes:
        method: The method.
        train: Training set, such as :class:`~rankseg.datasets.SemiDataset`.
        val: Validation set, or None.
        sampler: Sampler of the training set.
        iterations: Length of the run, or None if its loop does not count iterations.
    """

    method: Method
    train: Dataset
    val: Dataset | None
    sampler: Sampler
    iterations: int | None

    @classmethod
    def of_runner(cls, runner: Runner) -> "RunSetup":
        """Return the parts that a runner has built."""
        loader = runner.train_dataloader
        val = None if runner.val_loop is None else runner.val_dataloader.dataset
        return cls(unwrap_method(runner), loader.dataset, val, loader.sampler, runner.max_iters)


class RunHook(Hook):
    """Base class of hooks that state what they need of a run, and how they become tiny.

    Before training, :func:`~rankseg.training.train.check_before_training` calls :meth:`check`, and
    ``--tiny`` calls :meth:`make_tiny`. Subclasses override the checks that they need.

    Attributes:
        method_type: Class of the methods that the hook works with.
        makes_labels: Whether the hook labels unlabeled images for the sampler.
        needs_validation: Whether the hook loads validation images or uses their pipeline.
        without_validation: What to do without validation images, for the error message.
    """

    method_type: type[Method] = Method
    makes_labels = False
    needs_validation = False
    without_validation = "remove the hook"

    @classmethod
    def make_tiny(cls, config: dict, dataset: Dataset) -> dict | None:
        """Return a config of this hook for a run of two iterations, or None to leave it out.

        Args:
            config: Config of the hook; it may be changed in place.
            dataset: The training set.
        """
        return config

    def check(self, setup: RunSetup) -> None:
        """Check all parts of a run.

        Raises:
            ValueError: If the hook does not work in this run. The message is one or two sentences
                with what was expected, what was found, and the cure.
        """
        self.check_method(setup.method)
        self.check_sampler(setup.sampler)
        self.check_dataset(setup.train)
        if setup.iterations is not None:
            self.check_length(setup.iterations)
        if self.needs_validation and setup.val is None:
            raise ValueError(
                f"Expected val_dataloader, whose images or pipeline {type(self).__name__} in "
                f"custom_hooks uses, but got None. Add one, or {self.without_validation}."
            )

    def check_method(self, method: Method) -> None:
        """Check that the hook works with the method."""
        if not isinstance(method, self.method_type):
            raise ValueError(
                f"Expected model.type to be {self.method_type.__name__} or a subclass for "
                f"{type(self).__name__} in custom_hooks, but got {type(method).__name__}. Change "
                "model.type, or remove the hook."
            )

    def check_sampler(self, sampler: Sampler) -> None:
        """Check the sampler of the training set."""

    def check_dataset(self, dataset: Dataset) -> None:
        """Check the training set."""

    def check_length(self, iterations: int) -> None:
        """Check the length of the run."""

    def before_train(self, runner: Runner) -> None:
        """Check the run; the hook may have changed since the checks before training."""
        self.check(RunSetup.of_runner(runner))


class FeatureHook(RunHook):
    """Base class of hooks that extract features of the training images.

    Args:
        network: Network that extracts the features, see :meth:`Method.network`: ``"student"``,
            ``"teacher"``, or another that the method has. None uses the one that predicts.
        tap: Dotted name of the submodule whose output is the feature.
        features: Pipeline of the images: ``"test"`` for that of ``val_dataloader``, ``"train"`` for
            the augmented training pipeline. None is ``"test"`` for hooks without this option.
        batch_size: Batch size per process.
        num_workers: Number of data loader workers; ``None`` uses that of ``train_dataloader``.

    Raises:
        ValueError: If ``features`` is unknown, or before training, if the network, the tap or the
            pipeline does not exist.
    """

    def __init__(
        self,
        network: str | None = "student",
        tap: str = "decode_head.pool",
        features: str | None = None,
        batch_size: int = 256,
        num_workers: int | None = None,
    ) -> None:
        known = (*PIPELINES, None)
        name = f"features of {type(self).__name__}"
        expect(features in known, name, f"one of {known}", features)
        self.network = network
        self.tap = tap
        self.features = features
        self.batch_size = batch_size
        self.num_workers = num_workers

    @property
    def needs_validation(self) -> bool:
        """Return whether the images use the pipeline of ``val_dataloader``."""
        return self.features != "train"

    @property
    def without_validation(self) -> str:
        """Return what to do without a ``val_dataloader``."""
        return "remove the hook" if self.features is None else "set its features='train'"

    def check_method(self, method: Method) -> None:
        """See the base class; the network must exist and contain the tap."""
        super().check_method(method)
        name = self.network or method.predict_on
        try:
            network = method.network(name)
        except ValueError as error:
            raise ValueError(f"{type(self).__name__}(network={name!r}): {error}") from error
        find_module(network, self.tap, f"tap of {type(self).__name__}")

    def extract(
        self,
        runner: Runner,
        indices: Any = None,
        dataset: Dataset | None = None,
        main_only: bool = False,
    ) -> Features:
        """Extract features of training images, or of another data set with its own pipeline.

        Args:
            runner: The runner.
            indices: Indices or keys of the images, in output order; ``None`` takes all images.
            dataset: Another data set than the training set.
            main_only: Whether only the main process needs them; the others get 0 rows.
        """
        method, loader = unwrap_method(runner), runner.train_dataloader
        if dataset is None:
            dataset = loader.dataset
            if self.needs_validation:
                dataset = with_pipeline(dataset, runner.val_dataloader.dataset.pipeline)
        return extract_features(
            method,
            dataset,
            indices,
            batch_size=self.batch_size,
            num_workers=loader.num_workers if self.num_workers is None else self.num_workers,
            network=self.network or method.predict_on,
            tap=self.tap,
            main_only=main_only,
        )
