# SPDX-License-Identifier: Apache-2.0
"""Prediction of images, folders and stacks with a trained network."""
