"""DreamSim: how alike two pictures look, to people (Fu et al., arXiv:2306.09344)."""
