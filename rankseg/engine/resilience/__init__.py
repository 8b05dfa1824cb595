# SPDX-License-Identifier: Apache-2.0
"""Reliability of a run: atomic checkpoints, identity, signals, non-finite steps, lost data."""
