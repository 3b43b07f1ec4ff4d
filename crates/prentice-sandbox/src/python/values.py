# How plain values cross the border between a candidate and those who judge it: JSON, with marks for what JSON lacks.
#
# Included both by the zygote, whose children encode what candidates return, and by the examiner, which decodes it. Only
# plain data can be expressed: no classes, no code. A value of a subclass is reduced to its base by the base's own
# methods, so that nothing which the candidate overrides is asked. What is not plain becomes an opaque value, equal to
# nothing but itself.
#
#   None, booleans, integers, finite floats, strings, lists    as in JSON
#   {"t": [...]} tuple      {"s": [...]} set          {"f": [...]} frozenset   {"d": [[k, v], ...]} dict
#   {"i": "-ff"} integer of more than 4,000 digits, in hexadecimal             {"n": "nan" | "inf" | "-inf"}
#   {"c": [re, im]} complex {"b": "hex"} bytes        {"r": [start, stop, step]} range
#   {"q": [...]} deque      {"k": [...]} keys of a dict                        {"g": [...]} any other iterator
#   {"F": [n, d]} Fraction  {"D": "text"} Decimal     {"o": "type"} opaque

import collections as _collections
import itertools as _itertools
import json as _json
import math as _math

_BIG = 1 << 13000
_DEEPEST = 200
_LONGEST_ITERATOR = 100_000
_PLAIN = frozenset((type(None), bool, str))
_dumps = _json.JSONEncoder(check_circular=False, allow_nan=False, separators=(",", ":")).encode
_VIEWS = (type({}.keys()), type({}.values()), type({}.items()))
_ITERATORS = (type(x for x in ()), map, filter, zip, enumerate, reversed, type(iter([])), type(iter(())), type(iter("")),
              type(iter({})), type(iter(set())), type(iter(range(0))), _itertools.chain, _itertools.islice)


def encode(value, depth=0):
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is int:
        return value if -_BIG < value < _BIG else {"i": "%x" % value}
    if kind is float:
        if value == value and value not in (float("inf"), float("-inf")):
            return value
        return {"n": "nan" if value != value else "inf" if value > 0 else "-inf"}
    if depth > _DEEPEST:
        return {"o": "nested too deeply"}
    depth += 1
    if kind is list:
        if _flat(value):
            return value
        return [encode(item, depth) for item in value]
    if kind is tuple:
        return {"t": [encode(item, depth) for item in value]}
    if kind is dict:
        return {"d": [[encode(key, depth), encode(item, depth)] for key, item in value.items()]}
    if kind is set or kind is frozenset:
        return {"s" if kind is set else "f": _ordered([encode(item, depth) for item in value])}
    if kind is complex:
        return {"c": [encode(value.real), encode(value.imag)]}
    if kind is bytes or kind is bytearray:
        return {"b": value.hex()}
    if kind is range:
        return {"r": [value.start, value.stop, value.step]}
    if kind is _collections.deque:
        return {"q": [encode(item, depth) for item in value]}
    if kind in _VIEWS:
        return {"k" if kind is _VIEWS[0] else "g": [encode(item, depth) for item in value]}
    if kind in _ITERATORS:
        items = list(_itertools.islice(value, _LONGEST_ITERATOR + 1))
        if len(items) > _LONGEST_ITERATOR:
            return {"o": "iterator without end"}
        return {"g": [encode(item, depth) for item in items]}
    return _encode_other(value, kind, depth)


def _flat(items):
    # Long lists of numbers are common, and JSON's encoder is faster than this one.
    if len(items) < 32:
        return False
    kinds = {*map(type, items)}
    if not kinds <= {int, float}:
        return False
    return all(map(_math.isfinite, items)) if float in kinds else max(items) < _BIG and min(items) > -_BIG


def _encode_other(value, kind, depth):
    # `kind` is asked, not the value: an instance can claim any `__class__`.
    for base, reduce in _BASES:
        if base in kind.__mro__:
            return encode(reduce(value), depth)
    module = kind.__module__
    if module == "fractions" and kind.__name__ == "Fraction":
        return {"F": [encode(int(value.numerator)), encode(int(value.denominator))]}
    if module == "decimal" and kind.__name__ == "Decimal":
        return {"D": str(value)}
    if module == "numpy" and hasattr(kind, "item") and hasattr(kind, "tolist"):
        return encode(value.tolist(), depth)
    return {"o": str(kind.__name__)[:100]}


_BASES = (
    (bool, bool),
    (int, int.__index__),
    (float, float.__float__),
    (str, lambda value: str.__str__(value) if type(str.__str__(value)) is str else "".join(str.__iter__(value))),
    (list, lambda value: [*list.__iter__(value)]),
    (tuple, lambda value: (*tuple.__iter__(value),)),
    (dict, lambda value: {key: dict.__getitem__(value, key) for key in dict.__iter__(value)}),
    (set, lambda value: {*set.__iter__(value)}),
    (frozenset, lambda value: frozenset(frozenset.__iter__(value))),
    (_collections.deque, lambda value: [*_collections.deque.__iter__(value)]),
    (bytes, lambda value: bytes.__getitem__(value, slice(None))),
)


def _ordered(items):
    # The order of a set depends on the process; the same inputs must give the same bytes.
    try:
        return sorted(items)
    except TypeError:
        return sorted(items, key=_dumps)


def dumps(value):
    return _dumps(encode(value))


class Opaque:
    # What is not plain data. Equal to nothing, and true, as any object is.
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return "<%s object>" % self.name


def decode(value):
    kind = type(value)
    if kind is list:
        if len(value) > 32 and {*map(type, value)} <= {int, float}:
            return value
        return [decode(item) for item in value]
    if kind is not dict:
        return value
    ((mark, content),) = value.items()
    if mark == "t":
        return tuple([decode(item) for item in content])
    if mark == "d":
        return {decode(key): decode(item) for key, item in content}
    if mark == "s":
        return {decode(item) for item in content}
    if mark == "f":
        return frozenset([decode(item) for item in content])
    if mark == "i":
        return int(content, 16)
    if mark == "n":
        return float(content)
    if mark == "c":
        return complex(decode(content[0]), decode(content[1]))
    if mark == "b":
        return bytes.fromhex(content)
    if mark == "r":
        return range(*content)
    if mark == "q":
        return _collections.deque(decode(item) for item in content)
    if mark == "k":
        return dict.fromkeys(decode(item) for item in content).keys()
    if mark == "g":
        return iter([decode(item) for item in content])
    if mark == "F":
        import fractions

        return fractions.Fraction(decode(content[0]), decode(content[1]))
    if mark == "D":
        import decimal

        return decimal.Decimal(content)
    if mark == "o":
        return Opaque(content)
    raise ValueError("unknown mark")
