"""`likewise doctor`: one look at everything a run depends on, and what to do about what is missing."""

from likewise.cli.command import Answer, Command, rows


def doctor() -> Answer:
    """Say what is installed, what is missing, and what to do."""
    from dataclasses import asdict

    from likewise.cli import checkup

    found = checkup.run()
    healthy = all(check.verdict != "missing" for check in found)
    lines = rows((check.verdict, check.name, check.found) for check in found)
    advised = [check for check in found if check.advice]
    lines += ["", "What to do:", *(f"  {check.name}: {check.advice}" for check in advised)] if advised else []
    data = {"healthy": healthy, "checks": [asdict(check) for check in found]}
    return Answer(data, lines, 0 if healthy else 1)


COMMANDS = {"doctor": Command(doctor)}
