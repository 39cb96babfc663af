"""The whole loop, once: teach a bundled mascot, judge what was learned, draw it in new scenes, show it on one page."""

from likewise.demo.loop import Demo, run

__all__ = ["Demo", "run"]
