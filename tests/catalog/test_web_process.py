import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_a_web_process_publishes_serves_and_decides_without_torch(tmp_path):
    walk = subprocess.run(
        [sys.executable, "-m", "tests.catalog.web_walk"],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert walk.returncode == 0, walk.stderr
    found = json.loads(walk.stdout.splitlines()[-1])
    assert found["asked"] == {"page": "200 OK", "cms": "200 OK", "decisions": "200 OK"}, walk.stderr
    assert found["shown"] == ["The Moon"]
    assert found["queued"] >= 1
    assert found["embedded"] == 0
    assert found["heavy"] == []
