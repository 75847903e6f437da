"""Public libraries' rankings of a split, made by their own environment in the same run."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, save_npz

from personalization.recommend.data import Indexes
from personalization.recommend.splits import Split

SCRIPT = Path(__file__).with_name("peers.py")


@dataclass(frozen=True)
class Peer:
    """One library's model: the judged visitors' first ten, the seconds it took to fit, what tuning chose."""

    ranked: Indexes
    fit_seconds: float
    parameters: dict[str, Any]


def rank(split: Split, python: Path, parameters: dict[str, dict[str, Any]] | None = None) -> dict[str, Peer]:
    """Let every library rank a split; without `parameters` each is tuned on a tenth of the training part first."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        save_npz(folder / "train.npz", csr_matrix(split.train.matrix))
        if parameters:
            (folder / "parameters.json").write_text(json.dumps(parameters))
        subprocess.run([str(python), str(SCRIPT), name], check=True, capture_output=True)
        told = json.loads((folder / "peers.json").read_text())
        with np.load(folder / "peers.npz") as lists:
            return {
                peer: Peer(lists[peer][split.test_rows].astype(np.int64), facts["fit_seconds"], facts["parameters"])
                for peer, facts in told.items()
            }
