# SPDX-License-Identifier: Apache-2.0
"""Access to the output or input of a named submodule during a forward pass."""

import difflib

from torch import Tensor, nn

INPUT = ":input"
"""Suffix of a name that selects the input of the submodule instead of its output."""


def find_module(network: nn.Module, name: str, key: str = "feature_tap") -> nn.Module:
    """Find a submodule by its dotted name; ``key`` is the option that holds the name.

    A name may end with ``:input``.

    Raises:
        ValueError: If there is no such submodule; the message names the most similar ones.
    """
    try:
        return network.get_submodule(name.removesuffix(INPUT))
    except AttributeError:
        modules = dict(network.named_modules())
        known = [n for n in modules if n and n.count(".") <= 1]
        close = difflib.get_close_matches(name, modules, n=3, cutoff=0.4) or known[:8]
        raise ValueError(
            f"Expected {key} to be the dotted name of a module of {type(network).__name__}, but "
            f"got {name!r}. Similar names: {', '.join(close)}."
        ) from None


def embedding_size(student: nn.Module, name: str) -> int:
    """Return the size of the embeddings that a submodule (option ``embedding_tap``) outputs."""
    tapped = find_module(student, name, "embedding_tap")
    size = getattr(tapped, "out_channels", None)
    if size is None:
        raise ValueError(
            f"Expected model.embedding_tap={name!r} to be a Projector, but got a "
            f"{type(tapped).__name__}. Name one of model.student.decode_head.branches."
        )
    return size


class FeatureTap:
    """Context manager that keeps the last output of a named submodule.

    A vector per image, ``(B, C)``, is kept as a map of one pixel, ``(B, C, 1, 1)``. If the
    submodule returns several feature maps, as a backbone does, the last one is kept.

    Example:
        >>> import torch
        >>> network = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU())
        >>> with FeatureTap(network, '0') as tap:
        ...     _ = network(torch.zeros(1, 3, 4, 4))
        >>> tap.output.shape
        torch.Size([1, 8, 4, 4])

    Args:
        network: The network that will be run.
        name: Dotted name of a submodule, or None to keep nothing. ``"NAME:input"`` keeps the input
            of the submodule.
    """

    def __init__(self, network: nn.Module, name: str | None) -> None:
        self._name = name
        self._module = None if name is None else find_module(network, name)
        self.output: Tensor | None = None

    def __enter__(self) -> "FeatureTap":
        if self._module is not None:
            self._handle = self._module.register_forward_hook(self._keep)
        return self

    def _keep(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        taken = self._name.endswith(INPUT)
        output = inputs[0] if taken else output
        if isinstance(output, list | tuple) and output:
            output = output[-1]
        if isinstance(output, Tensor) and output.dim() == 2:
            output = output[:, :, None, None]
        if not isinstance(output, Tensor) or output.dim() != 4:
            what = "input" if taken else "output"
            raise ValueError(
                f"Expected the {what} of feature_tap={self._name!r} to be one feature map "
                f"(B, C, h, w), but {type(module).__name__} has another one. Name a submodule with "
                "one feature map, such as the last layer."
            )
        self.output = output

    def __exit__(self, *exception) -> None:
        if self._module is not None:
            self._handle.remove()
