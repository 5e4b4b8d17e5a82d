"""Differences that are meant.  docs/DIFFERENCES.md says the same in words; an entry that no session needs fails the test."""


class Known:
    """`sessions`: a pattern for "file/name"; `ours` and `theirs`: patterns of lines only one side has (None: nothing)."""

    def __init__(self, name, sessions, ours, theirs, why):
        self.name, self.sessions, self.ours, self.theirs, self.why, self.used = name, sessions, ours, theirs, why, False


KNOWN = [
]
