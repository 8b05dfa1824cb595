# SPDX-License-Identifier: Apache-2.0
"""Heads whose softmax would be no confidence are refused before anything is built."""

import pytest
from mmengine.registry import init_default_scope

from rankseg.models.outputs import check_outputs
from rankseg.registry import MODELS
from rankseg.testing.toy import toy_classifier, toy_student

SIGMOID = dict(type="CrossEntropyLoss", use_sigmoid=True)
AUXILIARY = dict(type="FCNHead", in_channels=32, channels=8, in_index=2, norm_cfg=dict(type="BN"))


@pytest.mark.parametrize("method", ["Supervised", "FixMatch", "UniMatch", "RankMatch", "CPS"])
def test_one_sigmoid_output_is_refused_by_every_method(method):
    init_default_scope("rankseg")
    student = toy_student(2)
    student.decode_head.update(out_channels=1, threshold=0.5, loss_decode=SIGMOID)
    match = r"decode_head: .*out_channels=1 with num_classes=2\. Set .*out_channels=2.*threshold"
    with pytest.raises(ValueError, match=match):
        MODELS.build(dict(type=method, student=student))


@pytest.mark.parametrize(
    ("classes", "outputs", "cure"), [(1, None, 2), (1, 1, 2), (3, 1, 3), (3, 4, 3), (2, 3, 2)]
)
def test_other_numbers_of_outputs(classes, outputs, cure):
    student = toy_student(classes)
    student.decode_head.out_channels = outputs
    with pytest.raises(ValueError, match=rf"num_classes={classes}\. Set num_classes={cure}"):
        check_outputs(student)


def test_auxiliary_heads_are_looked_at_too():
    student = toy_student(3)
    student.auxiliary_head = [
        dict(AUXILIARY, num_classes=3),
        dict(AUXILIARY, num_classes=3, out_channels=1),
    ]
    with pytest.raises(ValueError, match=r"auxiliary_head\.1: .*out_channels=1 with num_classes=3"):
        check_outputs(student)
    student.auxiliary_head = dict(AUXILIARY, num_classes=19)
    with pytest.raises(ValueError, match="auxiliary_head: expected num_classes=3.* got .*=19"):
        check_outputs(student)
    student.auxiliary_head.num_classes = 3
    check_outputs(student)
    check_outputs(toy_classifier(3))
