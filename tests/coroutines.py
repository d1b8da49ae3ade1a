#!/usr/bin/env python3
"""Two ways of writing co_await of which g++ 12 makes code that crashes: they compile, and the tests may even pass.

  if (co_await f())      in a condition. Name the result first, then ask it.
  co_await f({1, 2})     with a braced temporary, also Type{...}: it is destroyed twice. Name it first, or use Type(...).

  tests/coroutines.py [ROOT]    prints every such place as FILE:LINE: what; exit code 1 if there is any
"""

import re
import sys
from pathlib import Path

from layering import NOT_CODE, blank

CONDITION = re.compile(r"\b(?:if|while|switch)\s*(?:constexpr\s*)?\(")
CO_AWAIT = re.compile(r"\bco_await\b")
# What stands before the brace of a lambda's body; before any other brace stands a type, a comma or a parenthesis.
BEFORE_BODY = re.compile(r"(?:[)\]]|\bmutable|\bnoexcept)\s*$")
OPENING, CLOSING = "([{", ")]}"


def closing(code, start):
    """Where what is open at `start` ends: the parenthesis that closes it, or a semicolon."""
    depth = 0
    for at in range(start, len(code)):
        if code[at] in OPENING:
            depth += 1
        elif code[at] in CLOSING:
            depth -= 1
        if depth < 0 or (depth == 0 and code[at] == ";"):
            return at
    return len(code)


def braces(expression):
    """Where temporaries are braced in it; lambdas' bodies are not looked into, they are code of their own."""
    at = 0
    while (at := expression.find("{", at)) >= 0:
        if not BEFORE_BODY.search(expression[:at]):
            yield at
        at = closing(expression, at + 1)


def violations_in(text):
    """Yields (line, what) for every such place in one file's text."""
    code = NOT_CODE.sub(blank, text)
    for condition in CONDITION.finditer(code):
        end = closing(code, condition.end())
        if CO_AWAIT.search(code, condition.end(), end):
            yield code.count("\n", 0, condition.start()) + 1, "co_await in a condition"
    for awaited in CO_AWAIT.finditer(code):
        expression = code[awaited.end():closing(code, awaited.end())]
        for at in braces(expression):
            yield code.count("\n", 0, awaited.end() + at) + 1, "a braced temporary in a co_await expression"


def violations(root):
    """Every violation under root, as sentences."""
    result = []
    for top in ("service", "clients", "tests"):
        for path in sorted((root / top).rglob("*.[ch]pp")):
            name = path.relative_to(root).as_posix()
            found = sorted(violations_in(path.read_text(encoding="utf-8")))
            result += [f"{name}:{line}: {what}" for line, what in found]
    return result


def main(arguments):
    root = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent
    found = violations(root)
    print("\n".join(found) if found else "coroutines: nothing that g++ 12 is known to get wrong")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
