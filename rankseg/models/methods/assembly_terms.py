# SPDX-License-Identifier: Apache-2.0
"""Loss of spatial assembly networks, for any method whose student has them."""

import torch
from torch import Tensor, nn

from rankseg.models.layers import SpatialAssembly
from rankseg.models.losses import assembly_correlation, assembly_entropy, local_coherence
from rankseg.models.segmentors.extended_segmentor import ExtendedSegmentor


class AssemblyTerms:
    r"""Context of one training step that records the weights predicted by assembly networks.

    .. math:: L_\Phi = \lambda_1 E + \lambda_2 C + \lambda_3 L_{LC}

    Only the method's own segmentors count, not their averages, and passes without gradient are
    ignored. The terms are means over the images of all passes and over the ``N`` points.

    Args:
        method: The method. If none of its own networks has an assembly, there are no terms.

    Source: Chapter 5 of the dissertation, eq. 5.12.
    """

    def __init__(self, method: nn.Module) -> None:
        self._modules = [
            module
            for network in method.children()
            if isinstance(network, ExtendedSegmentor)
            for module in network.inserted
            if isinstance(module, SpatialAssembly)
        ]

    def __enter__(self) -> "AssemblyTerms":
        for module in self._modules:
            module.recorded = []
        return self

    def __exit__(self, *exception) -> None:
        self._recorded = [(module, module.recorded) for module in self._modules if module.recorded]
        for module in self._modules:
            module.recorded = None

    def terms(self) -> dict[str, Tensor]:
        """Return the loss, summed over modules, and the means of its parts for the log.

        Returns:
            ``loss_assembly``; per point, in bits, ``assembly_entropy`` (mean of a row and a
            column), ``assembly_correlation`` and ``assembly_coherence``; ``assembly_stay``, the
            mean weight of a point's own position, and ``assembly_moved``, the share of points whose
            largest weight is elsewhere. Empty if there were no passes.
        """
        if not self._recorded:
            return {}
        losses, parts = zip(
            *(terms_of(module, recorded) for module, recorded in self._recorded), strict=True
        )
        means = torch.stack(parts).mean(0)
        names = ("entropy", "correlation", "coherence", "stay", "moved")
        notes = {f"assembly_{name}": mean for name, mean in zip(names, means, strict=True)}
        return {"loss_assembly": sum(losses), **notes}


def terms_of(
    module: SpatialAssembly, recorded: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Compute the loss of one module, and its five parts without gradient, ``(5,)``."""
    log_weights, features = (torch.cat(items) for items in zip(*recorded, strict=True))
    with torch.autocast(log_weights.device.type, enabled=False):
        weights = log_weights.exp()
        parts = [
            term.mean() / weights.shape[1]
            for term in (
                assembly_entropy(log_weights),
                assembly_correlation(weights),
                local_coherence(weights, features),
            )
        ]
        loss = sum(factor * part for factor, part in zip(module.term_weights, parts, strict=True))
        entropy, *others = parts
        stay = weights.diagonal(dim1=1, dim2=2).mean()
        largest = log_weights.argmax(2)
        moved = (largest != torch.arange(largest.shape[1], device=largest.device)).float().mean()
        return loss, torch.stack((entropy / 2, *others, stay, moved)).detach()
