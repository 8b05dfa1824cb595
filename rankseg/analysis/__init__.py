# SPDX-License-Identifier: Apache-2.0
"""Analysis of a trained network: features, neighbors, retrieval, maps and pseudo-labels."""
