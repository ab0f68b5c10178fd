"""What the project weighs: lines, tokens, modules and words of each folder.

    python tools/weight.py

Before Python 3.12 an f-string is one token, so compare tokens with the same Python.
"""

from __future__ import annotations

import ast
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[1]
NOT_COUNTED = {"COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENCODING", "ENDMARKER"}


def files(*patterns: str) -> list[Path]:
    return sorted({file for pattern in patterns for file in ROOT.glob(pattern)})


def tokens(file: Path) -> int:
    with tokenize.open(file) as stream:
        kinds = [tokenize.tok_name[token.type] for token in tokenize.generate_tokens(stream.readline)]
    return sum(kind not in NOT_COUNTED for kind in kinds)


def row(name: str, code: list[Path]) -> str:
    lines = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in code)
    modules = sum(file.parent != ROOT for file in code)  # main.py and flags.py only hand on to the package
    return f"{name:<24}{lines:>8,}{sum(map(tokens, code)):>9,}{modules:>9}"


def shape(code: list[Path]) -> str:
    """Return the conditional expressions in 1,000 lines, the longest function and the longest line."""
    lines = [line for file in code for line in file.read_text(encoding="utf-8").splitlines()]
    nodes = [(file, node) for file in code for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    conditional = sum(isinstance(node, ast.IfExp) for _, node in nodes)
    functions = [
        (node.end_lineno - node.lineno + 1, f"{file.relative_to(ROOT)}: {node.name}")
        for file, node in nodes
        if isinstance(node, ast.FunctionDef)
    ]
    return (
        f"conditional expressions in 1,000 lines of the package: {1000 * conditional / len(lines):.1f}\n"
        f"its longest function: {max(functions)[0]} lines ({max(functions)[1]}); "
        f"its longest line: {max(map(len, lines))} characters"
    )


def main() -> None:
    package = files("dcgan_tf/**/*.py", "main.py", "flags.py")
    print(f"{'':<24}{'lines':>8}{'tokens':>9}{'modules':>9}")
    print(row("package", package))
    print(row("  of it, files", files("dcgan_tf/*.py", "main.py", "flags.py")))
    for folder in files("dcgan_tf/*/__init__.py"):
        room = folder.parent.name
        print(row(f"  {room}/", files(f"dcgan_tf/{room}/**/*.py")))
    for room in ("tests", "benchmarks", "tools", "notebooks"):
        print(row(f"{room}/", files(f"{room}/**/*.py")))
    pages = files("docs/**/*.md", "README.md", "CONTRIBUTING.md")
    print(f"pages: {sum(len(page.read_text(encoding='utf-8').split()) for page in pages):,} words")
    print(shape(package))


if __name__ == "__main__":
    main()
