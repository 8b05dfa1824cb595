# SPDX-License-Identifier: Apache-2.0
"""Painted scenes and stacks for the demo and the tests."""
