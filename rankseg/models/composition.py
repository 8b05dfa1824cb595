# SPDX-License-Identifier: Apache-2.0
"""A network composed of others: their feature maps are weighed, added and classified anew."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rankseg.models.layers import FeatureTap, find_module, frozen_statistics


class _Reached(Exception):
    """The submodule was run whose output is wanted."""


@contextmanager
def frozen(network: nn.Module, by_batch: bool = False) -> Iterator[None]:
    """Within this context a network is in eval mode and no gradient is kept.

    Args:
        network: Its mode and statistics are left as they were.
        by_batch: Batch norms that normalize by the batch in training do so nevertheless.
    """
    mode = network.training
    network.train(by_batch)  # some networks keep theirs in eval mode
    norms = [one for one in network.modules() if isinstance(one, _BatchNorm) and one.training]
    network.eval()
    try:
        with torch.no_grad(), frozen_statistics(network):
            for norm in norms:
                norm.train()
            yield
    finally:
        network.train(mode)


def feature_map(network: nn.Module, name: str, images: Tensor, by_batch: bool = False) -> Tensor:
    """Output of a submodule of a frozen network; what comes after it does not run.

    Args:
        network: Run without gradient, in eval mode; its mode is left as it was.
        name: Dotted name of the submodule.
        images: ``(B, 3, H, W)``.
        by_batch: See :func:`frozen`.

    Returns:
        ``(B, C, h, w)``.
    """

    def stop(*_) -> None:
        raise _Reached

    with frozen(network, by_batch), FeatureTap(network, name) as tap:
        handle = find_module(network, name).register_forward_hook(stop)
        try:
            network.extract_feat(images)
        except _Reached:
            pass
        finally:
            handle.remove()
    return tap.output


class Composition(nn.Module):
    r"""Converters of the feature maps of several networks, and one decision network.

    .. math:: z = D \big( \textstyle\sum_n A_n f_n \big)

    The networks are alike. Their feature part ends at the composition layer; the decision network
    is a copy of what comes after it, in which the feature part is left out. A converter is a 1x1
    convolution, in the beginning ``1 / n`` of its input, so that the decision network begins with
    the mean of the maps.

    Args:
        network: One of the networks, an mmseg segmentor.
        feature_part: Dotted names of all its submodules up to the composition layer, in their
            order, such as ``("backbone.stem", "backbone.stages.0")``. The last one's output is
            composed.
        channels: Channels ``C`` of that output.
        sources: How many networks are composed.

    Raises:
        ValueError: If there is no such submodule, or a number is below 1.

    Source: LMCS (dissertation, chapter 3), section 3.3.2 and figure 3.3. Its converters are fully
        connected layers, which on a map is a 1x1 convolution; how they begin is not published.
    """

    def __init__(
        self, network: nn.Module, feature_part: Sequence[str], channels: int, sources: int = 3
    ) -> None:
        super().__init__()
        if channels < 1 or sources < 1 or not feature_part:
            raise ValueError(
                f"a composition of {sources} networks with {channels} channels after "
                f"{list(feature_part)}: expected 1 or more of each"
            )
        for name in feature_part:
            find_module(network, name, "model.feature_part")
        self.layer = feature_part[-1]
        self.channels = channels
        self.converters = nn.ModuleList(nn.Conv2d(channels, channels, 1) for _ in range(sources))
        self.decision = copy.deepcopy(network)
        for name in feature_part:
            self.decision.set_submodule(name, nn.Identity())
        self.begin(network)

    @torch.no_grad()
    def begin(self, network: nn.Module) -> None:
        """Set the decision network to the weights of a network, the converters to the mean."""
        for converter in self.converters:
            nn.init.dirac_(converter.weight).div_(len(self.converters))
            nn.init.zeros_(converter.bias)
        kept = self.decision.state_dict()
        self.decision.load_state_dict(
            {name: value for name, value in network.state_dict().items() if name in kept}
        )

    def extract_feat(self, maps: Sequence[Tensor]) -> Sequence[Tensor]:
        """Feature maps of the decision network, as the networks' own ``extract_feat`` gives them.

        Args:
            maps: ``(B, C, h, w)`` of every network at the composition layer.
        """
        fused = sum(converter(one) for converter, one in zip(self.converters, maps, strict=True))
        return self.decision.extract_feat(fused)

    @property
    def decode_head(self) -> nn.Module:
        """The head of the decision network, after :meth:`extract_feat`."""
        return self.decision.decode_head

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Logits ``(B, K)`` and pooled features ``(B, D)``, of :meth:`extract_feat`'s ``maps``."""
        with FeatureTap(self.decision, "decode_head.pool") as tap:
            logits = self.decode_head(self.extract_feat(maps))
        return logits.flatten(1), tap.output.flatten(1)

    @torch.no_grad()
    def check(self, network: nn.Module) -> None:
        """Check on an image that the feature part is whole: neither more nor less.

        Args:
            network: The one that the decision network was copied from.

        Raises:
            ValueError: If the decision network does not say of a feature map what the network says
                of the image, or the map has other channels.
        """
        weight = next(network.parameters())
        image = torch.linspace(-2, 2, 3 * 32 * 32).sin().reshape(1, 3, 32, 32).to(weight)
        found = feature_map(network, self.layer, image)
        if found.shape[1] != self.channels:
            raise ValueError(
                f"model.channels={self.channels}, but {self.layer}, the last one of "
                f"model.feature_part, has {found.shape[1]}: set channels to that"
            )
        if not self._agrees(network, image, found):
            raise ValueError(
                f"model.feature_part does not lead to {self.layer}: with these submodules left out "
                f"the network says something else of the output of {self.layer}. Name every "
                "submodule of the backbone up to it, with normalisation and pooling, and no other"
            )

    def _agrees(self, network: nn.Module, image: Tensor, found: Tensor) -> bool:
        """Whether the decision network says of a feature map what the network says of the image."""
        plain, twin = copy.deepcopy(network).eval(), copy.deepcopy(self.decision).eval()
        kept = twin.state_dict()
        twin.load_state_dict({k: v for k, v in plain.state_dict().items() if k in kept})
        wanted = plain.decode_head(plain.extract_feat(image))
        try:
            again = twin.decode_head(twin.extract_feat(found))
        except (RuntimeError, ValueError):  # channels that do not fit
            return False
        if again.shape != wanted.shape or again.is_meta:  # weights may not have been made yet
            return again.shape == wanted.shape
        return torch.allclose(again, wanted, rtol=1e-3, atol=1e-4)


class ComposedNetwork(nn.Module):
    """A composition and the networks that it composes, run as one segmentor is.

    Args:
        sources: The networks; they run frozen, in eval mode whatever the mode of this one.
        composition: A :class:`Composition`.
    """

    def __init__(self, sources: Sequence[nn.Module], composition: Composition) -> None:
        super().__init__()
        self.sources = tuple(sources)  # no submodules: they have owners and modes of their own
        self.composition = composition
        self.decode_head = composition.decode_head
        self.training = composition.training  # else whoever puts the mode back changes it

    def extract_feat(self, images: Tensor) -> Sequence[Tensor]:
        """Feature maps of the decision network."""
        layer = self.composition.layer
        return self.composition.extract_feat(
            [feature_map(network, layer, images) for network in self.sources]
        )
