"""Retrieval on a pretrained text encoder. Nothing here imports torch until an encoder is opened."""
