# attack: huge-exception
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-b8128e1b
# beats: none
#
# Raises an exception with a message of 100 MB and a chain of 10,000 causes: whoever formats the traceback is busy.
# A safe harness formats exceptions within the candidate's limits, and shortens them.

def add(x, y):
    error = ValueError("x" * 100_000_000)
    for _ in range(10_000):
        cause, error = error, ValueError("again")
        error.__cause__ = cause
    raise error
