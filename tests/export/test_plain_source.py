# SPDX-License-Identifier: Apache-2.0
import inspect

import pytest

from rankseg.export.plain_source import modules_of, plain_model, plain_source
from rankseg.models.heads import deeplabv3plus
from rankseg.models.losses import ohem
from rankseg.registry import MODELS


def test_a_head_registers_with_mmseg():
    source = plain_source(deeplabv3plus)
    assert "\nfrom mmseg.registry import MODELS\n" in source
    assert "import rankseg" not in source and "from rankseg" not in source


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("WideResNet", dict(depth=10), None),
        ("WideResNet", dict(depth=11), "Expected depth .* but got 11"),
        ("ShakeShakeNet", dict(depth=8), None),
    ],
)
def test_checks_and_initial_weights_go_into_the_file(name, options, message, monkeypatch):
    module = inspect.getmodule(MODELS.get(name))
    source = plain_source(module)
    assert "import rankseg" not in source and "from rankseg" not in source
    registered = "@MODELS.register_module()"
    assert registered in source
    found = {"__name__": "alone"}
    exec(compile(source.replace(registered, ""), "alone.py", "exec"), found)
    if message:
        with pytest.raises(ValueError, match=message):
            found[name](**options)
    else:
        own = getattr(module, name)(**options)
        assert found[name](**options).init_cfg == own.init_cfg


@pytest.mark.parametrize("name", ["ImageLevelHead", "Projector", "ChannelDropout", "FeatureNoise"])
def test_parts_with_checked_settings_are_single_files(name):
    source = plain_source(inspect.getmodule(MODELS.get(name)))
    assert "from rankseg" not in source and "\ndef expect(" in source


def test_a_module_that_needs_more_of_us_is_no_single_file():
    with pytest.raises(ValueError, match=r"ohem to import only rankseg.registry .* line \d+"):
        plain_source(ohem)


def test_scopes_go_and_losses_that_mmseg_lacks():
    own = dict(type="rankseg.DeepLabV3PlusHead", loss_decode=dict(type="OhemCrossEntropyLoss"))
    losses = [dict(type="mmseg.DiceLoss"), dict(type="OhemCrossEntropyLoss")]
    auxiliary = [dict(type="FCNHead", channels=8, loss_decode=losses)]
    model, replaced = plain_model(dict(decode_head=own, auxiliary_head=auxiliary))
    plain = dict(type="CrossEntropyLoss", avg_non_ignore=True)
    assert model["decode_head"] == dict(type="DeepLabV3PlusHead", loss_decode=plain)
    assert model["auxiliary_head"][0]["loss_decode"] == [dict(type="DiceLoss"), plain]
    assert model["auxiliary_head"][0]["channels"] == 8
    assert replaced == ["OhemCrossEntropyLoss"] * 2
    assert own["loss_decode"]["type"] == "OhemCrossEntropyLoss"
    assert modules_of(model) == {"mmseg_deeplabv3plus": deeplabv3plus}
