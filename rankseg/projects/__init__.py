# SPDX-License-Identifier: Apache-2.0
"""Turn a folder of images and masks into a project: survey, plan, splits, config."""
