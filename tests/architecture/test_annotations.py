"""What flows is typed: parameters say what they take, arrays say which shape they have."""

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "pymafsam"
MOST_ANY = 10  # where something of another library, or of an untrusted file, can be anything
LONGEST = 400  # lines of a file


def parameters() -> Iterator[tuple[str, ast.expr]]:
    """Where a parameter stands and its annotation, of every function."""
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                given = node.args
                both = [*given.posonlyargs, *given.args, *given.kwonlyargs]
                for one in [*both, *filter(None, (given.vararg, given.kwarg))]:
                    if one.annotation is not None:
                        place = f"{path.relative_to(SOURCE)}:{one.lineno} {node.name}({one.arg})"
                        yield place, one.annotation


def test_few_parameters_may_be_anything():
    found = [place for place, kind in parameters() if ast.unparse(kind) == "Any"]
    assert len(found) <= MOST_ANY, "\n".join(found)


def test_every_file_can_be_read_in_one_go():
    lengths = {p: len(p.read_text(encoding="utf-8").splitlines()) for p in SOURCE.rglob("*.py")}
    assert not [path for path, lines in lengths.items() if lines > LONGEST]


def bare_arrays(kind: ast.expr) -> bool:
    """Whether an array stands there without its shape, as in ``Float[ndarray, "points 3"]``."""
    if isinstance(kind, ast.Subscript) and isinstance(kind.slice, ast.Tuple):
        *_, last = kind.slice.elts
        if isinstance(last, ast.Constant) and isinstance(last.value, str):
            return False
    if isinstance(kind, ast.Name | ast.Attribute):
        return ast.unparse(kind) in ("np.ndarray", "ndarray", "Tensor", "torch.Tensor")
    return any(bare_arrays(one) for one in ast.iter_child_nodes(kind) if isinstance(one, ast.expr))


def test_every_array_that_is_handed_over_carries_its_shape():
    assert not [place for place, kind in parameters() if bare_arrays(kind)]
