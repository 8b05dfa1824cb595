# SPDX-License-Identifier: Apache-2.0
"""Helpers without a room: atomic files, walking a config, run logs."""
