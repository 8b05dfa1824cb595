# SPDX-License-Identifier: Apache-2.0
"""The sampler against what it promises: ratio, equal counts, shares, any start."""

import random
from collections import Counter
from itertools import islice
from types import SimpleNamespace

import pytest
from torch.utils.data import DataLoader

from rankseg.datasets.samplers import base as samplers
from rankseg.datasets.samplers.labeled_unlabeled import LabeledUnlabeledSampler
from rankseg.structures import SampleKey


def dataset(labeled, unlabeled):
    return SimpleNamespace(num_labeled=labeled, num_unlabeled=unlabeled)


def make(sizes=(5, 23), counts=(2, 3), seed=0, rank=None, monkeypatch=None, **kwargs):
    if rank is not None:
        monkeypatch.setattr(samplers, "get_dist_info", lambda: rank)
    return LabeledUnlabeledSampler(dataset(*sizes), *counts, seed=seed, **kwargs)


def first(sampler, number):
    return list(islice(sampler, number))


@pytest.mark.parametrize("counts", [(2, 3), (1, 1), (8, 8), (1, 4)])
def test_every_batch_has_the_ratio_labeled_first(counts):
    sampler = make(counts=counts)
    keys = first(sampler, 20 * sum(counts))
    assert all(isinstance(key, SampleKey) for key in keys)
    assert sampler.batch_size == sum(counts)
    for start in range(0, len(keys), sum(counts)):
        batch = keys[start : start + sum(counts)]
        assert all(key.index < 5 for key in batch[: counts[0]])
        assert all(5 <= key.index < 28 for key in batch[counts[0] :])


def split(keys, num_labeled=5):
    labeled = [key for key in keys if key.index < num_labeled]
    return labeled, [key for key in keys if key.index >= num_labeled]


def test_every_image_is_seen_once_per_pass_and_the_draw_is_the_pass():
    keys = first(make(), 5 * 23 * 5)  # 230 labeled, 345 unlabeled keys
    for part, size in zip(split(keys), (5, 23), strict=True):
        whole = len(part) // size * size
        for start in range(0, whole, size):
            chunk = part[start : start + size]
            assert len({key.index for key in chunk}) == size
            assert {key.draw for key in chunk} == {start // size}
        counts = Counter(key.index for key in part)
        assert max(counts.values()) - min(counts.values()) <= 1 and len(counts) == size
        assert len(set(part)) == len(part), "no (image, draw) comes twice"


def test_passes_and_seeds_have_different_orders():
    _, unlabeled = split(first(make(), 5 * 23 * 5))
    passes = [tuple(key.index for key in unlabeled[i * 23 : i * 23 + 23]) for i in range(10)]
    assert len(set(passes)) == 10
    assert first(make(seed=0), 50) == first(make(seed=0), 50)
    for one, two in zip(
        split(first(make(seed=0), 50)), split(first(make(seed=1), 50)), strict=True
    ):
        assert one != two


@pytest.mark.parametrize("world", [2, 3, 4])
@pytest.mark.parametrize("labeled_only", [False, True])
def test_processes_deal_out_one_order(world, labeled_only, monkeypatch):
    """All shares of a batch together are the batch of one process with `world` times the counts."""
    kwargs = {"monkeypatch": monkeypatch, "labeled_only": labeled_only}
    shares = [make(rank=(rank, world), **kwargs) for rank in range(world)]
    alone = make(rank=(0, 1), counts=(2 * world, 3 * world), **kwargs)
    per_batch = shares[0].batch_size
    streams = [first(share, 12 * per_batch) for share in shares]
    together = first(alone, 12 * alone.batch_size)
    for batch in range(12):
        parts = [stream[batch * per_batch : (batch + 1) * per_batch] for stream in streams]
        merged = Counter(key for part in parts for key in part)
        whole = together[batch * per_batch * world : (batch + 1) * per_batch * world]
        assert merged == Counter(whole)
        assert max(merged.values()) == 1, "two processes never share an image of one pass"


def cases(number):
    """Sizes of lists, images per batch, processes, seed and iteration, mostly odd."""
    rng = random.Random(0)
    for _ in range(number):
        sizes = rng.randint(1, 40), rng.choice([1, 2, 3, rng.randint(4, 97)])
        counts = rng.randint(1, 5), rng.randint(1, 5)
        yield sizes, counts, rng.randint(1, 5), rng.randint(0, 99), rng.randint(0, 60)


@pytest.mark.parametrize(("sizes", "counts", "world", "seed", "start"), cases(60))
def test_shares_are_disjoint_and_complete_from_any_iteration(
    sizes, counts, world, seed, start, monkeypatch
):
    """All processes together see, pass by pass, every image once: never twice, none left out."""
    shares = [
        make(sizes, counts, seed, rank=(rank, world), monkeypatch=monkeypatch)
        for rank in range(world)
    ]
    assert len({share.iters_per_epoch for share in shares}) == 1
    seen = [[], []]
    for share in shares:
        share.skip(start * share.batch_size)
        batches = first(share, 30 * share.batch_size)
        again = make(sizes, counts, seed, rank=(share.rank, world), monkeypatch=monkeypatch)
        assert batches == first(again, (start + 30) * share.batch_size)[start * share.batch_size :]
        for part, keys in zip(seen, split(batches, sizes[0]), strict=True):
            part += keys
    for keys, size, count in zip(seen, sizes, counts, strict=True):
        assert len(keys) == 30 * count * world
        assert len(set(keys)) == len(keys)
        begun, ended = (-(-at * count * world // size) for at in (start, start + 30))
        passes = Counter(key.draw for key in keys)
        for draw in range(begun, (start + 30) * count * world // size):
            assert passes[draw] == size, "a whole pass has every image"
        assert set(passes) <= set(range(begun - 1, ended))


@pytest.mark.parametrize("rank", [(0, 1), (1, 3)])
@pytest.mark.parametrize("labeled_only", [False, True])
def test_skip_equals_iterating(rank, labeled_only, monkeypatch):
    kwargs = {"rank": rank, "monkeypatch": monkeypatch, "labeled_only": labeled_only}
    stream = first(make(**kwargs), 200)
    for number in (0, 1, 2, 4, 5, 7, 23, 50, 113, 190):
        sampler = make(**kwargs)
        sampler.skip(number)
        assert first(sampler, 10) == stream[number : number + 10], number
        assert first(sampler, 10) == stream[number : number + 10], "a new iterator starts there"
    sampler.skip(3)
    assert first(sampler, 5) == stream[3:8], "skip counts from the start, not from here"


def test_skip_is_immediate():
    sampler = make(sizes=(92, 10490), counts=(8, 8))
    sampler.skip(10**15 * 16)
    key = first(sampler, 1)[0]
    assert key.draw == 8 * 10**15 // 92


def test_iterators_do_not_disturb_each_other():
    sampler = make()
    one, two = iter(sampler), iter(sampler)
    assert [next(one) for _ in range(30)] == [next(two) for _ in range(30)]


@pytest.mark.parametrize(
    ("sizes", "counts", "world", "expected"),
    [
        ((5, 23), (2, 3), 1, 7),
        ((5, 24), (2, 3), 1, 8),
        ((92, 10490), (8, 8), 1, 1311),
        ((92, 10490), (2, 2), 4, 1311),
        ((5, 2), (2, 3), 1, 1),
    ],
)
def test_epoch_is_one_pass_over_the_unlabeled(sizes, counts, world, expected, monkeypatch):
    for only in (False, True):
        sampler = make(sizes, counts, rank=(0, world), monkeypatch=monkeypatch, labeled_only=only)
        assert sampler.iters_per_epoch == expected
        assert len(sampler) == expected * sampler.batch_size


@pytest.mark.parametrize(
    ("world", "labeled", "expected"), [(1, 16, 5), (4, 4, 5), (8, 2, 5), (1, 8, 11), (1, 100, 1)]
)
def test_epoch_can_be_one_pass_over_the_labeled(world, labeled, expected, monkeypatch):
    options = dict(rank=(0, world), monkeypatch=monkeypatch, epoch_of="labeled")
    for only in (False, True):
        sampler = make((92, 10490), (labeled, 8), labeled_only=only, **options)
        assert sampler.iters_per_epoch == expected


def test_unknown_list_of_an_epoch():
    with pytest.raises(ValueError, match="sampler.epoch_of to be one of .* but got 'both'"):
        make(epoch_of="both")


def test_labeled_only_yields_the_labeled_part_of_the_same_stream():
    both, only = make(), make(labeled_only=True)
    assert only.batch_size == 2
    keys = split(first(both, 100))[0]
    assert first(only, len(keys)) == keys


@pytest.mark.parametrize("sizes", [(1, 1), (1, 2), (2, 1)])
def test_lists_shorter_than_a_batch_wrap_with_new_draws(sizes):
    keys = first(make(sizes, counts=(4, 4)), 16)
    assert len(set(keys)) == 16, "the same image comes again, but drawn again"
    assert {key.index for key in keys} == set(range(sum(sizes)))


def test_no_seed_agrees_on_one(monkeypatch):
    monkeypatch.setattr(samplers, "sync_random_seed", lambda: 7)
    assert first(make(seed=None), 40) == first(make(seed=7), 40)


def test_bad_arguments():
    with pytest.raises(
        ValueError, match="labeled of the sampler to be at least 1 images per batch, but got 0"
    ):
        make(counts=(0, 3), labeled_only=True)
    with pytest.raises(
        ValueError, match="labeled of the sampler to be at least 0 images per batch, but got -1"
    ):
        make(counts=(-1, 3))
    with pytest.raises(ValueError, match="unlabeled of the sampler to be .* set labeled_only=True"):
        make(counts=(3, 0))
    for sizes in ((0, 3), (3, 0)):
        with pytest.raises(ValueError, match=r"to have labeled and unlabeled images, but got"):
            make(sizes)
    with pytest.raises(ValueError, match="skip to be 0 or more, but got -1"):
        make().skip(-1)


def test_only_unlabeled_images():
    with_others, alone = make(counts=(0, 4)), make((0, 23), counts=(0, 4))
    assert alone.batch_size == 4 and alone.iters_per_epoch == 5
    keys = first(alone, 46)
    assert sorted(keys) == sorted((i, draw, None) for i in range(23) for draw in (0, 1))
    moved = [(key.index - with_others.num_labeled, key.draw) for key in first(with_others, 46)]
    assert moved == [key[:2] for key in keys]


def test_only_labeled_images():
    sampler = make((23, 0), counts=(4, 1), labeled_only=True)
    assert sampler.batch_size == 4 and sampler.iters_per_epoch == 5
    assert {key.index for key in first(sampler, 23)} == set(range(23))


class Keys:
    """A data set that returns its key."""

    num_labeled, num_unlabeled = 5, 23

    def __len__(self):
        return 28

    def __getitem__(self, key):
        return key


def test_batch_size_of_the_dataloader_must_fit():
    sampler = LabeledUnlabeledSampler(Keys(), 2, 3, seed=0)
    loader = DataLoader(Keys(), batch_size=5, sampler=sampler, collate_fn=list)
    sampler.check_batch_size(5)
    LabeledUnlabeledSampler(Keys(), 2, 3, seed=0, labeled_only=True).check_batch_size(2)
    assert len(loader) == sampler.iters_per_epoch
    assert next(iter(loader)) == first(sampler, 5)
    with pytest.raises(ValueError, match=r"\(2 labeled and 3 unlab.*got 4. Set .*batch_size=5"):
        sampler.check_batch_size(4)


def test_registered():
    from rankseg.registry import DATA_SAMPLERS

    assert DATA_SAMPLERS.get("LabeledUnlabeledSampler") is LabeledUnlabeledSampler


def test_given_labels_move_images_from_a_batch_on():
    sampler, plain = make(), make()
    sampler.set_labels([7, 20], [3, 1], batch=4)
    sampler.skip(4 * 5)
    before = set(first(plain, 4 * 5 + 3))
    keys = first(sampler, 5 * 40)
    labeled = [key for i, key in enumerate(keys) if i % 5 < 2]
    unlabeled = [key for i, key in enumerate(keys) if i % 5 >= 2]
    assert {key.index: key.label for key in labeled} == {
        **dict.fromkeys(range(5)),
        **{7: 3, 20: 1},
    }
    assert {key.index for key in unlabeled} == set(range(5, 28)) - {7, 20}
    assert all(key.label is None for key in unlabeled)
    for part, size in ((labeled, 7), (unlabeled, 21)):
        counts = Counter(key.index for key in part)
        assert max(counts.values()) - min(counts.values()) <= 1
        assert len({key.index for key in part[:size]}) == size, "a pass begins with the batch"
    seen = {key[:2] for key in keys}
    assert len(seen) == len(keys) and not seen & {key[:2] for key in before}, "all look different"


def test_given_labels_from_any_start():
    whole, late = make(), make()
    for sampler, start in ((whole, 4), (late, 9)):
        sampler.set_labels([7, 20], [3, 1], batch=4)
        sampler.skip(start * 5 + 1)
    assert first(whole, 80)[25:] == first(late, 55)


def test_given_labels_replace_earlier_ones_and_may_stay_unlabeled():
    sampler = make()
    sampler.set_labels([7], [3], batch=0)
    sampler.set_labels([8], [2], batch=0, leave=False)
    labeled, unlabeled = split(
        [key if key.label is None else key._replace(index=0) for key in first(sampler, 5 * 46)]
    )
    assert {key.label for key in labeled} == {None, 2}
    assert {key.index for key in unlabeled} == set(range(5, 28))
    sampler.set_labels([], [], batch=0)
    assert first(sampler, 60) == first(make(), 60)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([4], "one label for each image index from 5 to 27, but got index 4"),
        ([28], "but got index 28"),
        ([6, 6], "but got an index twice"),
        (list(range(5, 28)), "to stay unlabeled, but got labels for all 23"),
    ],
)
def test_labels_for_images_that_cannot_have_them(index, message):
    with pytest.raises(ValueError, match=message):
        make().set_labels(index, [0] * len(index), batch=0)


def test_processes_share_given_labels(monkeypatch):
    keys = []
    for rank in range(2):
        sampler = make(rank=(rank, 2), monkeypatch=monkeypatch)
        sampler.set_labels([7, 20], [3, 1], batch=2)
        sampler.skip(2 * 5)
        keys += [key for i, key in enumerate(first(sampler, 5 * 7)) if i % 5 >= 2]
    assert {key.index for key in keys} == set(range(5, 28)) - {7, 20} and len(keys) == 42
    assert set(Counter(key.index for key in keys).values()) == {2}


def test_first_batches_can_hold_only_labeled_images():
    keys = first(make(labeled_batches=4), 30 * 5)
    early, rest = keys[: 4 * 5], keys[4 * 5 :]
    assert all(key.index < 5 for key in early)
    for start in range(0, 20, 5):
        assert {key.index for key in early[start : start + 5]} == set(range(5))
    labeled, unlabeled = split(rest)
    assert len(labeled) == 26 * 2 and len(unlabeled) == 26 * 3
    assert len({*early, *labeled}) == 20 + 52, "no (image, draw) comes twice"
    for number in (7, 20, 33):
        staged = make(labeled_batches=4)
        staged.skip(number)
        assert first(staged, 30) == keys[number : number + 30]


def test_first_batches_are_shared_by_processes(monkeypatch):
    alone = make(rank=(0, 1), counts=(4, 6), monkeypatch=monkeypatch, labeled_batches=2)
    shares = [make(rank=(rank, 2), monkeypatch=monkeypatch, labeled_batches=2) for rank in range(2)]
    streams = [first(share, 20) for share in shares]
    for batch in range(4):
        whole = first(alone, 40)[batch * 10 : batch * 10 + 10]
        parts = [key for stream in streams for key in stream[batch * 5 : batch * 5 + 5]]
        assert sorted(key.index for key in whole) == sorted(key.index for key in parts)


def test_no_labels_for_the_first_batches():
    with pytest.raises(ValueError, match="batch 4 on.* got batch=3"):
        make(labeled_batches=4).set_labels([7], [0], 3)
    with pytest.raises(ValueError, match="labeled_batches .*got -1"):
        make(labeled_batches=-1)
