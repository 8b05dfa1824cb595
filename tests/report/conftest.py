# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config import Config

from rankseg.report.run_folder import Run, Scalars


@pytest.fixture
def make_run():
    """Build a run in memory from its name, last value and other settings."""

    def make(name: str = "a", last: float | None = 50.0, metric: str = "mIoU", **more) -> Run:
        end = {"iteration": 30, metric: last, **more.pop("values", {})}
        best = {**end, "iteration": 20, metric: (last or 0) + 1}
        summary = {"seconds": 120.0, "last": end, "best": best, "history": [best, end]}
        config = dict(
            model=dict(type=more.pop("method", "RankMatch"), lr=more.pop("lr", 1)),
            randomness=dict(seed=more.pop("seed", 0)),
            train_cfg=dict(max_iters=30),
            config_file="configs/x/a.py",
        )
        scalars = Scalars({"loss": [(10, 2.0), (30, 1.0)]}, {})
        return Run(
            Path("/runs") / name,
            name,
            Config(config),
            None if last is None else summary,
            more.pop("scalars", scalars),
            more.pop("warnings", {}),
            {"PyTorch": "2.13"},
        )

    return make
