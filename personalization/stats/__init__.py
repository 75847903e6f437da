"""Experiment statistics without a framework: NumPy and SciPy in, numbers out."""
