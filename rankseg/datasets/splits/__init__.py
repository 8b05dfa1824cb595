# SPDX-License-Identifier: Apache-2.0
"""Readers, checks and writers of split lists."""
