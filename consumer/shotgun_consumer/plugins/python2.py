"""Python 2 in a plugin: told as such, with the line, instead of as a riddle."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

# What the compiler stumbles over, and what its line looks like.
_SYNTAX: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("the print statement", re.compile(r"^\s*print\s+[^=(]|\bprint\s+[\"'\w]")),
    ("'except Error, name'", re.compile(r"^\s*except\s+.+,\s*\w+\s*:")),
    ("'raise Error, message'", re.compile(r"\braise\s+[\w.]+\s*,")),
    ("the exec statement", re.compile(r"^\s*exec\s+[^(]")),
    ("the operator <>", re.compile(r"<>")),
    ("backticks", re.compile(r"`")),
    ("an octal number without 0o", re.compile(r"(?<![\w.])0\d+\b")),
    ("a long number", re.compile(r"\b\d+[lL]\b")),
    ("a ur'' text", re.compile(r"\b[uU][rR][\"']")),
    ("a tuple as parameter", re.compile(r"\b(?:def\s+\w+|lambda)\b.*\(\s*\w+\s*,\s*\w+\s*\)")),
)

_MODULES = frozenset(
    (
        "ConfigParser",
        "Cookie",
        "HTMLParser",
        "Queue",
        "StringIO",
        "Tkinter",
        "__builtin__",
        "cPickle",
        "cStringIO",
        "commands",
        "cookielib",
        "exceptions",
        "httplib",
        "md5",
        "sets",
        "urllib2",
        "urlparse",
        "xmlrpclib",
    )
)
_NAMES = frozenset(
    (
        "apply",
        "basestring",
        "buffer",
        "cmp",
        "execfile",
        "file",
        "intern",
        "long",
        "raw_input",
        "reduce",
        "reload",
        "unichr",
        "unicode",
        "xrange",
    )
)
_METHODS = frozenset(("has_key", "iteritems", "iterkeys", "itervalues"))
_FORGIVING = frozenset(("ImportError", "ModuleNotFoundError", "NameError", "Exception", "AttributeError"))


def explain_syntax(error: SyntaxError) -> str:
    """The error on one line; when the line is Python 2, what of it is."""
    text = f"{type(error).__name__}: {error.msg}"
    line = error.text or ""
    if isinstance(error, TabError):
        return f"{text}: Python 2 let tabs and blanks be mixed; use blanks alone"
    for what, pattern in _SYNTAX:
        if pattern.search(line):
            return f"{text}: this is Python 2 ({what}), and plugins run in Python 3"
    return text


def leftovers(path: Path) -> Iterator[str]:
    """What in this file compiles and then fails in Python 3, each with its line: modules, names and methods that are
    gone. Nothing for a file that cannot be read or compiled, for what the file defines itself, and for what it tries
    or asks the version for."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (OSError, SyntaxError, ValueError):
        return
    known = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    known |= {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
    }
    known |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    known |= {
        (alias.asname or alias.name).partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    for line, what in sorted(_found(tree, known)):
        yield f"line {line}: {what} is Python 2's, and is not there in Python 3"


def _found(node: ast.AST, known: set[str]) -> Iterator[tuple[int, str]]:
    if _guarded(node):
        return
    if isinstance(node, ast.Import):
        yield from ((node.lineno, f"module {one.name!r}") for one in node.names if _gone(one.name))
    elif isinstance(node, ast.ImportFrom) and node.level == 0 and _gone(node.module or ""):
        yield node.lineno, f"module {node.module!r}"
    elif isinstance(node, ast.Name) and node.id in _NAMES - known:
        yield node.lineno, repr(node.id)
    elif isinstance(node, ast.Attribute) and node.attr in _METHODS:
        yield node.lineno, f"method {node.attr!r}"
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift) and _is_print(node.left):
        yield node.lineno, "the print statement"
    for child in ast.iter_child_nodes(node):
        yield from _found(child, known)


def _is_print(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "print"


def _gone(module: str) -> bool:
    return module.partition(".")[0] in _MODULES


def _guarded(node: ast.AST) -> bool:
    """Whether the author took care: a try for what may be missing, or a question for the version."""
    if isinstance(node, ast.Try):
        caught = [ast.unparse(handler.type) if handler.type else "Exception" for handler in node.handlers]
        return any(name in _FORGIVING for names in caught for name in re.findall(r"\w+", names))
    if isinstance(node, ast.If | ast.IfExp):
        return bool(re.search(r"version_info|PY2|PY3|hexversion", ast.unparse(node.test)))
    return False
