"""Every example in the guardrails' documentation runs."""

import doctest
import importlib
import pkgutil

import pytest

from personalization.variants import guardrails

MODULES = [module.name for module in pkgutil.iter_modules(guardrails.__path__, f"{guardrails.__name__}.")]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
