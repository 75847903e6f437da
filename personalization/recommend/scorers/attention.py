"""The network of `Sasrec`: causal self-attention over a sequence of items. Importing this module imports torch."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from personalization.recommend.data import Floats, Indexes

ABSENT = -1


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each on normalised input and added to it."""

    def __init__(self, factors: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.attention_norm, self.forward_norm = nn.LayerNorm(factors), nn.LayerNorm(factors)
        self.queries_keys_values = nn.Linear(factors, 3 * factors)
        self.mixed = nn.Linear(factors, factors)
        self.inner, self.outer = nn.Linear(factors, factors), nn.Linear(factors, factors)

    def forward(self, states: Tensor) -> Tensor:
        """Return new states, shape (n, length, factors); a place sees itself and those before it."""
        states = states + self._drop(self.mixed(self._attend(self.attention_norm(states))))
        inner = functional.relu(self.inner(self.forward_norm(states)))
        return states + self._drop(self.outer(self._drop(inner)))

    def _attend(self, states: Tensor) -> Tensor:
        n, length, factors = states.shape
        parts = self.queries_keys_values(states).view(n, length, 3, self.heads, factors // self.heads)
        queries, keys, values = parts.permute(2, 0, 3, 1, 4)
        dropped = self.dropout if self.training else 0.0
        seen = functional.scaled_dot_product_attention(queries, keys, values, dropout_p=dropped, is_causal=True)
        return seen.transpose(1, 2).reshape(n, length, factors)

    def _drop(self, states: Tensor) -> Tensor:
        return functional.dropout(states, self.dropout, self.training)


class Network(nn.Module):
    """Item and position embeddings and some blocks; place 0 of every sequence is a learned start."""

    def __init__(self, n_items: int, length: int, factors: int, blocks: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.n_items, self.dropout = n_items, dropout
        self.items = nn.Embedding(n_items + 1, factors)
        self.positions = nn.Embedding(length + 1, factors)
        self.blocks = nn.ModuleList(Block(factors, heads, dropout) for _ in range(blocks))
        self.norm = nn.LayerNorm(factors)
        self.bias = nn.Parameter(torch.zeros(n_items))
        for embedding in (self.items, self.positions):
            nn.init.normal_(embedding.weight, std=factors**-0.5)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return what is expected after each place, shape (n, 1 + length, factors), of sequences shape (n, length)."""
        start = torch.full((len(sequences), 1), self.n_items, device=sequences.device)
        places = torch.cat([start, sequences.clamp(min=0)], dim=1)
        states = self.items(places) + self.positions(torch.arange(places.shape[1], device=places.device))
        states = functional.dropout(states, self.dropout, self.training)
        for block in self.blocks:
            states = block(states)
        expected: Tensor = self.norm(states)
        return expected

    def loss(self, sequences: Tensor, negatives: int) -> Tensor:
        """Return the mean cross-entropy of every item of some sequences given those before it; padding is `ABSENT`.

        All items of a batch are told from the same few others, drawn anew for each batch, which stand for all of them.
        """
        present = sequences != ABSENT
        states, targets = self(sequences[:, :-1])[present], sequences[present]
        others = torch.randint(self.n_items, (negatives,), device=sequences.device)
        against = states @ self.items(others).T + self.bias[others] + math.log(self.n_items / negatives)
        against = against.masked_fill(others == targets[:, None], -math.inf)
        right = (states * self.items(targets)).sum(dim=1) + self.bias[targets]
        surprise: Tensor = torch.logaddexp(right, against.logsumexp(dim=1)) - right
        return surprise.mean()


def pick_device(device: str) -> str:
    """Return the device that "auto" stands for: a GPU where there is one."""
    if device != "auto":
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


@contextlib.contextmanager
def seeded(seed: int, device: str) -> Iterator[None]:
    """Draw torch's random numbers from a seed inside, and leave those outside as they were."""
    with torch.random.fork_rng(devices=[torch.cuda.current_device()] if device.startswith("cuda") else []):
        torch.manual_seed(seed)
        yield


def train(
    network: Network,
    pieces: Callable[[int], Indexes],
    *,
    epochs: int,
    batch: int,
    negatives: int,
    learning_rate: float,
    device: str,
    seed: int,
) -> None:
    """Fit a network to the sequences that `pieces` gives for each epoch, shape (n, length), and put it on the CPU.

    Adam with a linear warm-up over the first tenth of the steps and a linear decay over the rest.
    """
    network.to(device).train()
    steps = epochs * -(-len(pieces(0)) // batch)
    optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate, betas=(0.9, 0.98))
    warm = max(steps // 10, 1)
    pace = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda s: min((s + 1) / warm, max(1 - s / (steps + 1), 0.0)))
    rng = np.random.default_rng(seed)
    for epoch in range(epochs):
        sequences = pieces(epoch)
        for rows in np.array_split(rng.permutation(len(sequences)), -(-len(sequences) // batch)):
            loss = network.loss(torch.from_numpy(sequences[rows]).to(device), negatives)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            pace.step()
    network.to("cpu").eval()


def expectations(network: Network, sequences: Indexes) -> Floats:
    """Return what a network expects after each place, shape (n, 1 + length, factors)."""
    with torch.inference_mode():
        states: Floats = network(torch.from_numpy(sequences)).numpy()
    return states
