# SPDX-License-Identifier: Apache-2.0
"""Settings of every run: validation, logs, checkpoints."""

default_scope = "rankseg"

val_cfg = dict(type="ValLoop")
test_cfg = dict(type="TestLoop")

default_hooks = dict(
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type="ParamSchedulerHook"),
    checkpoint=dict(
        type="CheckpointHook",
        by_epoch=False,
        interval=500,
        max_keep_ckpts=2,  # the one before stays until the new one is whole
        save_best="mIoU",
        rule="greater",
    ),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    log_length=dict(type="LogLengthHook"),
    non_finite=dict(type="NonFiniteHook"),  # a step with a NaN is left out and named
    non_finite_stop=dict(type="NonFiniteStopHook"),  # that many in a row are too many
)
custom_hooks = [
    dict(type="StepSeedHook"),  # a resumed run draws what it would have drawn
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook"),
    dict(type="OneClassHook"),  # a run that has lost all classes but one says so
    dict(type="CurvesHook"),  # curves.png
    dict(type="PanelHook"),  # panels.png: some validation images over time
]
log_processor = dict(by_epoch=False)
log_level = "INFO"
visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl", timeout=1800),  # seconds that processes wait for one that hangs
)
sync_bn = (
    "torch"  # under several processes batch statistics are of the whole batch, as in the papers
)
activation_checkpointing = None  # ["student.backbone.layer3"]: less memory for more time
find_unused_parameters = False  # True for a student of which parts are in no loss
randomness = dict(seed=0, diff_rank_seed=True)  # processes draw other boxes, not other images
load_from = None
resume = False
extend_schedule = False  # of a resumed run: True for learning rates of its new length
