"""Contrastive learning: two towers, one for pictures and one for texts, that meet in one space (arXiv:2103.00020)."""
