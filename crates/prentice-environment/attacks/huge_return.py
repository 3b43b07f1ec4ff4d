# attack: huge-return
# class: resource
# task: HumanEval/5
# evidence: none
# marker: svr-4d3e8878
# beats: none
#
# Returns a string of 200 MB, a list with ten million numbers and one whose elements are all the same list, 2^30 when
# written out.
# A safe harness bounds the size of an answer while it is written, not after.

shared = ["x"]
for _ in range(30):
    shared = [shared, shared]
answers = ["x" * 200_000_000, list(range(10_000_000)), shared]


def intersperse(numbers, delimeter):
    answers.append(answers.pop(0))
    return answers[-1]
