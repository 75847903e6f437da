"""Sphinx: Markdown in, warnings as errors (`make docs`)."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cms_site.settings.test")

project = "wagtail-slots"
author = "the wagtail-slots contributors"
project_copyright = "2026, the wagtail-slots contributors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "wagtail-slots"
# Docstrings name the lengths of arrays, such as n_items, which several classes have as attributes, too.
suppress_warnings = ["ref.python"]
