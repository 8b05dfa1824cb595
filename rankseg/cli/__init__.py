# SPDX-License-Identifier: Apache-2.0
"""Command lines: each parses its arguments, calls one function and prints the result.

A module imports what computes, such as torch, only after its arguments are parsed. ``--help`` and
errors in the arguments therefore appear at once.
"""
