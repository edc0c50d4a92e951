"""Embeddings: never translated."""
