# SPDX-License-Identifier: Apache-2.0
"""Generated images in the layout of a data set that is absent."""
