# SPDX-License-Identifier: Apache-2.0
"""Weights that no network can compute with are refused by name, wherever they are loaded."""

import math

import pytest
import torch

from rankseg.models.weights.finite import BadWeightsError, check_numbers, non_finite


def own():
    return {
        "weight": torch.zeros(2, 3),
        "running_var": torch.ones(3),
        "num_batches_tracked": torch.tensor(0),
        "mask": torch.tensor([0.0, -math.inf]),
    }


def given(**changed):
    return {
        "weight": torch.ones(2, 3),
        "running_var": torch.ones(3),
        "num_batches_tracked": torch.tensor(7),
        "mask": torch.tensor([0.0, -math.inf]),
        "meta": "no tensor",
        "extra": torch.tensor(math.nan),
    } | changed


def test_good_weights_of_any_precision_pass():
    check_numbers(given(), own())
    check_numbers(given(weight=torch.ones(2, 3).half(), running_var=torch.ones(3).double()), own())
    check_numbers(given(num_batches_tracked=torch.tensor(7.0)), own())


@pytest.mark.parametrize("name", ["weight", "running_var"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_one_value_that_is_not_finite(name, value):
    tensor = given()[name].clone()
    tensor.view(-1)[-1] = value
    with pytest.raises(BadWeightsError, match=rf"NaN or infinite numbers in {name}\. .*diverged"):
        check_numbers(given(**{name: tensor}), own())


def test_several_are_counted():
    bad = {name: given()[name] * math.nan for name in ("weight", "running_var")}
    with pytest.raises(BadWeightsError, match="in weight and 1 more tensors"):
        check_numbers(given(**bad), own())


def test_what_becomes_infinite_by_loading():
    big = torch.full((2, 3), 1e39, dtype=torch.float64)
    with pytest.raises(BadWeightsError, match="infinite numbers in weight"):
        check_numbers(given(weight=big), own())
    check_numbers(given(weight=big), own() | {"weight": torch.zeros(2, 3, dtype=torch.float64)})


def test_a_mask_is_infinite_by_design_and_stays_as_it_is():
    with pytest.raises(BadWeightsError, match="infinite numbers in mask"):
        check_numbers(given(mask=torch.tensor([-math.inf, 0.0])), own())


@pytest.mark.parametrize("value", [math.nan, math.inf, 7.5])
def test_a_counter_must_be_whole(value):
    with pytest.raises(BadWeightsError, match="fractional numbers in num_batches_tracked"):
        check_numbers(given(num_batches_tracked=torch.tensor(value)), own())


@pytest.mark.parametrize(
    ("weight", "said"),
    [
        (torch.ones(2, 3, dtype=torch.int64), "int64"),
        (torch.ones(2, 3, dtype=torch.uint8), "uint8"),
        (torch.ones(2, 3, dtype=torch.bool), "bool"),
        (torch.ones(2, 3, dtype=torch.complex64), "complex64"),
        (torch.ones(2, 3).to_sparse(), "sparse float32"),
    ],
)
def test_other_types_are_refused(weight, said):
    with pytest.raises(BadWeightsError, match=f"floating-point numbers in weight, but got {said}"):
        check_numbers(given(weight=weight), own())


def test_names_of_what_is_not_finite():
    tensors = [
        ("a", torch.ones(3)),
        ("b", torch.tensor([1.0, math.nan])),
        ("c", torch.tensor(3)),
        ("d", torch.tensor(math.inf).half()),
    ]
    assert non_finite(tensors) == ["b", "d"] and non_finite([]) == []
