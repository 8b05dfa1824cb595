# SPDX-License-Identifier: Apache-2.0
"""Small networks, batches and data sets for the tests and for authors of new methods."""
