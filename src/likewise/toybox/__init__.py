"""Toybox: the small world, and the recipe that trains the embedded models on it."""
