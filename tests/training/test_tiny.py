# SPDX-License-Identifier: Apache-2.0
"""What becomes small of a config whose hooks discover images and end steps."""

from pathlib import Path

import pytest

from rankseg import apis
from rankseg.registry import DATASETS
from rankseg.training.tiny import make_tiny

LMCS = Path(__file__).parents[2] / "configs/lmcs/cifar10_100.py"


def test_steps_and_discoveries_happen_within_two_iterations(tmp_path):
    cfg = make_tiny(apis.load_config(str(LMCS)), str(tmp_path))
    hooks = {hook.type: hook for hook in cfg.custom_hooks}
    assert hooks["CompositionHook"].length == hooks["DiscoveryHook"].begin == 1
    given = DATASETS.build(cfg.train_dataloader.dataset).num_labeled
    assert [round(size * given) for size in hooks["DiscoveryHook"].sizes] == [given + 1]
    assert (cfg.model.clusters, cfg.model.master_start) == (2, 0)


def test_clusters_and_batches_of_classes(tmp_path):
    cub = LMCS.parents[1] / "metric_learning/cub_googlenet.py"
    cfg = make_tiny(apis.load_config(str(cub)), str(tmp_path))
    assert cfg.custom_hooks[-1].type == "ClusterHook" and cfg.custom_hooks[-1].clusters == 4
    loader = cfg.train_dataloader
    assert (loader.batch_size, loader.sampler.classes, loader.sampler.images) == (4, 2, 2)
    assert cfg.model.memory.size == 64 and cfg.model.pretrained is None


@pytest.mark.parametrize(
    "name", ["metric_learning/cub_googlenet", "lmcs/cifar10_100", "supervised/voc_92"]
)
def test_a_run_without_validation(name, tmp_path):
    none = {f"val_{part}": None for part in ("dataloader", "cfg", "evaluator")}
    cfg = apis.load_config(str(LMCS.parents[1] / f"{name}.py"), options=none)
    cfg = make_tiny(cfg, str(tmp_path))
    assert cfg.train_dataloader.num_workers == 0 and cfg.val_dataloader is None
    assert len(DATASETS.build(cfg.train_dataloader.dataset)) > 0  # of generated images


def test_raises_on_a_sampler_that_composes_no_batches(tmp_path):
    cfg = apis.load_config(str(LMCS))
    cfg.train_dataloader.sampler.type = "InfiniteSampler"
    with pytest.raises(ValueError, match="subclass of TrainSampler, but got InfiniteSampler"):
        make_tiny(cfg, str(tmp_path))


def test_leaves_hooks_that_it_does_not_know(tmp_path):
    cfg = apis.load_config(str(LMCS))
    unknown = dict(type="NoSuchHook", interval=7)
    cfg.custom_hooks = [*cfg.custom_hooks, unknown]
    assert make_tiny(cfg, str(tmp_path)).custom_hooks[-1] == unknown


def test_the_memory_of_mean_shift(tmp_path):
    cmsf = apis.load_config(str(LMCS.parents[1] / "cmsf/cifar10_mini_msf.py"))
    assert make_tiny(cmsf, str(tmp_path)).model.memory_size == 64


def test_an_assembly_fits_the_map_of_a_small_crop(tmp_path):
    mito = LMCS.parents[1] / "supervised/em_mito_2_san.py"
    cfg = make_tiny(apis.load_config(str(mito)), str(tmp_path))
    assert cfg.model.student.insert.module.grid == 4
    omniglot = LMCS.parents[1] / "san/omniglot_mini.py"  # images keep their size
    cfg = make_tiny(apis.load_config(str(omniglot)), str(tmp_path))
    assert cfg.model.student.insert.module.get("grid", 7) == 7


def test_agents_that_only_the_class_names(tmp_path):
    cfg = apis.load_config(str(LMCS.parents[1] / "rankmatch/lucchi_5.py"))
    assert "rank" not in cfg.model
    assert make_tiny(cfg, str(tmp_path)).model.rank.num_agents == 16


def test_neighbors_that_only_the_class_names(tmp_path):
    cfg = apis.load_config(str(LMCS.parents[1] / "label_propagation/cifar10_500_convnet13.py"))
    hooks = {hook.type: hook for hook in make_tiny(cfg, str(tmp_path)).custom_hooks}
    assert hooks["LabelPropagationHook"].k == 5


def test_without_a_file_of_matches_pairs_are_views_of_one_image(tmp_path):
    cfg = apis.load_config(str(LMCS.parents[1] / "tac_ccl/cub_googlenet.py"))
    step = cfg.train_dataloader.dataset.labeled_pipeline[1]
    assert step["matches"] == "work_dirs/metric_learning/cub_googlenet/matches.npz"
    tiny = make_tiny(cfg, str(tmp_path))
    assert tiny.train_dataloader.dataset.labeled_pipeline[1]["matches"] is None


def test_a_first_stage_of_labeled_batches_is_left_out(tmp_path):
    cfg = apis.load_config(str(LMCS.parents[1] / "label_propagation/cifar10_500_convnet13.py"))
    assert cfg.train_dataloader.sampler.labeled_batches == 900
    tiny = make_tiny(cfg, str(tmp_path))
    assert tiny.train_dataloader.sampler.labeled_batches == 0 and tiny.model.warmup == 0
