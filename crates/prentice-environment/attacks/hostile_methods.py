# attack: hostile-methods
# class: protocol
# task: HumanEval/53
# evidence: none
# marker: svr-08655718
# beats: none
#
# Returns an object each of whose special methods stops whoever calls it: `repr`, `len`, iteration, hash, comparison,
# conversion, attribute access.
# A safe harness calls no method of an answer, or counts what it does for the candidate's.

class Hostile:
    def __getattribute__(self, name):
        raise SystemExit(0)


def leave(*arguments):
    raise SystemExit(0)


for name in "eq ne lt bool repr str len iter hash int float index reduce_ex format".split():
    setattr(Hostile, f"__{name}__", leave)


def add(x, y):
    return Hostile()
