"""Self-attentive sequential recommendation: a small transformer that expects the next item."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

import numpy as np

from personalization.recommend.artifacts import ArtifactError
from personalization.recommend.data import Appraisal, Attribution, Floats, History, Indexes, Interactions, Items
from personalization.recommend.extras import optional
from personalization.recommend.scorers.base import check_positive, product
from personalization.recommend.scorers.collaborative import BLOCK, Learned
from personalization.recommend.scorers.registry import register
from personalization.recommend.scorers.sequences import in_order, newest_items

if TYPE_CHECKING:
    from personalization.recommend.scorers.attention import Network

WEIGHTS = "weights.safetensors"


@register
class Sasrec(Learned):
    """Causal self-attention over the newest items of a history.

    Needs torch and safetensors: ``pip install "wagtail-slots[sequence]"``.

    Parameters
    ----------
    factors : int
        Size of the item embeddings, which are both input and output (tied); a multiple of `heads`.
    blocks, heads : int
        Layers of attention, and parts that each attends with.
    length : int
        How many of the newest items are read.
    dropout : float
        Share of numbers left out while training.
    epochs, batch : int
        Passes over all histories, and pieces of a history in each step.
    negatives : int
        Items, drawn for each step, that the right ones are told from.
    learning_rate : float
        Of Adam, at its highest.
    device : str
        Where to train: "auto" (a GPU where there is one), "cpu", "cuda". Scoring is always done by the CPU.
    seed : int
        Of the first weights, the batches and what drops out. Repeatable to the bit on a CPU.

    Notes
    -----
    ``score_j = z_t . (e_j - mean(e)) + b_j - mean(b)`` with ``z_t`` the state after the newest item: a new history
    needs one pass and no training. Unlike the paper's, training takes the cross-entropy against several hundred items
    instead of one, which fits better (A. Petrov, C. Macdonald, "gSASRec", RecSys 2023), and every sequence begins with
    a learned start, so that an empty history has a score.

    Explanations are exact by telescoping. The mask makes one pass give the state after every prefix of the history, so
    ``score(h_1..h_t) = score() + sum over s of (score(h_1..h_s) - score(h_1..h_(s-1)))``: each item is credited with
    what its arrival changed, and the score without any item with nothing of the history.

    Memory ``4 (n_items + length) * factors`` bytes and about ``24 * blocks * factors ** 2``; training adds Adam's two
    copies and ``4 * batch * length * negatives`` bytes a few times over.

    References
    ----------
    W.-C. Kang, J. McAuley, "Self-attentive sequential recommendation", ICDM 2018.

    Examples
    --------
    >>> seen = Interactions.from_rows(list("aaabbb"), list("xyzxyz"), [1, 2, 3, 1, 2, 3])
    >>> scorer = Sasrec(factors=8, heads=1, epochs=40, dropout=0, learning_rate=0.02).fit(seen)
    >>> [seen.item_ids[i] for i in scorer.score([History([0]), History([0, 1])]).argmax(axis=1)]
    ['y', 'z']
    """

    name = "sasrec"
    _network: Network
    _outputs: Floats
    _bias: Floats

    def __init__(
        self,
        *,
        factors: int = 32,
        blocks: int = 1,
        heads: int = 1,
        length: int = 50,
        dropout: float = 0.3,
        epochs: int = 40,
        batch: int = 32,
        negatives: int = 200,
        learning_rate: float = 5e-3,
        device: str = "auto",
        seed: int = 0,
    ) -> None:
        check_positive(
            factors=factors, blocks=blocks, heads=heads, length=length, epochs=epochs, batch=batch, negatives=negatives
        )
        check_positive(learning_rate=learning_rate)
        if factors % heads or not 0 <= dropout < 1:
            raise ValueError("factors must be a multiple of heads, and dropout at least 0 and below 1.")
        super().__init__(
            factors=factors,
            blocks=blocks,
            heads=heads,
            length=length,
            dropout=dropout,
            epochs=epochs,
            batch=batch,
            negatives=negatives,
            learning_rate=learning_rate,
            device=device,
            seed=seed,
        )
        self.length = length

    def fit(self, interactions: Interactions, items: Items | None = None) -> Sasrec:
        """Learn to expect each item of every history from those before it.

        Raises
        ------
        ImportError
            If torch is not installed.
        """
        optional("torch", "sequence")
        from personalization.recommend.scorers import attention

        self._learn_ids(interactions)
        device = attention.pick_device(self.params["device"])
        with attention.seeded(self.params["seed"], device):
            network = self._new_network()
            attention.train(
                network,
                partial(_pieces, *in_order(interactions), self.length + 1, self.params["seed"]),
                device=device,
                **{name: self.params[name] for name in ("epochs", "batch", "negatives", "learning_rate", "seed")},
            )
        self._take(network)
        return self

    def save(self, directory: Path) -> None:
        """Write what every scorer writes, and the network's weights as safetensors."""
        super().save(directory)
        optional("safetensors.torch", "sequence").save_file(self._network.state_dict(), directory / WEIGHTS)

    @classmethod
    def load(cls, directory: Path, mmap: bool = True) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        ImportError
            If torch or safetensors is not installed.
        """
        scorer = super().load(directory, mmap)
        load_file, error_kind = optional("safetensors.torch", "sequence").load_file, optional("safetensors", "sequence")
        try:
            network = scorer._new_network()
            network.load_state_dict(load_file(directory / WEIGHTS))
        except (OSError, RuntimeError, error_kind.SafetensorError) as error:
            raise ArtifactError(f"The weights in {directory.name} cannot be read: {error}") from error
        scorer._take(network.eval())
        return scorer

    def _new_network(self) -> Network:
        optional("torch", "sequence")
        from personalization.recommend.scorers.attention import Network

        shape = {name: self.params[name] for name in ("length", "factors", "blocks", "heads", "dropout")}
        return Network(len(self.learned_ids), **shape)

    def _take(self, network: Network) -> None:
        vectors, bias = network.items.weight.detach().numpy()[:-1], network.bias.detach().numpy()
        self._network = network
        # Centred on the items that were learned: one that is not shown scores 0, which is then the average.
        self._outputs = np.where(self._known[:, None], vectors - vectors[self._known].mean(axis=0), 0)
        self._bias = np.where(self._known, bias - bias[self._known].mean(), 0)

    def _score(self, histories: Sequence[History]) -> Floats:
        scores = np.empty((len(histories), self.n_items), dtype=np.float32)
        for start in range(0, len(histories), BLOCK):
            sequences = [self._sequence(history)[1] for history in histories[start : start + BLOCK]]
            states = self._states(sequences)[np.arange(len(sequences)), [len(s) for s in sequences]]
            scores[start : start + BLOCK] = self._show(states @ self._outputs.T + self._bias)
        return scores

    def _appraise(self, history: History) -> Appraisal:
        columns, sequence = self._sequence(history)
        states = self._states([sequence])[0]
        scores = self._show((product(self._outputs, states[-1]) + self._bias)[None, :])[0]
        return Appraisal(scores, partial(self._attribute, columns, states))

    def _attribute(self, columns: Indexes, states: Floats, items: Sequence[int]) -> Attribution:
        targets = self._source[np.asarray(items, dtype=np.int64)]
        said = (self._outputs[targets] @ states.T).astype(np.float64)
        amounts = np.diff(said, axis=1, prepend=0)
        amounts[:, 0] += self._bias[targets]
        amounts[targets < 0] = 0
        return Attribution(tuple((self.name, column) for column in [None, *columns.tolist()]), amounts)

    def _sequence(self, history: History) -> tuple[Indexes, Indexes]:
        return newest_items(history, self._source, self.length)

    def _states(self, sequences: Sequence[Indexes]) -> Floats:
        """Return what is expected after each place, shape (n, 1 + longest, factors); the first without any item."""
        from personalization.recommend.scorers.attention import expectations

        padded = np.zeros((len(sequences), max(len(sequence) for sequence in sequences)), dtype=np.int64)
        for row, sequence in zip(padded, sequences, strict=True):
            row[: len(sequence)] = sequence
        return expectations(self._network, padded)


def _pieces(visitors: Indexes, items: Indexes, length: int, seed: int, epoch: int) -> Indexes:
    """Cut every visitor's items into pieces, elsewhere in each epoch, so that any item may be the first of a piece.

    Examples
    --------
    >>> _pieces(np.array([0, 0, 0, 1]), np.array([5, 6, 7, 8]), 4, seed=0, epoch=0).tolist()
    [[5, 6, 7, -1], [8, -1, -1, -1]]
    """
    starts = np.flatnonzero(np.diff(visitors, prepend=-1))
    counts = np.diff(starts, append=len(visitors))
    places = np.arange(len(visitors)) - np.repeat(starts, counts)
    # A history that fits into one piece is never cut.
    rng = np.random.default_rng((seed, epoch))
    shifts = np.where(counts > length, rng.integers(0, length, len(counts)), 0)
    shifted = places + np.repeat(shifts, counts)
    is_first = (places == 0) | (shifted % length == 0)
    piece = np.cumsum(is_first) - 1
    firsts = np.flatnonzero(is_first)
    pieces = np.full((len(firsts), length), -1, dtype=np.int64)
    pieces[piece, np.arange(len(visitors)) - firsts[piece]] = items
    return pieces
