"""Right and wrong solutions of HumanEval, made from the canonical ones by small changes of their syntax tree.

Honest samples on which our verdicts must equal upstream's. The same seed gives the same samples.
"""

import ast
import copy
import random
import textwrap

COMPARISONS = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
}


def one(offset):
    return ast.Constant(offset)


def changes(statements):
    """All changes that can be made, as functions without arguments that make one in place."""

    def set_to(node, field, value):
        return lambda: setattr(node, field, value)

    def replace(sequence, index, value):
        return lambda: sequence.__setitem__(index, value)

    for node in ast.walk(ast.Module(statements, [])):
        match node:
            case ast.Compare(ops=[operator, *_]) if type(operator) in COMPARISONS:
                yield replace(node.ops, 0, COMPARISONS[type(operator)]())
            case ast.BinOp(op=operator) if type(operator) in OPERATORS:
                yield set_to(node, "op", OPERATORS[type(operator)]())
            case ast.BoolOp(op=operator):
                yield set_to(node, "op", ast.Or() if isinstance(operator, ast.And) else ast.And())
            case ast.Constant(value=bool(value)):
                yield set_to(node, "value", not value)
            case ast.Constant(value=int(value) | float(value)):
                yield set_to(node, "value", value + 1)
                yield set_to(node, "value", value - 1)
            case ast.Constant(value=str(value)):
                yield set_to(node, "value", value + " ")
            case ast.Call(func=ast.Name(id="range"), args=[_, *_] as arguments):
                yield replace(arguments, -1, ast.BinOp(arguments[-1], ast.Add(), one(1)))
                yield replace(arguments, -1, ast.BinOp(arguments[-1], ast.Sub(), one(1)))
            case ast.If(test=test) | ast.While(test=test):
                yield set_to(node, "test", ast.UnaryOp(ast.Not(), test))
            case ast.Return(value=ast.expr() as value):
                yield set_to(node, "value", ast.Constant(None))
                yield set_to(node, "value", ast.List([value], ast.Load()))
        body = getattr(node, "body", None)
        if isinstance(body, list) and not isinstance(node, ast.ClassDef):
            for index, statement in enumerate(body):
                if not isinstance(statement, ast.Return | ast.FunctionDef | ast.Import | ast.ImportFrom):
                    yield replace(body, index, ast.Pass())


def completion_of(statements):
    module = ast.fix_missing_locations(ast.Module(statements, []))
    return textwrap.indent(ast.unparse(module), "    ") + "\n"


def samples(problem, count, seed):
    """The canonical solution and `count - 1` changes of it (fewer where there are no more), as completions."""
    tree = ast.parse(problem["prompt"] + problem["canonical_solution"])
    name, lines = problem["entry_point"], problem["prompt"].rstrip("\n").count("\n") + 1
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name)
    original = [statement for statement in function.body if statement.lineno > lines]
    if not original or function is not tree.body[-1]:
        return [problem["canonical_solution"]]
    chance = random.Random(f"{seed}:{problem['task_id']}")
    made = [problem["canonical_solution"]]
    # Short solutions have few single changes: when those seem exhausted, two are made at once.
    for attempt in range(40 * count):
        mutant = copy.deepcopy(original)
        for _ in range(1 if attempt < 20 * count else 2):
            chance.choice(list(changes(mutant)))()
        text = completion_of(mutant)
        if text not in made:
            made.append(text)
        if len(made) == count:
            break
    return made
