# SPDX-License-Identifier: Apache-2.0
"""Segmentor with modules inserted after chosen submodules."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from mmengine.logging import print_log
from mmseg.models import EncoderDecoder
from torch import Tensor, nn

from rankseg.errors import expect
from rankseg.registry import MODELS


@MODELS.register_module()
class ExtendedSegmentor(EncoderDecoder):
    """mmseg's ``EncoderDecoder`` with further modules after chosen submodules.

    The names of the network's own parameters do not change, so pretrained weights and checkpoints
    load as before. The names of inserted parameters start with ``inserted.0``, ``inserted.1``, ...
    If a checkpoint has none of them, the inserted modules keep their initial weights.

    Args:
        insert: One or several configs of modules to insert, each with ``at``, the dotted name of a
            submodule that outputs one feature map, such as ``"backbone.layer3"``; and ``module``,
            the config of a module from feature map to feature map, such as
            :class:`~rankseg.models.layers.SpatialAssembly`. Several modules at the same submodule
            run in order.
        **kwargs: Arguments of mmseg's ``EncoderDecoder``.

    Attributes:
        lacking: Names of the inserted modules that were missing in the weights loaded last.

    Raises:
        ValueError: If there is no such submodule, it does not output one feature map, or a config
            has another form.

    Example:
        >>> assembly = dict(type="SpatialAssembly", in_channels=512, grid=8)
        >>> insert = dict(at="backbone.layer4.0", module=assembly)
        >>> student = dict(type="ExtendedSegmentor", insert=insert)  # and what the network had
    """

    def __init__(self, insert: Mapping | Sequence[Mapping], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        configs = [insert] if isinstance(insert, Mapping) else insert
        known = dict(self.named_modules())
        self.inserted = nn.ModuleList()
        self.lacking = ""
        for config in configs:
            wanted = "dict(at='NAME', module=dict(type=...))"
            valid = set(config) == {"at", "module"}
            expect(valid, "each of model.student.insert", wanted, dict(config))
            name = config["at"]
            wanted = f"the name of a submodule, such as {', '.join(_examples(known))}"
            expect(name and name in known, "model.student.insert.at", wanted, name)
            self.inserted.append(MODELS.build(config["module"]))
            # A wrapper module would change the names of parameters, so use a hook. It holds the
            # module itself, so that a copy of the network has a hook to its own module.
            known[name].register_forward_hook(partial(_apply_inserted, self.inserted[-1], name))

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any) -> None:
        """Keep the weights of inserted modules if the checkpoint has none for them."""
        own = self.inserted.state_dict(prefix=f"{prefix}inserted.")
        self.lacking = ""
        if not any(key in state_dict for key in own):
            self.lacking = ", ".join(type(module).__name__ for module in self.inserted)
            print_log(
                f"The loaded weights lack {self.lacking}, which keeps its initial weights.",
                logger="current",
                level=logging.WARNING,
            )
            state_dict.update(own)
        super()._load_from_state_dict(state_dict, prefix, *args)


def check_inserted_weights(model: nn.Module, checkpoint: str) -> None:
    """Check that a checkpoint had weights for all inserted modules."""
    for module in model.modules():
        if isinstance(module, ExtendedSegmentor) and module.lacking:
            raise ValueError(
                f"Expected checkpoint {checkpoint} to have weights of {module.lacking}, which the "
                "config inserts into the network, but it has none. Use the config that it was "
                "trained with, or fine-tune it with tools/train.py --load-from."
            )


def _apply_inserted(
    inserted: nn.Module, name: str, module: nn.Module, inputs: tuple, output: Tensor
) -> Tensor:
    """Pass the output of a module through the inserted one (forward hook)."""
    if not isinstance(output, Tensor) or output.dim() != 4:
        raise ValueError(
            f"Expected the output of model.student.insert.at={name!r} to be one feature map "
            f"(B, C, H, W), but {type(module).__name__} has another one. Name a submodule with one "
            "feature map, such as its last layer."
        )
    return inserted(output)


def _examples(known: Mapping[str, nn.Module]) -> list[str]:
    """Return the names of the backbone's later children."""
    return [name for name in known if name.startswith("backbone.") and name.count(".") == 1][-4:]
