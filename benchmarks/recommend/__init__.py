"""Accuracy, cold start and speed of the recommenders, with public libraries beside them in the same run."""
