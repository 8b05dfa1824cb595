# SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.logging import MMLogger

from rankseg import apis
from rankseg.engine.parameter_log import describe_options, short_parameter_log
from rankseg.utils.terminal import quiet_terminal


def parameters(count: int) -> list[torch.nn.Parameter]:
    return [torch.nn.Parameter(torch.zeros(1)) for _ in range(count)]


def test_counts_parameters_with_the_same_options():
    groups = [
        dict(params=parameters(2)),
        dict(params=parameters(1), lr=0.002),
        dict(params=parameters(1), weight_decay=0.0),
        dict(params=parameters(4)),
    ]
    optimizer = torch.optim.SGD(groups, lr=0.01, weight_decay=1e-4)
    assert describe_options(optimizer) == [
        "6 parameters: lr=0.01, weight_decay=0.0001",
        "1 parameters: lr=0.002, weight_decay=0.0001",
        "1 parameters: lr=0.01, weight_decay=0",
    ]
    assert describe_options(torch.optim.SGD(parameters(3), lr=0.01)) == []


@pytest.mark.parametrize("verbose", [False, True])
def test_log_file_has_a_line_for_each_parameter_only_if_verbose(verbose, config_file, tmp_path):
    cfg = apis.load_config(str(config_file), work_dir=str(tmp_path / "run"))
    cfg.train_cfg.update(max_iters=1)
    cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.optim_wrapper.paramwise_cfg = dict(custom_keys={"backbone": dict(lr_mult=0.1)})
    apis.train(cfg, verbose=verbose)
    (log,) = (tmp_path / "run").glob("*/*.log")
    text = log.read_text()
    assert ("paramwise_options" in text) == verbose
    assert "parameters: lr=0.001" in text and "parameters: lr=0.01" in text


def test_other_messages_stay(tmp_path):
    logger = MMLogger.get_instance("parameter_log", log_file=str(tmp_path / "a.log"))
    with quiet_terminal(), short_parameter_log():
        MMLogger.get_current_instance().info("something else")
        MMLogger.get_current_instance().info("paramwise_options -- x:lr=1")
    logger.info("paramwise_options -- y:lr=1")
    text = next(tmp_path.glob("a*.log")).read_text()
    assert "something else" in text and "x:lr" not in text and "y:lr" in text
