# SPDX-License-Identifier: Apache-2.0
"""Selection of images and labels: neighbor graphs, discovery and matching."""
