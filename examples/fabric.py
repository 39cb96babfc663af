"""Steer by likes and dislikes, round after round. Run: python examples/fabric.py [PROMPT]"""

import sys

import likewise
from likewise.fabric import Session

prompt = sys.argv[1] if len(sys.argv) > 1 else "a 3d dog"
session = Session.begin("sessions/example", prompt, backbone=likewise.load(), n=4)

session.next()  # round 1: what imagine draws
session.like(2)
session.dislike(3)
session.next()  # round 2: towards 1-2, away from 1-3
session.like(1, weight=0.5)
session.next()  # round 3: towards 1-2, and half as much towards 2-1

session.branch(2)  # back to round 2, as if nothing had been said of it
session.like(4)
pictures = session.next()

for one in session.history.rounds():
    print(f"round {one.round}: {[liked.what for liked in one.likes]} liked, diversity {one.metrics['diversity']:.3f}")
print(f"The rounds that led here: {session.sheet()}; the last pictures: {pictures[0].path.parent}")
