# SPDX-License-Identifier: Apache-2.0
"""Split lists: read, check and draw them."""
