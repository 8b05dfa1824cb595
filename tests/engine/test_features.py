# SPDX-License-Identifier: Apache-2.0
"""Features of a data set against one forward pass per image."""

import copy
from types import SimpleNamespace

import pytest
import torch
from mmengine.registry import init_default_scope
from torch.utils.data import Dataset

from rankseg.engine.features import extract_features, with_pipeline
from rankseg.registry import MODELS
from rankseg.structures import SampleKey
from rankseg.testing.toy import toy_classifier, toy_student


class Images(Dataset):
    """Seven random images: two labeled, the rest with two views, another shade in every pass."""

    def __init__(self, sizes=(33,) * 7, plain=False):
        generator = torch.Generator().manual_seed(0)
        self.images = [
            torch.randint(100, (3, size, 33), generator=generator, dtype=torch.uint8)
            for size in sizes
        ]
        self.plain = plain

    def __len__(self):
        return len(self.images)

    def __getitem__(self, key):
        index, draw = key[:2] if isinstance(key, tuple) else (key, 0)
        image = self.images[index] + 10 * draw
        views = {"labeled": image} if index < 2 else {"strong1": 255 - image, "weak": image}
        return {"inputs": image if self.plain else views, "data_samples": {}}


def build(student=None, **options):
    init_default_scope("rankseg")
    torch.manual_seed(0)
    config = dict(
        type="MeanTeacher",
        student=student or toy_classifier(),
        data_preprocessor=dict(type="ViewPreprocessor", mean=[50.0] * 3, std=[30.0] * 3),
        teacher=dict(momentum=0.1),
        **options,
    )
    return MODELS.build(config).train()


@torch.no_grad()
def one_by_one(network, images):
    network = copy.deepcopy(network).eval()
    pooled = [network.extract_feat((x[None].float() - 50) / 30)[-1].mean((2, 3)) for x in images]
    pooled = torch.cat(pooled)
    return pooled, network.decode_head.conv_seg(pooled[..., None, None]).flatten(1)


def check(found, network, images):
    for mine, wanted in zip(found, one_by_one(network, images), strict=True):
        assert mine.dtype == torch.float32 and mine.device.type == "cpu"
        torch.testing.assert_close(mine, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("sizes", [(33,) * 7, (33, 33, 49, 33, 65, 33, 33)])
def test_equals_one_image_at_a_time(plain, sizes):
    method, data = build(), Images(sizes, plain)
    check(extract_features(method, data, batch_size=3), method.student, data.images)


def test_order_draws_and_network_are_those_asked_for():
    method, data = build(), Images()
    with torch.no_grad():
        for parameter in method.teacher.parameters():
            parameter += 0.1
    keys = [SampleKey(4, 2), SampleKey(1, 0), SampleKey(4, 0), 6]
    found = extract_features(method, data, keys, network="teacher")
    images = [data.images[4] + 20, data.images[1], data.images[4], data.images[6]]
    check(found, method.teacher.module, images)


def test_training_goes_on_as_if_nothing_had_been():
    method = build()
    state, seed = copy.deepcopy(method.state_dict()), torch.get_rng_state()
    found = extract_features(method, Images())
    extract_features(method, Images(), network="teacher")
    assert torch.equal(torch.get_rng_state(), seed)
    for key, value in method.state_dict().items():
        assert torch.equal(value, state[key]), key
    assert method.student.training and not method.teacher.module.training
    assert not found.feature.requires_grad
    with pytest.raises(ValueError, match="feature_tap .*got 'decode_head.pol'"):
        extract_features(method, Images(), tap="decode_head.pol")
    assert method.student.training


def test_maps_are_averaged():
    method = build(toy_student())
    found = extract_features(method, Images(), tap="decode_head.bottleneck")
    assert found.feature.shape == (7, 16) and found.logits.shape == (7, 3)
    logits = method.run_frozen("student", (torch.stack(Images().images).float() - 50) / 30).logits
    torch.testing.assert_close(found.logits, logits.mean((2, 3)), rtol=1e-4, atol=1e-5)


def test_another_pipeline_for_both_halves():
    class Half(SimpleNamespace):
        def get(self, i):
            return self.pipeline(self.name + i)

    class Both(SimpleNamespace):
        def __getitem__(self, i):
            return self.labeled.get(i), self.unlabeled.get(i)

    data = Both(labeled=Half(name="l", pipeline=str), unlabeled=Half(name="u", pipeline=str))
    assert with_pipeline(data, str.upper)["x"] == ("LX", "UX")
    assert data["x"] == ("lx", "ux")


def test_no_image():
    with pytest.raises(ValueError, match="indices of images .* got none"):
        extract_features(build(), Images(), [])


def _two_processes(rank: int, store: str, out: str) -> None:
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2
    )
    data, loaded = Images(), []
    item = data.__class__.__getitem__
    data.__class__.__getitem__ = lambda self, key: (loaded.append(key), item(self, key))[1]
    found = tuple(extract_features(build(), data, batch_size=3))
    share = loaded.copy()
    main = tuple(extract_features(build(), data, batch_size=3, main_only=True))
    torch.save((found, main, share), f"{out}/{rank}.pt")
    torch.distributed.destroy_process_group()


def test_two_processes_share_the_work_and_have_all(tmp_path):
    places = str(tmp_path / "store"), str(tmp_path)
    torch.multiprocessing.start_processes(_two_processes, places, nprocs=2, start_method="fork")
    wanted = extract_features(build(), Images())
    results = (torch.load(tmp_path / f"{rank}.pt") for rank in range(2))
    (first, main, share), (second, nothing, rest) = results
    for mine, one, other in zip(first, main, nothing, strict=True):
        assert torch.equal(mine, one) and other.shape == (0, mine.shape[1])
    for mine, other, alone in zip(first, second, wanted, strict=True):
        assert torch.equal(mine, other)
        torch.testing.assert_close(mine, alone, rtol=1e-4, atol=1e-5)
    assert (share, rest) == ([0, 2, 4, 6], [1, 3, 5, 0])


def test_features_that_are_not_finite_are_said(monkeypatch):
    said = []
    monkeypatch.setattr("rankseg.engine.features.print_log", lambda text, *args: said.append(text))
    method = build()
    extract_features(method, Images())
    assert not said
    inner = method.student.extract_feat

    def extract(images):
        maps = inner(images)
        maps[-1][0] = torch.nan
        return maps

    monkeypatch.setattr(method.student, "extract_feat", extract)
    extract_features(method, Images(), batch_size=3)
    assert len(said) == 1 and "features of 3 of 7 images are NaN or infinite" in said[0]


def test_what_is_collected_is_in_cpu_memory_and_a_batch_at_a_time(monkeypatch):
    sizes = []

    def gather(rows):
        sizes.append(rows.shape)
        return [rows]

    monkeypatch.setattr("rankseg.models.memory.bank.all_gather", gather)
    found = extract_features(build(), Images(), batch_size=3)
    assert [size[0] for size in sizes[::2]] == [3, 3, 1] and len(found.feature) == 7
