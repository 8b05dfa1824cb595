# SPDX-License-Identifier: Apache-2.0
"""Snowball on MixMatch, for training of 2^20 iterations.

3 generations of 4 discoveries, each of which doubles the labelled images. The paper publishes
neither when that happens nor how the master of this version is made: these are ours.
"""

_base_ = "./mixmatch.py"

_base_.mixmatch.update(type="SnowballMixMatch", master=dict(momentum=0.001, warmup=True))
snowball = _base_.pop("mixmatch")
discovery = dict(
    type="DiscoveryHook",
    begin=2**18,
    length=2**16,
    sizes=(2, 4, 8, 16),
    generations=3,
    select=dict(type="nearest_centres", keep="far", confident=10, share=0.5),
    network="master",
)
