# SPDX-License-Identifier: Apache-2.0
"""Snowball on Mean Teacher: 3 generations of 4 discoveries, each doubles the labelled images.

The paper says how often (section 2.4.3) and not for how long: a config adds `begin` and `length`
to `discovery`.
"""

snowball = dict(
    type="Snowball",
    master=dict(momentum=0.001, warmup=True),  # beta 0.999; its start is not published
)
discovery = dict(
    type="DiscoveryHook",
    sizes=(2, 4, 8, 16),
    generations=3,
    select=dict(type="nearest_centres"),
    network="master",
)
