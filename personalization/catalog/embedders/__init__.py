from personalization.catalog.embedders.base import Embedder, FittedEmbedder, current

__all__ = ["Embedder", "FittedEmbedder", "current"]
