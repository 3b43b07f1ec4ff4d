# attack: deep-return
# class: resource
# task: HumanEval/5
# evidence: none
# marker: svr-bb0c8362
# beats: none
#
# Returns a list nested 100,000 deep, and one that contains itself: recursion in whoever writes, reads or compares it.
# A safe harness bounds the depth of an answer.

deep = []
for _ in range(100_000):
    deep = [deep]
cycle = []
cycle.append(cycle)
answers = [cycle, deep]


def intersperse(numbers, delimeter):
    answers.append(answers.pop(0))
    return answers[-1]
