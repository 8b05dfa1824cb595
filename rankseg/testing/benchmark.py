# SPDX-License-Identifier: Apache-2.0
"""Benchmark of time and memory of several implementations, run in turn in one process."""

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
    """Cost of the runs of one case.

    Attributes:
        seconds: Wall time of each run.
        process_mib: Increase of the resident memory by each run, in MiB.
        allocator_mib: Increase of the peak of torch's allocator in one more run, in MiB; None if it
            was not measured.
        result: Return value of the first run.
    """

    seconds: list[float] = field(default_factory=list)
    process_mib: list[float] = field(default_factory=list)
    allocator_mib: float | None = None
    result: Any = None

    @property
    def median(self) -> float:
        """Median of the seconds of all runs."""
        return median(self.seconds)

    def summary(self) -> dict[str, Any]:
        """Return the values for a report."""
        return {
            "seconds": self.seconds,
            "median_seconds": self.median,
            "peak_mib": self.process_mib,
            "median_peak_mib": median(self.process_mib),
            "allocator_mib": self.allocator_mib,
        }


def memory() -> tuple[int, int]:
    """Return current and peak resident memory of this process in bytes, since the last reset."""
    try:
        status = dict(
            line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
        )
        return tuple(int(status[key].split()[0]) * 1024 for key in ("VmRSS", "VmHWM"))
    except (OSError, KeyError):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return peak, peak


def _wait() -> None:
    """Wait for the GPU, if there is one, since it runs asynchronously."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def measured(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Run a function, and return its result, its seconds and its increase of memory in MiB."""
    gc.collect()
    with suppress(OSError, AttributeError):  # glibc only: else reused memory does not count
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):  # without a reset, only memory above all earlier runs counts
        Path("/proc/self/clear_refs").write_text("5")
    before, _ = memory()
    _wait()
    start = time.perf_counter()
    result = work()
    _wait()
    seconds = time.perf_counter() - start
    return result, seconds, (memory()[1] - before) / MIB


def allocated(work: Callable[[], Any]) -> float:
    """Measure the increase of the peak of torch's allocator by a function, in MiB."""
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
    """Run cases in turn, so that a slowdown of the machine affects all of them.

    Args:
        cases: Function of each case by name.
        repeats: Number of measured runs of each case.
        warmup: Number of unmeasured runs of each case.
        allocator: Run each case once more to measure the peak of torch's allocator.

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
    """Compute the largest difference of two (nested) results, relative to the second's maximum."""
    if isinstance(one, dict):
        return max(largest_difference(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return max(largest_difference(*pair) for pair in zip(one, other, strict=True))
    one, other = (torch.as_tensor(value).detach().double() for value in (one, other))
    scale = other.abs().max().clamp(min=torch.finfo(torch.float64).tiny)
    return float((one - other).abs().max() / scale)


def machine(*modules: ModuleType) -> dict[str, Any]:
    """Return processor, cores, threads and versions, for a report."""
    return {
        "processor": platform.processor() or platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {module.__name__: str(module.__version__) for module in (torch, *modules)},
    }


def add_common_arguments(parser: ArgumentParser, out: str, repeats: int = 5) -> None:
    """Add the options that all benchmarks share."""
    parser.add_argument(
        "--repeats",
        type=int,
        default=repeats,
        help="number of measured runs (default: %(default)s)",
    )
    parser.add_argument(
        "--threads", type=int, help="threads of torch (default: OMP_NUM_THREADS or all)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the generated data (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("work_dirs/benchmarks") / out, help="report to write"
    )


def table(costs: dict[str, Cost], unit: float = 1e3) -> str:
    """Format lines of name, median, range and memory; times in ``1 / unit`` seconds."""
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
    print(f"Wrote {path}.")
