# SPDX-License-Identifier: Apache-2.0
"""Synthetic scenes and stacks for the demo and the tests."""
