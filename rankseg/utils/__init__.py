# SPDX-License-Identifier: Apache-2.0
"""Utilities: atomic file writes, config traversal and run logs."""
