"""Every example in the pure cores' documentation runs."""

import doctest
import importlib
import pkgutil

import pytest

from personalization import recommend, stats

MODULES = [
    module.name
    for package in (recommend, stats)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_every_metric_has_an_example():
    metrics = importlib.import_module("personalization.recommend.metrics")
    tests = {test.name.rpartition(".")[2] for test in doctest.DocTestFinder().find(metrics) if test.examples}
    public = {"ndcg_at_k", "recall_at_k", "precision_at_k", "map_at_k", "hit_rate_at_k", "mrr"}
    public |= {"auc", "log_loss", "expected_calibration_error", "gini", "popularity_lift", "list_popularity"}
    assert tests >= public | {"coverage", "novelty", "diversity"}
