# attack: endless-return
# class: resource
# task: HumanEval/5
# evidence: none
# marker: svr-6e1bee8e
# beats: none
#
# Returns an iterator that never ends, for harnesses that turn answers into lists.
# A safe harness takes no iterator for an answer, or bounds it.

import itertools


class Endless(list):
    def __iter__(self):
        return itertools.count()


answers = [itertools.count(), (value for value in itertools.repeat(5)), Endless()]


def intersperse(numbers, delimeter):
    answers.append(answers.pop(0))
    return answers[-1]
