# Judges what candidates in Python return. Trusted: it holds the tests with all that is expected, and never executes
# anything of a candidate's.
#
# A test program is executed here, with a stand-in for the candidate's function. The first time, with the reference
# behind the stand-in, the calls that the test makes are noted. The candidate makes the same calls in its own process,
# and the test is executed again, with the values it returned behind the stand-in. Should the test ask something else
# this time, because it depends on an earlier answer, the candidate is asked again, with the longer list.

import builtins
import copy
import math
import random
import traceback

plans = {}
MOST_CALLS = 20_000


class Plan:
    pass


class Gone(BaseException):
    # The candidate has no more answers.
    pass


class OtherCall(BaseException):
    # The test asks what the candidate was not asked.
    pass


class Malformed(BaseException):
    # The candidate wrote what is no answer.
    pass


def calls_text(keys):
    return "[" + ",".join(keys) + "]"


def encode_call(arguments, named):
    # As the zygote takes it: the encoded arguments, and the encoded named ones by name.
    return _dumps([[encode(item) for item in arguments], {name: encode(item) for name, item in named.items()}])


def fresh_namespace(plan):
    random.seed(0)
    namespace = {"__name__": "__main__"}
    exec(plan.setup, namespace)
    return namespace


def plan_program(header, setup, program):
    plan = Plan()
    plan.kind = "program"
    plan.entry = header["entry"]
    plan.setup = compile(setup, "<task>", "exec", 0, True)
    plan.test = compile(program, "<test>", "exec", 0, True)
    plan.source = program.splitlines()
    plan.calls = []
    namespace = fresh_namespace(plan)
    reference = namespace[plan.entry]

    def note(*arguments, **named):
        plan.calls.append(encode_call(arguments, named))
        if len(plan.calls) > MOST_CALLS:
            raise ValueError("the test makes too many calls")
        return reference(*arguments, **named)

    namespace[plan.entry] = note
    exec(plan.test, namespace)
    return plan, {"calls": calls_text(plan.calls), "bytes": 0}


def plan_reference(header, setup, inputs):
    plan = Plan()
    plan.kind = "reference"
    plan.tolerance = header["tolerance"]
    plan.setup = compile(setup, "<task>", "exec", 0, True)
    inputs = json.loads(inputs)
    reference = fresh_namespace(plan)[header["entry"]]
    plan.expected = []
    size = 0
    for arguments in inputs:
        value = reference(*copy.deepcopy(arguments))
        size += len(dumps(value))
        plan.expected.append(value)
    return plan, {"calls": calls_text([encode_call(arguments, {}) for arguments in inputs]), "bytes": size}


def plan_value(header, setup, expected):
    plan = Plan()
    plan.kind = "value"
    plan.expected = eval(expected, {})
    return plan, {"calls": "", "bytes": 0}


def read_answers(data):
    answers = []
    complete = False
    for line in data.splitlines():
        try:
            ((mark, content),) = json.loads(line).items()
        except Exception:
            raise Malformed("what it wrote is no answer") from None
        if mark == "done":
            complete = True
            break
        answers.append((mark, content))
    return answers, complete


def rebuild(content):
    # An exception of the candidate's, as one of the built-in kind that it descends from.
    try:
        name, message, line, bases = content
        name, message = str(name), str(message)
        base = next(getattr(builtins, base) for base in bases if isinstance(getattr(builtins, str(base), None), type))
        error = base(message) if issubclass(base, BaseException) else Exception(message)
    except BaseException:
        raise Malformed("what it wrote is no exception") from None
    error.candidate = (name, message, line)
    return error


def value_of(content):
    try:
        return decode(content)
    except Exception:
        raise Malformed("what it wrote is no value") from None


def kind_of(error):
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, PermissionError):
        return "forbidden"
    return "exception"


def fail(kind, detail):
    return {"verdict": "fail", "kind": kind, "detail": str(detail)[:300]}


def described(error):
    name, message, line = error.candidate
    where = " (line %d)" % line if isinstance(line, int) else ""
    return "%s: %s%s" % (name, message, where) if message else name + where


def early_end(answers):
    # Whether the candidate did not get as far as its first call.
    if answers and answers[0][0] in ("compile", "load"):
        error = rebuild(answers[0][1])
        kind = "compile_error" if answers[0][0] == "compile" else kind_of(error)
        return fail(kind, described(error))
    return None


def grade_program(plan, answers):
    position = 0
    asked = []

    def recall(*arguments, **named):
        nonlocal position
        call = encode_call(arguments, named)
        asked.append(call)
        if position >= len(plan.calls) or plan.calls[position] != call:
            raise OtherCall
        if position >= len(answers):
            raise Gone
        mark, content = answers[position]
        position += 1
        if mark == "value":
            return value_of(content)
        raise rebuild(content)

    namespace = fresh_namespace(plan)
    namespace[plan.entry] = recall
    try:
        exec(plan.test, namespace)
    except OtherCall:
        return {"verdict": "again", "calls": calls_text(plan.calls[:position] + asked[position:])}
    except (Gone, Malformed):
        raise
    except BaseException as error:
        if hasattr(error, "candidate"):
            return fail(kind_of(error), described(error))
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == "<test>"]
        line = plan.source[lines[-1] - 1].strip() if lines else ""
        return fail("wrong_answer", "%s: %s" % (type(error).__name__, line or error))
    return {"verdict": "pass"}


def is_floats(value):
    if isinstance(value, float):
        return True
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(item, float) for item in value)


def all_close(value, expected, tolerance):
    # numpy.allclose(value, expected, rtol=1e-7, atol=tolerance), with its broadcasting of a number over a list.
    if isinstance(value, (list, tuple)) or isinstance(expected, (list, tuple)):
        length = len(value) if isinstance(value, (list, tuple)) else len(expected)
        values = value if isinstance(value, (list, tuple)) else [value] * length
        wanted = expected if isinstance(expected, (list, tuple)) else [expected] * length
        if len(values) != len(wanted):
            raise ValueError("different lengths")
        return all(all_close(one, other, tolerance) for one, other in zip(values, wanted))
    if isinstance(value, str) or isinstance(expected, str) or value is None or expected is None:
        raise TypeError("no numbers")
    if value == expected:
        return True
    if not (math.isfinite(value) and math.isfinite(expected)):
        return False
    return abs(value - expected) <= tolerance + 1e-7 * abs(expected)


def grade_reference(plan, answers):
    # The rules are evalplus's: see suites/humaneval_plus.rs.
    tolerance = plan.tolerance
    for number, expected in enumerate(plan.expected):
        if number >= len(answers):
            raise Gone
        mark, content = answers[number]
        if mark != "value":
            error = rebuild(content)
            return fail(kind_of(error), described(error)) | {"right": number}
        value = value_of(content)
        try:
            same = bool(value == expected)
            if tolerance == 0 and is_floats(expected):
                tolerance = 1e-6
            if not same and tolerance != 0:
                same = type(value) == type(expected)
                if same and isinstance(expected, (list, tuple)):
                    same = len(value) == len(expected)
                same = same and all_close(value, expected, tolerance)
        except Exception:
            same = False
        if not same:
            detail = "input %d: returned %s, expected %s" % (number, shown(value), shown(expected))
            return fail("wrong_answer", detail) | {"right": number}
    return {"verdict": "pass"}


def shown(value):
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def grade_value(plan, answers):
    if not answers:
        raise Gone
    mark, content = answers[0]
    if mark != "value":
        error = rebuild(content)
        return fail("compile_error" if mark == "compile" else kind_of(error), described(error))
    value = value_of(content)
    if plan.expected == value:
        return {"verdict": "pass"}
    return fail("wrong_answer", "the value is %s, expected %s" % (shown(value), shown(plan.expected)))


def call_of(answers):
    # The arguments that a candidate would call with, as a call.
    if not answers:
        raise Gone
    mark, content = answers[0]
    if mark != "value":
        return grade_value(None, answers)
    try:
        arguments, named = value_of(content)
        call = encode_call(arguments, named)
    except (TypeError, ValueError, AttributeError):
        raise Malformed("what it wrote is no call") from None
    if is_opaque([arguments, named]):
        return fail("wrong_answer", "the arguments are not plain data")
    return {"verdict": "call", "calls": calls_text([call])}


def is_opaque(value):
    if isinstance(value, (list, tuple, set, frozenset)):
        return any(is_opaque(item) for item in value)
    if isinstance(value, dict):
        return any(is_opaque(item) for pair in value.items() for item in pair)
    return isinstance(value, Opaque)


def grade(header, data):
    plan = plans.get(header["id"])
    if plan is None:
        return {"verdict": "unplanned"}
    try:
        answers, complete = read_answers(data)
        early = early_end(answers)
        if early:
            return early
        if header["op"] == "call":
            return call_of(answers)
        if "calls" in header:
            plan = copy.copy(plan)
            plan.calls = header["calls"]
        result = GRADES[plan.kind](plan, answers)
        if result["verdict"] == "pass" and not complete:
            raise Gone
        return result
    except Gone:
        return {"verdict": "gone", "answers": len(answers)}
    except Malformed as error:
        return fail("no_output", error)
    except (Exception, RecursionError) as error:
        return fail("wrong_answer", "%s while comparing" % type(error).__name__)


PLANS = {"program": plan_program, "reference": plan_reference, "value": plan_value}
GRADES = {"program": grade_program, "reference": grade_reference, "value": grade_value}


def serve():
    sys.setrecursionlimit(2000)
    while True:
        header, parts = read_request()
        if header["op"] == "plan":
            try:
                plan, result = PLANS[header["kind"]](header, parts[0].decode(), parts[1].decode())
                # What a test needs is small; what references return can be large, and is computed again when needed.
                while len(plans) > 2000 or (plans and sum(kept.bytes for kept in plans.values()) > 64 << 20):
                    del plans[next(iter(plans))]
                plan.bytes = result["bytes"]
                plans[header["id"]] = plan
            except BaseException as error:
                result = {"error": "%s: %s" % (type(error).__name__, error)}
            reply(result)
        else:
            if "calls" in header:
                header["calls"] = [encode_call([decode(item) for item in arguments], {n: decode(i) for n, i in named.items()}) for arguments, named in json.loads(header["calls"])]
            reply(grade(header, parts[0]))


serve()
