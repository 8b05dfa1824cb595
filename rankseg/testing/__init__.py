# SPDX-License-Identifier: Apache-2.0
"""Small networks, batches and data sets: for our tests, and for whoever adds a method."""
