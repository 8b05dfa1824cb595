# SPDX-License-Identifier: Apache-2.0
"""Readers and writers of images, masks and TIFF stacks."""
