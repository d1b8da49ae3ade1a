#!/usr/bin/env python3
"""Public names of the Python client without a docstring: what `cancelbus` and `cancelbus.blocking` export, and their methods.

  deploy/local/undocumented.py FOLDER    prints each as FILE:LINE: warning: NAME; exit code 0 in any case

Reads the source and imports nothing, so it works without the generated messages.
"""

import ast
import sys
from pathlib import Path

# A module of its own that programs import; of the rest they see what the package exports.
MODULES = ("blocking",)


def is_public(node):
    return isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_")


def is_overload(node):
    """A property's setter, or one signature of several: the first of the name is documented."""
    names = {ast.unparse(decorator).split(".")[-1] for decorator in getattr(node, "decorator_list", ())}
    return bool(names & {"setter", "overload"})


def exported(package):
    """Module and name of what the package exports, by its own imports."""
    tree = ast.parse((package / "__init__.py").read_text())
    [names] = [ast.literal_eval(node.value) for node in tree.body
               if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module, alias.name) for alias in node.names if (alias.asname or alias.name) in names)


def undocumented(file, nodes, prefix=""):
    for node in nodes:
        if not is_public(node) or is_overload(node):
            continue
        if ast.get_docstring(node) is None:
            yield f"{file}:{node.lineno}: warning: {prefix}{node.name} has no docstring"
        if isinstance(node, ast.ClassDef):
            yield from undocumented(file, node.body, f"{prefix}{node.name}.")


def faults(folder):
    package = Path(folder) / "cancelbus"
    wanted = {}
    for module, name in exported(package):
        wanted.setdefault(module, set()).add(name)
    for module in sorted(wanted.keys() | set(MODULES)):
        file = package / f"{module}.py"
        if not file.exists():
            continue
        tree = ast.parse(file.read_text())
        if ast.get_docstring(tree) is None:
            yield f"{file}:1: warning: the module has no docstring"
        nodes = [node for node in tree.body if module in MODULES or getattr(node, "name", None) in wanted[module]]
        yield from undocumented(file, nodes)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print("".join(f"{fault}\n" for fault in faults(sys.argv[1])), end="")
