"""Turn the comments beside parameters into sections that `help`, Shift-Tab and an IDE show.

In a notebook a parameter stands on a line of its own with its meaning, unit and shape behind it. An exported module
carries the same words as numpydoc sections, with the first example of the notebook that calls the function.
"""

import ast
import io
import re
import textwrap
import tokenize
from pathlib import Path

import nbformat

CELL = re.compile(r"^# %% (?P<notebook>\S+\.ipynb) #(?P<cell>\S+)$", re.M)
WIDTH = 116  # of a docstring's text, four columns of indentation apart
LONGEST = 8  # lines of an example


def comments_of(source: str) -> dict[int, str]:
    """Return the comments that stand behind code, by line."""
    found, code = {}, set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.start[0] in code:
            found[token.start[0]] = token.string.lstrip("# ").rstrip()
        elif token.type not in (tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT):
            code.add(token.start[0])
    return found


def kind_of(annotation: ast.expr) -> str:
    """Write an annotation, also one that stands in quotes because its module is not loaded."""
    return annotation.value if isinstance(getattr(annotation, "value", None), str) else ast.unparse(annotation)


def parameters_of(function: ast.FunctionDef, comments: dict[int, str]) -> list[tuple[str, str, str, int]]:
    """List name, type, words and line of each parameter; none where no parameter has a comment."""
    given = function.args
    plain = [*given.posonlyargs, *given.args]
    defaults = [None] * (len(plain) - len(given.defaults)) + list(given.defaults)
    pairs = [
        *zip(plain, defaults, [""] * len(plain)),
        *([(given.vararg, None, "*")] if given.vararg else []),
        *zip(given.kwonlyargs, given.kw_defaults, [""] * len(given.kwonlyargs)),
        *([(given.kwarg, None, "**")] if given.kwarg else []),
    ]
    rows = []
    for parameter, default, stars in pairs:
        kind = kind_of(parameter.annotation) if parameter.annotation else ""
        if default is not None:
            kind = f"{kind}, default {ast.unparse(default)}".lstrip(", ")
        if parameter.arg not in ("self", "cls"):
            line = (default or parameter).end_lineno
            rows.append((stars + parameter.arg, kind, comments.get(line, ""), line))
    lines = [row[3] for row in rows]
    return rows if any(row[2] for row in rows) and len(set(lines)) == len(lines) else []


def returned(function: ast.FunctionDef, comments: dict[int, str]) -> tuple[str, str, int] | None:
    """Return type, words and line of what a function gives, where they stand behind its arrow."""
    if function.returns is None or function.returns.end_lineno == function.lineno:
        return None
    line = function.returns.end_lineno
    return (ast.unparse(function.returns), comments[line], line) if line in comments else None


def attributes_of(kind: ast.ClassDef, comments: dict[int, str]) -> list[tuple[str, str, str, int]]:
    """List name, type, words and line of each annotated field of a class."""
    rows = []
    for node in kind.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            default = f", default {ast.unparse(node.value)}" if isinstance(node.value, ast.Constant) else ""
            rows.append(
                (node.target.id, ast.unparse(node.annotation) + default, comments.get(node.end_lineno, ""), node.lineno)
            )
    return rows if any(row[2] for row in rows) else []


def section(title: str, rows: list[tuple[str, str, str]]) -> str:
    """Write one numpydoc section."""
    lines = [title, "-" * len(title)]
    for name, kind, words in rows:
        lines.append(" : ".join(filter(None, (name, kind))))
        lines += textwrap.wrap(words, WIDTH - 8, initial_indent="    ", subsequent_indent="    ")
    return "\n".join(lines)


def examples_of(notebook: Path) -> list[tuple[str, str]]:
    """List (id, source) of all code cells of a notebook."""
    return [(cell.get("id", ""), cell.source) for cell in nbformat.read(notebook, 4).cells if cell.cell_type == "code"]


def example(name: str, cells: list[tuple[str, str]], after: str) -> str:
    """Return the first short cell after the export that calls a function, as a doctest would show it."""
    ids = [cell for cell, _ in cells]
    for _, source in cells[ids.index(after) + 1 if after in ids else 0 :]:
        lines = source.rstrip().splitlines()
        called = [line for line in lines if re.search(rf"\b{name}\(", line) and not line.startswith("assert")]
        if not called or source.startswith(("#|", "%")) or len(lines) > LONGEST:
            continue
        return "\n".join(
            (">>> " if re.match(r"[^\s)\]}]", line) else "... ") + line if line.strip() else "..." for line in lines
        )
    return ""


def cell_of(source: str, line: int) -> tuple[str, str]:
    """Return notebook and cell that a line of an exported module comes from."""
    found = ("", "")
    for match in CELL.finditer(source):
        if source.count("\n", 0, match.start()) + 1 > line:
            break
        found = match["notebook"], match["cell"]
    return found


def sections(node: ast.AST, source: str, comments: dict[int, str], folder: Path, read: dict) -> tuple[str, set[int]]:
    """Return the text to add to a docstring, and the lines whose comments it repeats."""
    parts, lines = [], set()
    if isinstance(node, ast.ClassDef):
        rows = attributes_of(node, comments)
        title = "Attributes"
    else:
        rows, title = parameters_of(node, comments), "Parameters"
        lines |= {row[3] for row in rows}
    if rows:
        parts.append(section(title, [row[:3] for row in rows]))
    given = None if isinstance(node, ast.ClassDef) else returned(node, comments)
    if given:
        parts.append(section("Returns", [("", *given[:2])]))
        lines.add(given[2])
    name, cell = cell_of(source, node.lineno)
    if not node.name.startswith("_") and name and not node.col_offset:
        notebook = (folder / name).resolve()
        if notebook not in read:
            read[notebook] = examples_of(notebook) if notebook.is_file() else []
        shown = example(node.name, read[notebook], cell)
        if shown:
            parts.append("Examples\n--------\n" + shown)
    return "\n\n".join(parts), lines


def documented(source: str, folder: Path, read: dict) -> str:
    """Return a module with its comments made into docstrings."""
    tree, comments, lines = ast.parse(source), comments_of(source), source.splitlines()
    edits = []
    for node in ast.walk(tree):
        if not isinstance(node, (ast.FunctionDef, ast.ClassDef)) or ast.get_docstring(node) is None:
            continue
        text, repeated = sections(node, source, comments, folder, read)
        if text:
            edits.append((node.body[0].value, text, repeated))
    for docstring, text, repeated in sorted(edits, key=lambda edit: -edit[0].lineno):
        indent = " " * docstring.col_offset
        first, last = docstring.lineno - 1, docstring.end_lineno - 1
        literal = "\n".join(lines[first : last + 1]).strip()
        raw = literal.startswith(("r", "R")) or "\\" in text
        body = literal.lstrip("rR")[3:-3].rstrip()
        if "\\" in body and not literal.startswith(("r", "R")):
            raw, text = False, text.replace("\\", "\\\\")
        added = textwrap.indent(text.replace('"""', "'''"), indent)
        lines[first : last + 1] = f'{indent}{"r" if raw else ""}"""{body}\n\n{added}\n{indent}"""'.splitlines()
        for line in repeated:
            lines[line - 1] = without_comment(lines[line - 1])
    return "\n".join(lines) + "\n"


def without_comment(line: str) -> str:
    """Take the comment off a line of a signature."""
    tokens = tokenize.generate_tokens(io.StringIO(line + "\n").readline)
    try:
        for token in tokens:
            if token.type == tokenize.COMMENT:
                return line[: token.start[1]].rstrip()
    except tokenize.TokenError:
        pass
    return line


def document(root: Path) -> None:
    """Make the comments of all exported modules below a checkout into docstrings."""
    read: dict[Path, list] = {}
    for module in sorted(root.glob("lepton_nb/**/*.py")):
        source = module.read_text(encoding="utf-8")
        if "AUTOGENERATED" in source and module.name != "_modidx.py":
            module.write_text(documented(source, module.parent, read), encoding="utf-8")
