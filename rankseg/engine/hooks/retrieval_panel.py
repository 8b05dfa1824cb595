# SPDX-License-Identifier: Apache-2.0
"""Hook that draws retrieval results of an embedding network after training."""

from pathlib import Path

import numpy as np
import torch
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from rankseg.datasets.checks import evenly_spaced
from rankseg.engine.features import extract_features
from rankseg.engine.hooks.suppress_and_log import SuppressAndLog
from rankseg.engine.pictures import write_picture
from rankseg.engine.searches import Embedded, Images, make_searches
from rankseg.engine.unwrap import unwrap_method
from rankseg.errors import expect
from rankseg.registry import HOOKS
from rankseg.visualization.retrieval import draw_retrieval


@HOOKS.register_module()
class RetrievalPanelHook(Hook):
    """Hook that draws ``retrieval.png`` in the work folder: queries and their nearest images.

    In large validation sets only some evenly spaced classes are searched, to save time;
    ``tools/retrieve.py`` searches all. A failure is logged and never ends the run.

    Args:
        rows: Number of queries.
        neighbors: Number of images retrieved for each query.
        images: Approximate number of images to search, in whole classes.
        neighbours: Old name of ``neighbors`` in existing configs.

    Raises:
        ValueError: If an argument is below 1.
    """

    priority = "LOWEST"  # after the last validation

    def __init__(
        self,
        rows: int = 8,
        neighbors: int = 10,
        images: int = 1000,
        neighbours: int | None = None,
    ) -> None:
        neighbors = neighbors if neighbours is None else neighbours
        expect(rows >= 1, "rows of RetrievalPanelHook", "1 or more", rows)
        expect(neighbors >= 1, "neighbors of RetrievalPanelHook", "1 or more", neighbors)
        expect(images >= 1, "images of RetrievalPanelHook", "1 or more", images)
        self.rows, self.neighbors, self.images = rows, neighbors, images
        self._suppress = SuppressAndLog("retrieval.png")

    def after_train(self, runner: Runner) -> None:
        """Draw if there are validation images."""
        if runner.val_loop is None:
            return
        with self._suppress(runner.logger):
            dataset = runner.val_loop.dataloader.dataset
            label = dataset.class_ids()
            chosen = some_classes(label, self.images)
            method = unwrap_method(runner)
            found = extract_features(
                method,
                dataset,
                chosen.tolist(),
                batch_size=64,
                network=method.predict_on,
                main_only=True,
            )
            if is_main_process():
                files = [""] * len(label)
                images = Images(dataset, files, torch.from_numpy(label), dataset.classes)
                picture = self._draw(images, chosen, found.logits, runner.iter)
                write_picture(Path(runner.work_dir) / "retrieval.png", picture)

    def _draw(
        self, images: Images, chosen: np.ndarray, embedding: torch.Tensor, iteration: int
    ) -> np.ndarray:
        total = len(images.label)
        images = images.some(chosen)
        count = len(chosen)
        searches = make_searches(
            evenly_spaced(count, self.rows),
            {"": Embedded(embedding, embedding)},
            images,
            images,
            torch.arange(count),
            self.neighbors,
        )
        few = f"{count:,} of {total:,}" if count < total else f"{total:,}"
        title = f"Iteration {iteration:,}: the nearest of {few} validation images"
        return draw_retrieval(searches, title)


def some_classes(label: np.ndarray, images: int) -> np.ndarray:
    """Return positions of all images of evenly spaced classes, about ``images`` in total.

    >>> some_classes(np.array([0, 0, 1, 1, 2, 2, 3, 3]), 4).tolist()
    [0, 1, 6, 7]
    """
    classes = np.unique(label)
    count = max(1, round(len(classes) * images / len(label)))
    return np.flatnonzero(np.isin(label, classes[evenly_spaced(len(classes), count)]))
