"""Every error id stands in docs/errors, and every id there is raised somewhere."""

import ast
import re
from pathlib import Path

from carbonport import errors

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.CarbonportError)
}


def raised_ids() -> dict[str, str]:
    """Ids given as the first argument of an error family anywhere in the package, with the file they stand in."""
    found: dict[str, str] = {}
    for path in (ROOT / "src/carbonport").rglob("*.py"):
        if "wire" in path.parts:
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(call, ast.Call) and call.args):
                continue
            name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
            first = call.args[0]
            if name in FAMILIES and isinstance(first, ast.Constant) and isinstance(first.value, str):
                found[first.value] = str(path.relative_to(ROOT))
    return found


def documented_ids() -> dict[str, str]:
    return {
        heading: page.name
        for page in (ROOT / "docs/errors").glob("*.md")
        for heading in re.findall(r"^## ([a-z0-9-]+)$", page.read_text(), re.MULTILINE)
    }


def test_every_raised_error_is_documented() -> None:
    missing = {key: place for key, place in raised_ids().items() if key not in documented_ids()}
    assert missing == {}


def test_every_documented_error_is_raised() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "src/carbonport").rglob("*.py"))
    unused = {key: page for key, page in documented_ids().items() if f'"{key}"' not in text}
    assert unused == {}


def test_no_error_id_is_explained_twice() -> None:
    headings = [
        heading
        for page in (ROOT / "docs/errors").glob("*.md")
        for heading in re.findall(r"^## ([a-z0-9-]+)$", page.read_text(), re.MULTILINE)
    ]
    assert sorted(headings) == sorted(set(headings))
