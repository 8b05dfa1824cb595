# SPDX-License-Identifier: Apache-2.0
"""Select images and labels: neighbor graphs, discovery, matching."""
