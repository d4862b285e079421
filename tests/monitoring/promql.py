"""What PromQL expressions are made of."""

from __future__ import annotations

from collections.abc import Iterator

from promql_parser import (
    AggregateExpr,
    BinaryExpr,
    Expr,
    MatrixSelector,
    NumberLiteral,
    ParenExpr,
    UnaryExpr,
    VectorSelector,
    parse,
    transform,
    walk,
)

COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")


def metric_names(text: str) -> set[str]:
    """The metrics that an expression asks for."""
    names: set[str] = set()

    def visit(expr: Expr) -> None:
        selector = expr.vector_selector if isinstance(expr, MatrixSelector) else expr
        if isinstance(selector, VectorSelector) and selector.name:
            names.add(selector.name)

    walk(parse(text), visit)
    return names


def operands(text: str) -> Iterator[str]:
    """The largest parts of an expression that must have data when everything runs, whether an alert fires or not.

    Thresholds are left out of them. Parts stand by themselves on both sides of `or`, `unless` and of comparisons
    between series; what `and` and arithmetic join stays joined, so labels that do not fit are noticed.
    """
    for expr in _operands(parse(text)):
        yield transform(expr, post_visit=_without_threshold).prettify()


def _operands(expr: Expr) -> Iterator[Expr]:
    if isinstance(expr, NumberLiteral):
        return
    choices: list[Expr] = []
    walk(expr, lambda inner: choices.append(inner) if _is_choice(inner) else None)
    if not choices:
        yield expr
    elif isinstance(expr, BinaryExpr):
        yield from _operands(expr.lhs)
        yield from _operands(expr.rhs)
    elif isinstance(expr, (AggregateExpr, ParenExpr, UnaryExpr)):
        yield from _operands(expr.expr)
    else:
        raise AssertionError(f"no way to take this apart: {expr.prettify()}")


def _is_choice(expr: Expr) -> bool:
    if not isinstance(expr, BinaryExpr):
        return False
    return str(expr.op) in ("or", "unless") or (
        str(expr.op) in COMPARISONS and not isinstance(expr.rhs, NumberLiteral)
    )


def _without_threshold(expr: Expr) -> Expr | None:
    is_threshold = isinstance(expr, BinaryExpr) and str(expr.op) in COMPARISONS
    return expr.lhs if isinstance(expr, BinaryExpr) and is_threshold else None
