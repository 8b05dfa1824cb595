# SPDX-License-Identifier: Apache-2.0
"""CPU cores, memory and GPU of this machine."""

import os
from dataclasses import dataclass

import torch

from rankseg.utils.threads import usable_cores


@dataclass(frozen=True)
class Machine:
    """CPU cores, memory and GPU of a machine.

    Attributes:
        cores: CPU cores available to this process.
        memory: Main memory in GiB.
        gpu: Memory of the first GPU in GiB; 0 without a GPU.
    """

    cores: int
    memory: float
    gpu: float = 0.0

    def __str__(self) -> str:
        text = f"{self.cores} CPU cores, {self.memory:.0f} GiB of memory"
        return f"a GPU with {self.gpu:.0f} GiB, {text}" if self.gpu else f"{text}, and no GPU"


def this_machine() -> Machine:
    """Return the properties of the current machine."""
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (ValueError, AttributeError):
        memory = 8.0
    gpu = 0.0
    if torch.cuda.is_available():
        gpu = torch.cuda.get_device_properties(0).total_memory / 2**30
    return Machine(usable_cores(), memory, gpu)
