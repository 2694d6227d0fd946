"""Sizes and borders that keep the code readable."""

import ast
from pathlib import Path

import pytest

import reconciler

ROOT = Path(reconciler.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION, P90_FUNCTION = 400, 50, 30

OUTSIDE_PACKAGES = {
    "deepdiff": {"diff"},
    "tenacity": {"execute"},
    "watchfiles": {"daemon"},
    "lxml": {"xml"},
    "ruamel": {"load"},
    "_ruamel_yaml": {"load"},
    "libvirt": {"virt"},
    "click": {"cli"},
    "rich": {"cli", "show"},
}
"""One outside package, one room."""


def room(file: Path) -> str:
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def functions(file: Path) -> list[tuple[str, int]]:
    tree = ast.parse(file.read_text())
    found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [(f"{file.relative_to(ROOT)}:{f.name}", (f.end_lineno or f.lineno) - f.lineno + 1) for f in found]


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


def test_no_file_is_too_long() -> None:
    lengths = {str(file.relative_to(ROOT)): len(file.read_text().splitlines()) for file in FILES}
    assert {name: n for name, n in lengths.items() if n > LONGEST_FILE} == {}


def test_no_function_is_too_long() -> None:
    sizes = [size for file in FILES for size in functions(file)]
    assert [size for size in sizes if size[1] > LONGEST_FUNCTION] == []
    ordered = sorted(lines for _, lines in sizes)
    assert ordered[int(len(ordered) * 0.9)] <= P90_FUNCTION


@pytest.mark.parametrize("package", sorted(OUTSIDE_PACKAGES))
def test_one_outside_package_one_room(package: str) -> None:
    users = {room(file) for file in FILES if package in imported(file)}
    assert users <= OUTSIDE_PACKAGES[package]


def test_execute_names_no_kind_of_object() -> None:
    text = (ROOT / "execute.py").read_text().lower()
    kinds = ("domain", "pool", "network", "export", "volume", "migrat", "guest", "image", "disk")
    assert [kind for kind in kinds if kind in text] == []


def test_no_rooms_without_a_purpose() -> None:
    banned = {"utils", "helpers", "common", "manager"}
    assert [
        str(file) for file in FILES if banned & {part.removesuffix(".py") for part in file.relative_to(ROOT).parts}
    ] == []
