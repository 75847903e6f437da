"""Packages that only some scorers need, imported when they are needed."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def optional(module: str, extra: str) -> Any:
    """Import a module of an optional extra.

    Raises
    ------
    ImportError
        If it is not installed; the message names the extra that brings it.

    Examples
    --------
    >>> optional("json", "models").dumps([1])
    '[1]'
    >>> optional("no_such_module", "models")
    Traceback (most recent call last):
    ImportError: no_such_module is not installed. Run: pip install "wagtail-slots[models]"
    """
    try:
        return import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise ImportError(f'{package} is not installed. Run: pip install "wagtail-slots[{extra}]"') from error
