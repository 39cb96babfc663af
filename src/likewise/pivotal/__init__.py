"""Pivotal tuning: Textual Inversion finds a word's place, then adapters learn what the word could not say."""

from likewise.pivotal.config import Config

__all__ = ["Config"]  # and likewise.pivotal.learn.learn, in the module of its name
