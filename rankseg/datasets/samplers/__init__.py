# SPDX-License-Identifier: Apache-2.0
"""Samplers and collate functions for labeled and unlabeled images."""
