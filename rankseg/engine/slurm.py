# SPDX-License-Identifier: Apache-2.0
"""The place of a process among those of a Slurm job."""

import os
import re

FIRST_PORT, PORTS = 20_000, 10_000
"""Range of ports, below those that systems hand out themselves."""


def take_from_slurm() -> None:
    """Set the environment variables of PyTorch's launcher from those of ``srun``.

    ``MASTER_ADDR`` and ``MASTER_PORT`` are kept if they are set. Otherwise they are the first host
    of the job step, and a port that follows from the numbers of job and step, so that two jobs on
    one machine do not meet. With ``--gpus-per-task=1`` a process sees only its own GPU.
    """
    given = os.environ
    given["RANK"] = given["SLURM_PROCID"]
    given["WORLD_SIZE"] = given["SLURM_NTASKS"]
    own = given.get("SLURM_GPUS_PER_TASK") == "1"
    given["LOCAL_RANK"] = "0" if own else given.get("SLURM_LOCALID", "0")
    hosts = given.get("SLURM_STEP_NODELIST") or given["SLURM_NODELIST"]
    given.setdefault("MASTER_ADDR", first_host(hosts))
    job, step = (_number(given.get(name)) for name in ("SLURM_JOB_ID", "SLURM_STEP_ID"))
    given.setdefault("MASTER_PORT", str(FIRST_PORT + (job + 101 * step) % PORTS))


def _number(text: str | None) -> int:
    """Return a number from the environment, 0 if there is none."""
    return int(text) if text and text.isdecimal() else 0


def first_host(hosts: str) -> str:
    """Return the first host of a list as Slurm writes it.

    >>> first_host("gpu[07-09,12],big1")
    'gpu07'
    >>> first_host("big1,gpu[07-09]")
    'big1'
    >>> first_host("rack2-[3,5]-ib")
    'rack2-3-ib'
    """
    begin, number, end = re.match(r"([^,\[]*)(?:\[(\w+)[^\]]*\]([^,]*))?", hosts).groups()
    return begin + (number or "") + (end or "")
