# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from mmengine.config import Config

from rankseg.apis import load_config, resume_from_latest, train
from rankseg.training.follow_length import FOLLOWED, describe_lengths

CONFIG = """
_base_ = "{base}"
model = dict(warmup={warmup}, ramp=300)
train_cfg = dict(max_iters=3000, val_interval=300)
default_hooks = dict(checkpoint=dict(interval=600))
param_scheduler = [
    dict(type="LinearLR", start_factor=0.1, by_epoch=False, end=100),
    dict(type="MultiStepLR", by_epoch=False, milestones=[1000, 2000]),
    dict(type="PolyLR", power=0.9, by_epoch=False, begin=100),
]
"""


@pytest.fixture
def long_config(config_file, tmp_path):
    def write(warmup=900):
        path = tmp_path / "long.py"
        path.write_text(CONFIG.format(base=config_file, warmup=warmup))
        return str(path)

    return write


def lengths(cfg: Config) -> tuple:
    return cfg.model.warmup, cfg.model.ramp, cfg.train_cfg.val_interval


def test_settings_follow_the_number_of_iterations(long_config):
    cfg = load_config(long_config(), iterations=300)
    assert cfg.train_cfg.max_iters == 300
    assert lengths(cfg) == (90, 30, 30)
    assert cfg.default_hooks.checkpoint.interval == 60
    linear, steps, poly = cfg.param_scheduler
    assert (linear.end, steps.milestones, poly.begin) == (10, [100, 200], 10)
    sentence = describe_lengths(cfg)
    assert "train_cfg.max_iters=300" in sentence and "model.warmup=90 (was 900)" in sentence


def test_option_of_the_length_is_the_same(long_config):
    path = long_config()
    by_option = load_config(path, options={"train_cfg.max_iters": 6000})
    assert by_option.to_dict() == load_config(path, iterations=6000).to_dict()
    assert lengths(by_option) == (1800, 600, 600)
    assert by_option.default_hooks.checkpoint.interval == 600  # not rarer


def test_settings_that_an_option_names_stay(long_config):
    options = {"model.warmup": 50, "train_cfg.val_interval": 7, "param_scheduler.0.end": 5}
    cfg = load_config(long_config(), iterations=300, options=options)
    assert lengths(cfg) == (50, 30, 7)
    assert cfg.param_scheduler[0].end == 5 and cfg.param_scheduler[2].begin == 10


def test_without_another_length_nothing_changes(long_config):
    cfg = load_config(long_config(), options={"model.threshold": 0.5})
    assert lengths(cfg) == (900, 300, 300)
    assert FOLLOWED not in cfg and describe_lengths(cfg) is None
    same = load_config(long_config(), iterations=3000)
    assert same.to_dict() | {"model": None} == cfg.to_dict() | {"model": None}


@pytest.mark.parametrize(("iterations", "expected"), [(None, 750), (200, 50), (1, 1)])
def test_warmup_below_one_is_a_share_of_the_run(long_config, iterations, expected):
    assert load_config(long_config(0.25), iterations=iterations).model.warmup == expected


def test_share_needs_a_length_in_iterations():
    options = {"model.warmup": 0.25}
    with pytest.raises(ValueError, match=r"train_cfg.max_iters .* model.warmup=0.25.* 80 passes"):
        load_config("configs/rankmatch/voc_92.py", options=options)


def test_iterations_replace_passes():
    cfg = load_config("configs/rankmatch/voc_92.py", iterations=500)
    assert cfg.train_cfg.max_iters == 500 and "max_epochs" not in cfg.train_cfg
    by_passes = load_config("configs/rankmatch/em_mito_2.py", options={"train_cfg.max_epochs": 3})
    assert by_passes.train_cfg.max_epochs == 3 and "max_iters" not in by_passes.train_cfg


def test_extended_run_keeps_the_warmup_it_began_with(config_file, tmp_path):
    text = Path(config_file).read_text() + "\nmodel['warmup'] = 2\nmodel['ramp'] = 1\n"
    Path(config_file).write_text(text)
    train(load_config(str(config_file), work_dir=str(tmp_path / "run")))  # 4 iterations

    def resumed(**options):
        cfg = load_config(
            str(config_file), work_dir=str(tmp_path / "run"), iterations=8, options=options
        )
        resume_from_latest(cfg)
        return cfg

    cfg = resumed()
    assert lengths(cfg) == (2, 1, 4)
    assert resumed(**{"model.warmup": 3}).model.warmup == 3


def test_shortened_run_resumes_with_its_own_warmup(config_file, tmp_path):
    Path(config_file).write_text(Path(config_file).read_text() + "\nmodel['warmup'] = 2\n")
    options = dict(work_dir=str(tmp_path / "run"), iterations=2)
    train(load_config(str(config_file), **options))
    cfg = load_config(str(config_file), **options)
    resume_from_latest(cfg)
    assert cfg.model.warmup == 1
