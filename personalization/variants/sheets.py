"""Cells of spreadsheets, which must not take what somebody has typed for a formula."""

import math

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(cell: object) -> object:
    """The cell; a text that a spreadsheet would calculate gets an apostrophe, a number that is none becomes empty."""
    if isinstance(cell, str):
        return f"'{cell}" if cell.startswith(FORMULA) else cell
    return "" if cell is None or not math.isfinite(cell) else cell
