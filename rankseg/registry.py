# SPDX-License-Identifier: Apache-2.0
"""Registries of rankseg, children of those of mmseg and mmengine.

A config with ``default_scope = 'rankseg'`` can name any component of rankseg, mmseg or mmengine
without a prefix. Names are looked up here first, then in the parent. The first lookup imports
``locations``, so components need no manual import.
"""

from contextlib import redirect_stdout
from importlib import import_module
from io import StringIO

from mmengine.registry import Registry
from mmseg import registry as mmseg

with redirect_stdout(StringIO()):  # it prints twice that a package is missing which nothing needs
    import_module("mmseg.datasets")

MODELS = Registry("model", parent=mmseg.MODELS, scope="rankseg", locations=["rankseg.models"])
DATASETS = Registry(
    "dataset", parent=mmseg.DATASETS, scope="rankseg", locations=["rankseg.datasets"]
)
TRANSFORMS = Registry(
    "transform",
    parent=mmseg.TRANSFORMS,
    scope="rankseg",
    locations=["rankseg.datasets.transforms"],
)
DATA_SAMPLERS = Registry(
    "data sampler",
    parent=mmseg.DATA_SAMPLERS,
    scope="rankseg",
    locations=["rankseg.datasets.samplers.labeled_unlabeled"],
)
HOOKS = Registry("hook", parent=mmseg.HOOKS, scope="rankseg", locations=["rankseg.engine"])
LOOPS = Registry("loop", parent=mmseg.LOOPS, scope="rankseg", locations=["rankseg.engine"])
OPTIM_WRAPPERS = Registry(
    "optim_wrapper", parent=mmseg.OPTIM_WRAPPERS, scope="rankseg", locations=["rankseg.engine"]
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    "optimizer wrapper constructor",
    parent=mmseg.OPTIM_WRAPPER_CONSTRUCTORS,
    scope="rankseg",
    locations=["rankseg.engine"],
)
PARAM_SCHEDULERS = Registry(
    "parameter scheduler",
    parent=mmseg.PARAM_SCHEDULERS,
    scope="rankseg",
    locations=["rankseg.engine"],
)
METRICS = Registry(
    "metric", parent=mmseg.METRICS, scope="rankseg", locations=["rankseg.evaluation"]
)
VISBACKENDS = Registry(
    "vis_backend", parent=mmseg.VISBACKENDS, scope="rankseg", locations=["rankseg.engine.trackers"]
)
SELECTIONS = Registry("selection", scope="rankseg", locations=["rankseg.selection.discovery"])
"""Functions (not classes) that select images for :class:`~rankseg.engine.hooks.DiscoveryHook`."""

# These registries hold no rankseg component. Without them, a lookup in the scope "rankseg" would
# print a warning and fall back to mmengine's root registry instead of mmseg's.
PLAIN = [
    Registry(parent.name, parent=parent, scope="rankseg")
    for parent in (
        mmseg.EVALUATOR,
        mmseg.LOG_PROCESSORS,
        mmseg.MODEL_WRAPPERS,
        mmseg.OPTIMIZERS,
        mmseg.RUNNERS,
        mmseg.TASK_UTILS,
        mmseg.VISUALIZERS,
        mmseg.WEIGHT_INITIALIZERS,
    )
]
