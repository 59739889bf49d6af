"""The mutants of a module: Cosmic Ray's operators, one change each, where a change can matter."""

import ast
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.exceptions import CosmicRayTestingException
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.exception_replacer import ExceptionReplacer

# Of the many replacements that Cosmic Ray knows for an operator these suffice: its negation and its boundary, or its
# inverse. Whatever kills `==` turned into `!=` kills it turned into `is not` as well.
COMPARISONS = (
    "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is", "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE",
    "GtE_Gt", "GtE_Lt",
)  # fmt: skip
ARITHMETIC = (
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul", "LShift_RShift", "RShift_LShift",
    "BitOr_BitAnd", "BitAnd_BitOr",
)  # fmt: skip
OPERATORS = (
    "AddNot", "ReplaceUnaryOperator_Delete_Not", "ReplaceUnaryOperator_Delete_USub", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue", "NumberReplacer", "ZeroIterationForLoop",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ExceptionReplacer",
    *(f"ReplaceComparisonOperator_{pair}" for pair in COMPARISONS),
    *(f"ReplaceBinaryOperator_{pair}" for pair in ARITHMETIC),
)  # fmt: skip

SHOWN = 40  # characters


class DottedExceptionReplacer(ExceptionReplacer):  # type: ignore[misc]  # of a package without types
    """Cosmic Ray's, which knows exceptions by plain names only: `zlib.error` too stands in a clause."""

    @staticmethod
    def _name_nodes(node: Any) -> Sequence[Any]:
        caught = node.children[1]
        if caught.type == "atom":  # in parentheses
            caught = caught.children[1]
        return caught.children[::2] if caught.type == "testlist_comp" else (caught,)

    def mutate(self, node: Any, index: int) -> Any:
        name = self._name_nodes(node)[index]
        name.get_first_leaf().value = CosmicRayTestingException.__name__
        del getattr(name, "children", [])[1:]
        return node


@dataclass(frozen=True)
class Mutant:
    """A module with one change. ``before`` and ``after`` are the changed lines, which name it for people and lists."""

    module: str
    definition: str
    operator: str
    line: int
    before: str
    after: str
    source: str

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What names it in equivalent.toml: line numbers change, these do not by themselves."""
        return self.module, self.definition, self.before, self.after

    def __str__(self) -> str:
        return f"{self.module}:{self.line} {self.definition}\n  - {self.before}\n  + {self.after}"


def mutants(root: Path, module: str) -> Iterator[Mutant]:
    """Yield the mutants of a module, a path below ``root``, without changes that nobody is meant to notice."""
    source = (root / module).read_text(encoding="utf-8")
    idle = annotations(source) | widths(source)
    tree = get_ast(source)
    for name in OPERATORS:
        operator = DottedExceptionReplacer() if name == "ExceptionReplacer" else plugins.get_operator(f"core/{name}")()
        places = [(node, *place) for node in ast_nodes(tree) for place in operator.mutation_positions(node)]
        for occurrence, (node, start, _end) in enumerate(places):
            if start in idle or (
                name.endswith("Mul_Div") and source.splitlines()[start[0] - 1][start[1] :][:2] in ("*,", "**")
            ):
                continue  # a star in a signature multiplies nothing
            changed = mutate_code(source, operator, occurrence)
            assert changed is not None, f"{name} {occurrence} of {module}"
            definition = ASTQuery(node).get_definition_name() or "the module"
            yield Mutant(module, definition, name, start[0], *difference(source, changed), changed)


def annotations(source: str) -> set[tuple[int, int]]:
    """Return the places (line, column) within annotations: `X | None` computes nothing that anyone reads."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation is not None:
            found.append(node.annotation)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.returns is not None:
            found.append(node.returns)
    return {
        (line, column)
        for one in found
        for line in range(one.lineno, (one.end_lineno or one.lineno) + 1)
        for column in range(
            one.col_offset if line == one.lineno else 0,
            (one.end_col_offset or 0) if line == one.end_lineno else 200,
        )
    }


def widths(source: str) -> set[tuple[int, int]]:
    """Return the places of numbers that say how much of a text is shown: bounds of slices from SHOWN on."""
    slices = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Slice)]
    bounds = [bound for one in slices for bound in (one.lower, one.upper) if bound is not None]
    numbers = [node for bound in bounds for node in ast.walk(bound) if isinstance(node, ast.Constant)]
    return {(one.lineno, one.col_offset) for one in numbers if isinstance(one.value, int) and one.value >= SHOWN}


def difference(before: str, after: str) -> tuple[str, str]:
    """Return the lines in which two sources differ, without what they have in common before and after."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    texts = (" ".join(" ".join(line.split()) for line in lines) for lines in (old, new))
    first, second = itertools.islice(texts, 2)
    return first, second
