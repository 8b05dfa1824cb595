# SPDX-License-Identifier: Apache-2.0
"""Config loading, validation, training and testing."""
