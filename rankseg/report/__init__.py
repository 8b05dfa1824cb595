# SPDX-License-Identifier: Apache-2.0
"""Read run folders and compare them: one HTML page, tables, pictures."""
