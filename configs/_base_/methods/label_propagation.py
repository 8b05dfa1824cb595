# SPDX-License-Identifier: Apache-2.0
"""Label propagation: 50 neighbours, renewed before every pass over the unlabelled images."""

label_propagation = dict(type="LabelPropagationHook", k=50, alpha=0.99, power=3, max_iter=20)
