import subprocess
import sys
from pathlib import Path

import pytest
import wagtail

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.skipif(wagtail.VERSION < (8, 0), reason="base page models of one's own came with Wagtail 8")
def test_the_catalog_follows_pages_of_a_sites_own_base_model():
    walk = subprocess.run(
        [sys.executable, "-m", "tests.basepage.walk"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert walk.stdout.endswith("walked\n"), walk.stderr
