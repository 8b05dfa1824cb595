# SPDX-License-Identifier: Apache-2.0
"""What CCT has beyond a student: 30 auxiliary decoders, each with a perturbation of the features.

Numbers are of the released code, where it does not say otherwise. A config takes these settings out
of here and into its model with `**_base_.pop("cct")`.
"""

cct = dict(
    # perturbed is the output of ASPP, the end of the encoder; released: PSP. The decoders double it
    # twice, from stride 16 to 4, where the logits are; released: 3 times, from 8 to 1
    perturbations=[
        dict(count=6, perturb=dict(type="ChannelDropout", rate=0.5)),
        dict(count=6, perturb=dict(type="GuidedCutout", erase=0.4, background=0)),
        # step=0.1 is ours: released is 1e-6, too small for float32
        dict(count=2, perturb=dict(type="VirtualAdversarial", radius=2.0, step=0.1, iterations=1)),
        dict(count=2, perturb=dict(type="MaskContext", background=0)),
        dict(count=2, perturb=dict(type="MaskObjects", background=0)),
        dict(count=6, perturb=dict(type="FeatureDrop", low=0.6, high=0.9)),
        dict(count=6, perturb=dict(type="FeatureNoise", bound=0.3)),
    ],
    consistency_weight=30.0,  # for 21 classes, over which the squared differences are a mean
    ramp_shape="sigmoid",
)
