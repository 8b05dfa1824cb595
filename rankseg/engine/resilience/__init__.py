# SPDX-License-Identifier: Apache-2.0
"""Keep a run safe: atomic checkpoints, identity, signals, non-finite steps, broken data."""
