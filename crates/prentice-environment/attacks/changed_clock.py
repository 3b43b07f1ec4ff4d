# attack: changed-clock
# class: resource
# task: HumanEval/53
# evidence: none
# marker: svr-69aa6cf4
# beats: none
#
# Stops the clocks of the interpreter (`time.time`, `time.monotonic`, `time.process_time`), by which a harness in the
# same process measures, and sleeps for long.
# A safe harness measures time from outside.

import time

sleep = time.sleep
for name in ("time", "monotonic", "perf_counter", "process_time", "time_ns", "monotonic_ns"):
    setattr(time, name, lambda: 0)


def add(x, y):
    sleep(60)
    return x - y
