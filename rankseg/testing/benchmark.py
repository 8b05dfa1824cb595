# SPDX-License-Identifier: Apache-2.0
"""Time and memory of two ways to do the same, measured in turn in one process."""

import ctypes
import gc
import json
import os
import platform
import resource
import time
from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

MIB = 2**20


@dataclass
class Cost:
    """What the runs of one case took.

    Attributes:
        seconds: Wall time of each run.
        process_mib: Resident memory that each run needed on top of what was there, in MiB.
        allocator_mib: Peak of what torch held during one more run, on top of what it held before,
            in MiB; None where it was not asked for.
        result: What the first run returned.
    """

    seconds: list[float] = field(default_factory=list)
    process_mib: list[float] = field(default_factory=list)
    allocator_mib: float | None = None
    result: Any = None

    @property
    def median(self) -> float:
        """Median of the seconds."""
        return median(self.seconds)

    def summary(self) -> dict[str, Any]:
        """What goes into a report."""
        return {
            "seconds": self.seconds,
            "median_seconds": self.median,
            "peak_mib": self.process_mib,
            "median_peak_mib": median(self.process_mib),
            "allocator_mib": self.allocator_mib,
        }


def memory() -> tuple[int, int]:
    """Resident memory of this process in bytes, now and at its highest since the last reset."""
    try:
        status = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return tuple(int(status[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return peak, peak


def _wait() -> None:
    """Wait for the GPU, if there is one: it works on its own."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Result of some work, its seconds, and the MiB that it needed on top of what was there."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc: else freed memory, taken again, costs nothing
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # where it cannot be reset, only what exceeds all earlier work counts
        Path("/proc/self/clear_refs").write_text("5")
    before, _ = memory()
    _wait()
    start = time.perf_counter()
    result = work()
    _wait()
    seconds = time.perf_counter() - start
    return result, seconds, (memory()[1] - before) / MIB


def allocated(work: Callable[[], Any]) -> float:
    """Peak in MiB of what torch's allocator gives out during some work, beyond what it holds."""
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        work()
        return (torch.cuda.max_memory_allocated() - before) / MIB
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        work()
    events = profiler.profiler.kineto_results.events()
    held = peak = 0
    for _, size in sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]"):
        held += size
        peak = max(peak, held)
    return peak / MIB


def compare(
    cases: dict[str, Callable[[], Any]],
    repeats: int,
    warmup: int = 1,
    allocator: bool = True,
) -> dict[str, Cost]:
    """Run cases in turn, so that a machine that slows down slows all of them down.

    Args:
        cases: Name and work of each.
        repeats: Measured runs of each.
        warmup: Runs of each that are not measured.
        allocator: Run each once more to see what torch's allocator holds at most.

    Returns:
        The cost of each case.
    """
    costs = {name: Cost() for name in cases}
    for round_ in range(warmup + repeats):
        for name, work in cases.items():
            result, seconds, peak = measured(work)
            if round_ == 0:
                costs[name].result = result
            if round_ >= warmup:
                costs[name].seconds.append(seconds)
                costs[name].process_mib.append(peak)
            print(f"  {round_ + 1}/{warmup + repeats} {name}: {seconds:.3f} s", flush=True)
    if allocator:
        for name, work in cases.items():
            costs[name].allocator_mib = allocated(work)
    return costs


def largest_difference(one: Any, other: Any) -> float:
    """Largest difference of two (nested) results, each divided by the second's largest value."""
    if isinstance(one, dict):
        return max(largest_difference(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return max(largest_difference(*pair) for pair in zip(one, other, strict=True))
    one, other = (torch.as_tensor(value).detach().double() for value in (one, other))
    scale = other.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    return float((one - other).abs().max() / scale)


def machine(*modules: ModuleType) -> dict[str, Any]:
    """Processor, cores, threads and versions, for a report."""
    return {
        "processor": platform.processor() or platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {module.__name__: str(module.__version__) for module in (torch, *modules)},
    }


def add_common_arguments(parser: ArgumentParser, out: str, repeats: int = 5) -> None:
    """Options that every benchmark has."""
    parser.add_argument(
        "--repeats", type=int, default=repeats, help="measured runs of each (%(default)s)"
    )
    parser.add_argument("--threads", type=int, help="of torch (default: OMP_NUM_THREADS or all)")
    parser.add_argument("--seed", type=int, default=0, help="of what is generated (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("work_dirs/benchmarks") / out)


def table(costs: dict[str, Cost], unit: float = 1e3) -> str:
    """Lines of name, median, spread and memory; times in ``1 / unit`` seconds."""
    name_of = {1.0: "s", 1e3: "ms"}[unit]
    lines = []
    for name, cost in costs.items():
        low, high = min(cost.seconds) * unit, max(cost.seconds) * unit
        line = f"  {name:34} {cost.median * unit:9.2f} {name_of} ({low:.2f} to {high:.2f})"
        line += f" {median(cost.process_mib):8.0f} MiB process"
        if cost.allocator_mib is not None:
            line += f" {cost.allocator_mib:8.1f} MiB torch"
        lines.append(line)
    return "\n".join(lines)


def write_report(path: Path, report: dict[str, Any]) -> None:
    """Write a report as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report, indent=1, default=str) + "\n")
    print(f"written to {path}")
