# SPDX-License-Identifier: Apache-2.0
"""Read a config, validate it, train and test."""
