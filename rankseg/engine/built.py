# SPDX-License-Identifier: Apache-2.0
"""A method that is built before the run starts, with the random numbers of the run."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_rank
from torch import nn

from rankseg.models.trial import RandomState, random_numbers_kept
from rankseg.registry import MODELS

_WAITING: ContextVar["Built | None"] = ContextVar("built", default=None)


class Built:
    """A method, and the state of random numbers after it was built.

    Args:
        method: The method.
        after: The state. None if the run has no seed yet: the runner draws one, and builds a method
            of that seed.
    """

    def __init__(self, method: nn.Module, after: RandomState | None) -> None:
        self.method = method
        self._after = after

    @contextmanager
    def for_runner(self) -> Iterator[None]:
        """Context in which a runner that is made takes this method in place of building one.

        mmengine makes a runner of a config, and passes nothing else on to it.
        """
        token = _WAITING.set(self)
        try:
            yield
        finally:
            _WAITING.reset(token)


def take_built() -> nn.Module | None:
    """The method that waits for the runner, if one does; random numbers go on after it."""
    built = _WAITING.get()
    if built is None or built._after is None:
        return None
    built._after.restore()
    return built.method


def build_method(cfg: Config) -> Built:
    """Build the method of a config with the random numbers that a runner would build it with.

    Random numbers of the process stay as they are.

    Args:
        cfg: Of the run.

    Raises:
        ValueError, OSError: If the method refuses its options.
    """
    randomness = cfg.get("randomness") or {}
    seed = randomness.get("seed")
    with random_numbers_kept():
        if seed is not None:
            seed += get_rank() if randomness.get("diff_rank_seed") else 0
            random.seed(seed)
            np.random.seed(seed)
            torch.default_generator.manual_seed(seed)
        try:
            method = MODELS.build(cfg.model)
        except (ValueError, OSError):
            raise
        except Exception as error:  # of any kind: mmseg answers a wrong option by an assertion
            text = error.args[0] if isinstance(error, KeyError) and error.args else error
            raise ValueError(f"model of {cfg.get('config_file')}: {text}") from error
        return Built(method, None if seed is None else RandomState())
