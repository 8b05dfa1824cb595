# SPDX-License-Identifier: Apache-2.0
"""Samplers that deal labeled and unlabeled images."""
