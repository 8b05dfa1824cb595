# SPDX-License-Identifier: Apache-2.0
"""Look into a trained network: features, neighbors, retrieval, maps, pseudo-labels."""
