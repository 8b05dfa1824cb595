# SPDX-License-Identifier: Apache-2.0
"""Predict images, folders and stacks with a trained network."""
