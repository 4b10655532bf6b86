"""What can go wrong in the lab, each said in one sentence."""


class LabError(Exception):
    """What was expected, what was found, and what to do about it."""
