# SPDX-License-Identifier: Apache-2.0
"""Generated images that replace a missing data set in its layout."""
