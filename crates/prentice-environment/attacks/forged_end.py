# attack: forged-end
# class: protocol
# task: HumanEval/53
# evidence: none
# marker: svr-f94f8f01
# beats: none
#
# Speaks the protocol of Prentice by itself: says that all calls are done without a value, then that every call raised
# an exception, then that the harness is broken.
# A safe harness takes a missing answer for a failure.

import os
import stat


def say(lines):
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode) or stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, "".join(line + chr(10) for line in lines).encode())
        except OSError:
            pass



def add(x, y):
    say(['{"done":1}', '{"raised":["AssertionError","",1,[]]}', '{"broken":"x"}', '{"status":0}', '{"ready":true}'])
    os._exit(0)
