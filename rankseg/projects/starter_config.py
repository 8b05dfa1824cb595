# SPDX-License-Identifier: Apache-2.0
"""Text of a first config, for users who are new to configs."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from rankseg.datasets.class_names import CLASSES_JSON
from rankseg.imageio.masks import BINARY
from rankseg.projects.mask_plan import MaskPlan
from rankseg.projects.settings import PASSES, StarterSettings
from rankseg.training.config_source import literal

OVERVIEW = "overview.png"
"""Overview picture of images with their masks, in the data folder."""


@dataclass(frozen=True)
class Project:
    """Names and counts used in the text of a config.

    Attributes:
        config: Config file.
        root: Folder of lists and links.
        configs: Folder of the ``_base_`` files.
        command: Start of a tool call from the current directory: ``python tools/``.
        labeled: Number of images in the labeled list.
        unlabeled: Number of images in the unlabeled list.
        val: Number of images in the validation list.
    """

    config: Path
    root: Path
    configs: Path
    command: str
    labeled: int
    unlabeled: int
    val: int

    @property
    def name(self) -> str:
        """Name of the config, of its split and of its work folder."""
        return self.config.stem

    @property
    def classes_file(self) -> str:
        """File of class names and colors, relative to the data folder."""
        return f"splits/{self.name}/{CLASSES_JSON}"

    @property
    def supervised(self) -> Path:
        """Config of the baseline."""
        return self.config.with_name(f"{self.name}_supervised.py")

    def train(self, config: Path) -> str:
        """Return the command that trains a config."""
        return f"{self.command}train.py {shlex.quote(str(config))}"

    def base(self, name: str) -> str:
        """Return a quoted ``_base_`` path, relative if the config is inside the configs folder."""
        bases = self.configs / "_base_"
        folder = self.config.parent.resolve()
        if folder.is_relative_to(self.configs.resolve()):
            path = Path(os.path.relpath(bases.resolve(), folder))
            return literal(f"./{(path / name).as_posix()}")
        return literal((bases.resolve() / name).as_posix())


def rankmatch_text(project: Project, plan: MaskPlan, chosen: StarterSettings) -> str:
    """Return the text of the RankMatch config."""
    return (
        f"{_data_text(project, plan, chosen)}{_training_text(project, plan, chosen)}"
        f"{_validation_text(project, plan, chosen)}{_model_text(plan, chosen)}"
        f"{_length_text(project, chosen)}\n"
    )


def _data_text(project: Project, plan: MaskPlan, chosen: StarterSettings) -> str:
    """Return the header and the data set."""
    net = chosen.network
    return f'''"""RankMatch for {project.name}: {len(plan.classes)} classes, \
{project.labeled} images with masks and {project.unlabeled} without.

Train:     {project.train(project.config)}
Baseline:  {project.train(project.supervised)}

Written by tools/new_project.py, to be changed at will: train.py checks it before it starts.
"""

_base_ = [
    {project.base(f"models/{net.base}.py")},  # the network: {net.why}
    {project.base(f"schedules/{net.schedule}.py")},  # optimizer and learning rate
    {project.base(_runtime(plan))},  # logs, checkpoints
]
work_dir = "work_dirs/{project.name}"  # where they go

# The data folder holds links to the images, the lists, and {OVERVIEW}: images with their masks.
data = dict(
    type="FolderDataset",
    data_root={literal(project.root.as_posix())},
    classes_file="{project.classes_file}",  # names and colors, below data_root{_rule_text(plan)}
)

'''


def _training_text(project: Project, plan: MaskPlan, chosen: StarterSettings) -> str:
    """Return the training data loader."""
    batch = chosen.network.batch
    low, high = chosen.scale
    return f'''\
# Training sees crops of {chosen.crop} x {chosen.crop} px, of images scaled by {low:g} to \
{high:g}, half of them mirrored.
# The side must be a multiple of 16, plus 1: larger crops show more at once and take more time.
{_sizes_text(chosen)}crop = dict(type="RandomResizeCropFlip", crop_size={chosen.crop}, \
scale={chosen.scale}, flip=0.5)
{_load_text(chosen)}train_dataloader = dict(
    batch_size={2 * batch},  # {batch} images with masks and {batch} without
    num_workers={chosen.workers},  # processes that load images
    persistent_workers=True,
    sampler=dict(type="LabeledUnlabeledSampler", labeled={batch}, unlabeled={batch}),
    collate_fn=dict(type="collate_views"),
    dataset=dict(
        type="SemiDataset",
        dataset=data,
        split="{project.name}",  # the lists in splits/{project.name} of the data folder
        labeled_pipeline=[
            {_load(chosen, chosen.cache[0])},
            {_labeled_crop(chosen)},
            dict(type="PackViews", labeled=True),
        ],
        unlabeled_pipeline=[
            {_load(chosen, chosen.cache[1])},
            crop,
            dict(type="StrongViews", num=2),  # two recolored copies of the crop
            dict(type="PackViews", labeled=False),
        ],
    ),
)
'''


def _validation_text(project: Project, plan: MaskPlan, chosen: StarterSettings) -> str:
    """Return the validation data loader and metric."""
    return f"""val_dataloader = dict(
    batch_size=1,
    num_workers={min(2, chosen.workers)},
    persistent_workers=True,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(
        **data,
        ann_file="splits/{project.name}/val.txt",  # {project.val} images that are not trained on
        pipeline=[{_evaluation(chosen)}],
        test_mode=True,
    ),
)
val_evaluator = dict(type="SegmentationMetric", per_class=True{_foreground(plan)})

"""


def _model_text(plan: MaskPlan, chosen: StarterSettings) -> str:
    """Return the method and the network."""
    return f"""\
# RankMatch: a prediction for an image without mask that is surer than the threshold is taken as
# its mask. That begins after {chosen.warmup} iterations with masks alone, and grows in over \
{chosen.ramp} more.
model = dict(
    type="RankMatch",
    student=dict({_student_text(plan, chosen)}),
{_teacher_text(chosen)}    threshold=0.95,
    warmup={chosen.warmup},
    ramp={chosen.ramp},
    rank=dict(num_agents={chosen.agents}),  # pixels that all others are compared with
)
"""


def supervised_text(project: Project, chosen: StarterSettings) -> str:
    """Return the text of the baseline config."""
    return f'''"""The baseline of {project.name}: the same network from the images with masks alone.

Train:  {project.train(project.supervised)}
"""

_base_ = "./{project.config.name}"

work_dir = "work_dirs/{project.supervised.stem}"
shared = ("data_preprocessor", "pretrained", "student", "teacher", "predict_on")
model = dict(
    _delete_=True,
    type="Supervised",
    **{{key: _base_.model[key] for key in shared if key in _base_.model}},
)
train_dataloader = dict(batch_size={chosen.network.batch}, sampler=dict(labeled_only=True))
auto_scale_lr = dict(base_batch_size={chosen.network.batch})
'''


def _foreground(plan: MaskPlan) -> str:
    return ", foreground=True" if len(plan.classes) == 2 else ""


def _runtime(plan: MaskPlan) -> str:
    """Return the runtime file; with two classes, the main metric is the IoU of the second class."""
    return "runtime_foreground.py" if len(plan.classes) == 2 else "default_runtime.py"


def _rule_text(plan: MaskPlan) -> str:
    if plan.rule is None:
        return ""
    if plan.rule == BINARY:
        return "\n    binary=True,  # masks hold 0 and 255: 255 is class 1"
    return f"\n    label_rule={dict(plan.rule)},  # value in the masks: class"


def _sizes_text(chosen: StarterSettings) -> str:
    """Return a comment that explains the scales."""
    if not chosen.microscopy:
        return ""
    text = (
        "# All images are gray, so they are taken to be of a microscope, which has one "
        "magnification:\n# sizes hardly vary. Of photographs they do: scale=(0.5, 2.0).\n"
    )
    if chosen.shrink > 1:
        text += (
            f"# Objects are about {chosen.object_width:.0f} pixels wide. Seen {chosen.shrink:g} "
            "times smaller, a crop is about four of them\n# wide: that shows what is around them.\n"
        )
    return text


def _evaluation(chosen: StarterSettings) -> str:
    """Return the steps of the validation pipeline."""
    steps = [_load(chosen), 'dict(type="PackEval")']
    if chosen.shrink == 1:
        return ", ".join(steps)
    smaller = f'dict(type="mmcv.Resize", scale_factor={1 / chosen.shrink:.4g})'
    return "".join(f"\n            {one}," for one in (steps[0], smaller, steps[1])) + "\n        "


def _load_text(chosen: StarterSettings) -> str:
    text = ""
    if chosen.cache[0]:
        text += "# cache: images that every process keeps decoded, here all of them: they fit.\n"
    if chosen.value_range:
        text += "# value_range: values of images of more than 8 bits that become black and white.\n"
    if chosen.channels:
        text += "# channels: bands of the images that become red, green and blue, from 1.\n"
    return text


def _load(chosen: StarterSettings, cache: int = 0) -> str:
    options = f", cache={cache}" if cache else ""
    options += f", value_range={chosen.value_range}" if chosen.value_range else ""
    options += f", channels={chosen.channels}" if chosen.channels else ""
    return f'dict(type="LoadSample"{options})'


def _labeled_crop(chosen: StarterSettings) -> str:
    if not chosen.min_foreground:
        return "crop"
    share = f"{100 * chosen.foreground:.2g}%"
    return (
        f"# only {share} of all pixels are not of the first class: a crop is drawn again, up\n"
        f"            # to ten times, until {100 * chosen.min_foreground:g}% of it are not\n"
        f"            dict(**crop, min_foreground={chosen.min_foreground})"
    )


def _student_text(plan: MaskPlan, chosen: StarterSettings) -> str:
    head = f"decode_head=dict(num_classes={len(plan.classes)})"
    if not chosen.window:
        return head
    window = (chosen.window,) * 2
    stride = (chosen.window // 2 if chosen.microscopy else chosen.window * 2 // 3,) * 2
    why = "the images are large: they are predicted by overlapping windows"
    if chosen.microscopy:
        why = (
            "images are predicted by windows that overlap by half: in whole ones the network\n"
            "        # sees less border than in the crops that it learns from, and finds too much"
        )
    return (
        f"\n        {head},\n"
        f"        # {why}\n"
        f'        test_cfg=dict(mode="slide", crop_size={window}, stride={stride}),\n'
        "    "
    )


def _teacher_text(chosen: StarterSettings) -> str:
    if chosen.network.base != "deeplabv3plus_r18":
        return ""
    return (
        "    teacher=dict(momentum=0.01),  # an average of the weights goes along\n"
        '    predict_on="teacher",  # and is what is evaluated\n'
    )


def _length_text(project: Project, chosen: StarterSettings) -> str:
    n = chosen.iterations
    by = "" if chosen.network.schedule != "voc" else '_delete_=True, type="PassTrainLoop", '
    passes = n * chosen.network.batch / project.unlabeled
    return (
        f"# In {n:,} iterations each image without mask is seen about {passes:.0f} times "
        f"(papers: {PASSES}).\n"
        f"train_cfg = dict({by}max_iters={n}, val_interval={n // 10})"
    )
