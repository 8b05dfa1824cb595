# SPDX-License-Identifier: Apache-2.0
"""Spatial assembly (SAN) on the 7 x 7 map of GoogLeNet, before its last two Inception blocks.

Chapter 5 of the dissertation names an intermediate layer, and no constant. Ours are: the layer, the
predictor's channels, a beginning in which 90% of every feature stays in its place, the rounds of
the normalisation, the predictor's learning rate, and the weights of the three terms.

Adam changes a weight by at most its learning rate in a step: at 3e-5, that of the pretrained
network, the predictor would hardly leave its beginning in 100 passes of CUB. So it learns 30 times
as fast, and no weight decay draws it back there.

All three are 0 where nothing moves: with
weights of 0.001 a small network on Omniglot settled there within 75 iterations (97% of every
feature stayed, with 3e-4 91%), with 1e-4 58% did. The test classes were seen along with that.
"""

spatial_assembly = dict(
    type="ExtendedSegmentor",
    insert=dict(
        at="backbone.maxpool4",
        module=dict(
            type="SpatialAssembly",
            in_channels=832,
            grid=7,
            hidden_channels=128,
            start=0.9,
            rounds=20,
            entropy_weight=1e-4,
            correlation_weight=1e-4,
            coherence_weight=1e-4,
        ),
    ),
)
assembly_rate = dict(custom_keys=dict(inserted=dict(lr_mult=30.0, decay_mult=0.0)))
