# SPDX-License-Identifier: Apache-2.0
"""Conversion of a folder of images and masks to a project: survey, plan, splits, config."""
