# SPDX-License-Identifier: Apache-2.0
"""Network composed of others: their feature maps are weighted, summed and classified."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from rankseg.errors import expect
from rankseg.models.layers import FeatureTap, find_module, frozen_statistics


class _StopForward(Exception):
    """Raised to stop a forward pass once the wanted submodule has run."""


@contextmanager
def frozen(network: nn.Module, by_batch: bool = False) -> Iterator[None]:
    """Return a context in which a network is in eval mode and no gradient is recorded.

    Its mode and statistics are restored. With ``by_batch``, batch norms that use batch statistics
    in training keep them.
    """
    mode = network.training
    network.train(by_batch)  # some networks keep certain layers in eval mode
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
    """Return the output ``(B, C, h, w)`` of a submodule of a frozen network; stop after it.

    The network runs without gradient in eval mode. Its mode is restored.
    """

    def stop(*_) -> None:
        raise _StopForward

    with frozen(network, by_batch), FeatureTap(network, name) as tap:
        handle = find_module(network, name).register_forward_hook(stop)
        try:
            network.extract_feat(images)
        except _StopForward:
            pass
        finally:
            handle.remove()
    return tap.output


class Composition(nn.Module):
    r"""Converters for the feature maps of several networks, and one decision network.

    .. math:: z = D \big( \textstyle\sum_n A_n f_n \big)

    The networks have the same architecture. Their feature part ends at the composition layer. The
    decision network is a copy of the layers after it, and skips the feature part. A converter is a
    1x1 convolution, initialized to ``1 / n`` times the identity, so that the decision network
    starts with the mean of the maps.

    Args:
        network: One of the networks, an mmseg segmentor.
        feature_part: Dotted names of all its submodules up to the composition layer, in order, such
            as ``("backbone.stem", "backbone.stages.0")``. The output of the last one is composed.
        channels: Number of channels ``C`` of that output.
        sources: Number of networks that are composed.

    Raises:
        ValueError: If there is no such submodule, or a number is below 1.

    Source: LMCS (dissertation, chapter 3), section 3.3.2 and figure 3.3. Its converters are fully
        connected layers, which are 1x1 convolutions on a map; their initialization is not
        published.
    """

    def __init__(
        self, network: nn.Module, feature_part: Sequence[str], channels: int, sources: int = 3
    ) -> None:
        super().__init__()
        if channels < 1 or sources < 1 or not feature_part:
            raise ValueError(
                "Expected a composition of 1 or more networks, channels and submodules, but got "
                f"{sources} networks, {channels} channels and {list(feature_part)}."
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
        """Set the decision network to the weights of a network, and the converters to the mean."""
        for converter in self.converters:
            nn.init.dirac_(converter.weight).div_(len(self.converters))
            nn.init.zeros_(converter.bias)
        kept = self.decision.state_dict()
        self.decision.load_state_dict(
            {name: value for name, value in network.state_dict().items() if name in kept}
        )

    def extract_feat(self, maps: Sequence[Tensor]) -> Sequence[Tensor]:
        """Return the feature maps of the decision network, like ``extract_feat`` of the networks.

        Args:
            maps: ``(B, C, h, w)`` feature maps of every network at the composition layer.
        """
        fused = sum(converter(one) for converter, one in zip(self.converters, maps, strict=True))
        return self.decision.extract_feat(fused)

    @property
    def decode_head(self) -> nn.Module:
        """Return the decision network's head, to be run after :meth:`extract_feat`."""
        return self.decision.decode_head

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return logits ``(B, K)`` and pooled features ``(B, D)``; see :meth:`extract_feat`."""
        with FeatureTap(self.decision, "decode_head.pool") as tap:
            logits = self.decode_head(self.extract_feat(maps))
        return logits.flatten(1), tap.output.flatten(1)

    @torch.no_grad()
    def check(self, network: nn.Module) -> None:
        """Check on an image that the feature part is complete and not too long."""
        weight = next(network.parameters())
        image = torch.linspace(-2, 2, 3 * 32 * 32).sin().reshape(1, 3, 32, 32).to(weight)
        found = feature_map(network, self.layer, image)
        wanted = f"{found.shape[1]}, as {self.layer}, the last of model.feature_part, has"
        expect(found.shape[1] == self.channels, "model.channels", wanted, self.channels)
        if not self._agrees(network, image, found):
            raise ValueError(
                f"Expected model.feature_part to name all submodules up to {self.layer}, but "
                f"without them the network computes other logits from the output of {self.layer}. "
                "Name every submodule of the backbone up to it, including normalization and "
                "pooling, and no other."
            )

    def _agrees(self, network: nn.Module, image: Tensor, found: Tensor) -> bool:
        """Return whether the decision network and the network give the same logits."""
        plain, twin = copy.deepcopy(network).eval(), copy.deepcopy(self.decision).eval()
        kept = twin.state_dict()
        twin.load_state_dict({k: v for k, v in plain.state_dict().items() if k in kept})
        wanted = plain.decode_head(plain.extract_feat(image))
        try:
            again = twin.decode_head(twin.extract_feat(found))
        except (RuntimeError, ValueError):  # mismatched channels
            return False
        if again.shape != wanted.shape or again.is_meta:  # weights may not exist yet
            return again.shape == wanted.shape
        return torch.allclose(again, wanted, rtol=1e-3, atol=1e-4)


class ComposedNetwork(nn.Module):
    """Composition and its source networks, run like one segmentor.

    Args:
        sources: The networks; they always run frozen and in eval mode.
        composition: A :class:`Composition`.
    """

    def __init__(self, sources: Sequence[nn.Module], composition: Composition) -> None:
        super().__init__()
        self.sources = tuple(sources)  # no submodules: they have other owners and modes
        self.composition = composition
        self.decode_head = composition.decode_head
        self.training = composition.training  # so that restoring the mode does not change it

    def extract_feat(self, images: Tensor) -> Sequence[Tensor]:
        """Return the feature maps of the decision network."""
        layer = self.composition.layer
        return self.composition.extract_feat(
            [feature_map(network, layer, images) for network in self.sources]
        )
