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
        max_keep_ckpts=2,  # the previous one stays until the new one is complete
        save_best="mIoU",
        rule="greater",
    ),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    log_length=dict(type="LogLengthHook"),
    non_finite=dict(type="NonFiniteHook"),  # skips and reports a step with a NaN
    non_finite_stop=dict(type="NonFiniteStopHook"),  # ends the run after too many in a row
)
custom_hooks = [
    dict(type="StepSeedHook"),  # a resumed run draws the same random numbers
    dict(type="EMATeacherHook"),
    dict(type="SummaryHook"),
    dict(type="OneClassHook"),  # warns if only one class is predicted
    dict(type="CurvesHook"),  # curves.png
    dict(type="PanelHook"),  # panels.png: some validation images over time
]
log_processor = dict(by_epoch=False)
log_level = "INFO"
visualizer = dict(type="Visualizer", vis_backends=[dict(type="LocalVisBackend")])

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl", timeout=1800),  # seconds to wait for a process that hangs
)
sync_bn = "torch"  # batch norm uses the statistics of all processes, as in the papers
activation_checkpointing = None  # ["student.backbone.layer3"]: less memory for more time
find_unused_parameters = False  # True if parts of the student are in no loss
randomness = dict(seed=0, diff_rank_seed=True)  # processes draw different boxes, not images
load_from = None
resume = False
extend_schedule = False  # True: a resumed run follows the schedule of its new length
