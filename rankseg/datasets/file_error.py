# SPDX-License-Identifier: Apache-2.0
"""The error for a file that is not what it should be."""


class FileError(ValueError):
    """A file is at fault, not the code: its text is one sentence that names file and cure.

    A file that is missing, or may not be read, raises ``FileNotFoundError`` or ``PermissionError``.
    """
