"""The project's claims about speed and memory, each measured by one command.

``python -m benchmarks`` runs them all, ``python -m benchmarks serving`` one. Every figure is a median of several
rounds, and every claim a ratio of two things measured in the same run, for machines differ and are noisy.
"""
