"""Makes the mutants: each differs from the code in one place. Runs where cosmic-ray is installed.

    .venv-mutants/bin/python -m tools.mutants.generate SAMPLE SEED FILE ...

prints a line of JSON for each mutant of a random sample (0: all): module, line, operator, what was
changed, and the whole source.
"""

from __future__ import annotations

import ast
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator

# Of each place the neighbouring and the opposite comparison, and one other operator: more of them
# are noticed by the same tests, and would only raise the figure.
OPERATORS = (
    "NumberReplacer", "AddNot", "ReplaceOrWithAnd", "ReplaceAndWithOr", "ReplaceTrueWithFalse",
    "ReplaceFalseWithTrue", "ReplaceContinueWithBreak", "ReplaceBreakWithContinue",
    "ZeroIterationForLoop", "ExceptionReplacer", "ReplaceUnaryOperator_Delete_Not",
    "ReplaceUnaryOperator_USub_UAdd",
    *(f"ReplaceComparisonOperator_{one}" for one in (
        "Lt_LtE", "Lt_GtE", "LtE_Lt", "LtE_Gt", "Gt_GtE", "Gt_LtE", "GtE_Gt", "GtE_Lt",
        "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
    )),
    *(f"ReplaceBinaryOperator_{one}" for one in (
        "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "FloorDiv_Mul", "Mod_Mul", "Pow_Mul",
        "BitAnd_BitOr", "BitOr_BitAnd",
    )),
)  # fmt: skip

Place = tuple[int, int]


def places(path: Path) -> Iterator[tuple[Path, str, int, int]]:
    """Yield file, operator, occurrence and line of each place of a file that can be mutated."""
    source = path.read_text(encoding="utf-8")
    lines = source.split("\n")
    without_effect = list(_without_effect(ast.parse(source)))
    nodes = list(ast_nodes(get_ast(source)))
    for name in OPERATORS:
        operator = get_operator(f"core/{name}")()
        found = [place for node in nodes for place in operator.mutation_positions(node)]
        for occurrence, (start, _) in enumerate(found):
            is_mark = lines[start[0] - 1][start[1] :].startswith("*,")  # of keyword-only arguments
            if not is_mark and not any(begin <= start < end for begin, end in without_effect):
                yield path, name, occurrence, start[0]


def mutant(path: Path, name: str, occurrence: int, line: int) -> dict[str, Any]:
    """Return one mutant."""
    source = path.read_text(encoding="utf-8")
    mutated = mutate_code(source, get_operator(f"core/{name}")(), occurrence)
    before, after = _difference(source, mutated)
    return {
        "path": str(path),
        "line": line,
        "operator": name,
        "before": before,
        "after": after,
        "source": mutated,
    }


def _without_effect(tree: ast.AST) -> Iterator[tuple[Place, Place]]:
    """Yield where code is never run: annotations, what is for type checkers only, decorators."""
    for node in ast.walk(tree):
        found: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef):
            found = [node.returns, *node.decorator_list]
        elif isinstance(node, ast.ClassDef):
            found = [*node.decorator_list]
        elif isinstance(node, (ast.arg, ast.AnnAssign)):
            found = [node.annotation]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            found = [node]
        for one in found:
            if isinstance(one, (ast.expr, ast.stmt)):
                end = (one.end_lineno or 0, one.end_col_offset or 0)
                yield (one.lineno, one.col_offset), end


def _difference(source: str, mutated: str) -> tuple[str, str]:
    """Return the line that was changed, before and after."""
    pairs = zip(source.split("\n"), mutated.split("\n"), strict=False)
    return next((one.strip(), other.strip()) for one, other in pairs if one != other)


def main(sample: int, seed: int, paths: list[str]) -> None:
    """Print the mutants, in an order by chance: what has run so far is a sample, too."""
    found = [place for path in paths for place in places(Path(path))]
    random.Random(seed).shuffle(found)
    for place in found[: sample or None]:
        sys.stdout.write(json.dumps(mutant(*place)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])
