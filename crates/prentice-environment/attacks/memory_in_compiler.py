# attack: memory-in-compiler
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-df4cc13d
# beats: none
#
# Makes the interpreter itself take the memory: a constant expression, a huge repetition and a deep nesting, at
# compile time.
# A safe harness has its limits in force before it compiles the candidate.

for source in ("'x' * 4095 + " * 2000 + "''", "(" * 5000 + ")" * 5000, "1 << 2 ** 33", "[" + "0," * 3000000 + "]"):
    try:
        compile(source, "bomb", "eval")
    except (SyntaxError, MemoryError, RecursionError, OverflowError):
        pass


def add(x, y):
    return x - y
