# SPDX-License-Identifier: Apache-2.0
"""Reports on run folders: an HTML page, tables and pictures."""
