# attack: huge-integer
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-204a53e6
# beats: none
#
# Returns an integer of a million digits: its conversion to decimal takes quadratic time (and CPython refuses it by an
# exception in the middle of the harness).
# A safe harness sends integers as bits, or counts the time for the candidate's.

import sys

if hasattr(sys, "set_int_max_str_digits"):
    sys.set_int_max_str_digits(0)


def add(x, y):
    return 1 << 3_400_000
