# SPDX-License-Identifier: Apache-2.0
"""Images and masks as people have them: found, understood, and made class ids."""
