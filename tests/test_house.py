"""The tree keeps its shape: in sync, imports in the design's direction, a wheel that works by itself."""

import ast
import os
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import nbformat
import pytest
from in_sync import ROOT, out_of_sync

# Who may import whom: a folder may use itself and the folders named here.
MAY_IMPORT = {
    "workbook": set(),
    "solve": {"workbook"},
    "data": {"workbook"},
    **{step: {"workbook", "solve", "data"} for step in ("demand", "allocation", "business", "people", "privacy")},
    "cases": {"workbook", "solve", "data", "demand", "allocation", "business", "people", "privacy"},
}
FINDS = {"case": {"cases"}}  # workbook.case finds a case by the name of its package
MODULES = sorted((ROOT / "lepton_nb").glob("*/**/*.py"))


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split("\0")
    if names == [""]:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


@cache
def tree_of(module: Path) -> ast.Module:
    """Parse a module, once for all that ask."""
    return ast.parse(module.read_text(encoding="utf-8"))


DOTTED = re.compile(r"(?<![\w.])lepton_nb(?:\.\w+)+")


def docstring_ids(tree: ast.AST) -> set[int]:
    """Constants that are docstrings: they may mention any module."""
    owners = (node for node in ast.walk(tree) if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)))
    return {id(node.body[0].value) for node in owners if node.body and isinstance(node.body[0], ast.Expr)}


def imports_of(module: Path) -> set[str]:
    """Folders of ours that a module imports: relative or absolute, inside a function, or named in a string."""
    found, depth = set(), len(module.relative_to(ROOT / "lepton_nb").parts)
    tree = tree_of(module)
    told = docstring_ids(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if node.level == depth or (node.level == 0 and parts[0] == "lepton_nb"):
                named = parts[0] if node.level == depth else ".".join(parts[1:2])
                found |= {named} if named else {alias.name for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lepton_nb.")}
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            found |= {match.group().split(".")[1] for match in DOTTED.finditer(node.value)}
    return found & MAY_IMPORT.keys()


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(ROOT / "lepton_nb").as_posix())
def test_imports_keep_the_direction(module):
    folder = module.relative_to(ROOT / "lepton_nb").parts[0]
    assert imports_of(module) <= MAY_IMPORT[folder] | {folder} | FINDS.get(module.stem, set())


def case_of(module: Path) -> str:
    """Name the case that a module below cases/ belongs to."""
    return module.relative_to(ROOT / "lepton_nb").parts[1].removesuffix(".py")


@pytest.mark.parametrize("module", [m for m in MODULES if "cases" in m.parts], ids=lambda p: p.stem)
def test_a_case_imports_no_other_case(module):
    cases = {folder.name for folder in (ROOT / "lepton_nb" / "cases").iterdir() if folder.is_dir()}
    text = module.read_text(encoding="utf-8")
    assert not [name for name in cases - {case_of(module)} if re.search(rf"cases\.{name}\b|\.\.{name}\b", text)]


def public_names() -> dict[str, list[str]]:
    """Public names of the library, each with the modules that have it."""
    found: dict[str, list[str]] = {}
    for module in MODULES:
        for node in tree_of(module).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
                for name in node.value.elts:
                    found.setdefault(name.value, []).append(
                        module.relative_to(ROOT / "lepton_nb").with_suffix("").as_posix()
                    )
    return found


# A name with one of these words belongs to a shop, unless it is listed with the reason.
SHOP = re.compile(
    r"(?:^|_)(?:stores?|shelf|shelves|supermarkets?|docks?|sales)(?:_|$)|Store|Shelf|Supermarket|Dock|Sales"
)
NO_SHOP = {
    "LostSales": "the field's name of a model: demand that finds nothing is lost and not backordered",
}
# A public name stands in one module, unless it is listed with the reason.
SHARED = {
    **dict.fromkeys(("CASE", "CONTRACT", "SHIPPED", "SOURCES"), "every case package has one"),
    "Parameters": "every case has its own",
    **dict.fromkeys(("EXERCISES", "check"), "every case grades its exercises by these"),
    **dict.fromkeys(
        ("Known", "Forecast", "People", "Business"), "a part of every case's study, beside what a simulation has of it"
    ),
    **dict.fromkeys(
        ("Decision", "Return", "Study", "Result", "study", "study_of"), "every case's study has parts of these names"
    ),
    **dict.fromkeys(
        ("data_of", "known_of", "forecast_of", "decision_of", "return_of", "business_of"),
        "every case's study makes its parts by these",
    ),
    "Fans": "a study's forecasts, and the same as a block takes them",
    "render": "a text with holes, and a notebook as a page",
    "table": "rows of features, and a table on a page",
    **dict.fromkeys(
        ("at_least", "collect", "grouped", "nearest", "plain", "show"),
        "what reads and checks a user's tables has words of its own for its messages",
    ),
    **dict.fromkeys(
        ("GOODS", "GROUPS", "JUICE", "PURPOSES", "STORES", "SUPPLIERS", "WEEKDAYS"),
        "the retail case's tables, its simulated world and each of its sources have their own",
    ),
}


def test_words_of_a_shop_stay_in_the_retail_case():
    names = {
        name: where
        for name, modules in public_names().items()
        for where in modules
        if SHOP.search(name) and not where.startswith("cases/retail")
    }
    assert names.keys() <= NO_SHOP.keys(), names
    assert NO_SHOP.keys() <= names.keys(), "an exception that is not needed any more"


def test_a_public_name_stands_in_one_module():
    twice = {name: modules for name, modules in public_names().items() if len(modules) > 1 and name not in SHARED}
    assert not twice, twice


HOOKS = {"load_ipython_extension"}  # called by name from outside


def defined(source: str) -> set[str]:
    """Functions and constants at the top of a module; the types of what they return are public with them."""
    names = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {t.id for t in targets if isinstance(t, ast.Name) and (t.id.isupper() or t.id.islower())}
    return {name for name in names if not name.startswith("_")} - HOOKS


def test_what_nobody_else_uses_is_private():
    """A public name is used by another module, a page, a test or a benchmark, or shown in its own notebook."""
    exported, around = {}, {}
    for path in sorted((ROOT / "nbs").rglob("*.ipynb")):
        code = {True: [], False: []}
        for cell in nbformat.read(path, 4).cells:
            code[cell.cell_type == "code" and bool(re.search(r"^#\|\s*export", cell.source, re.M))].append(cell.source)
        exported[path], around[path] = "\n".join(code[True]), "\n".join(code[False])
    outside = [*(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").glob("*.py"), ROOT / "settings.ini"]
    words = {path: set(re.findall(r"\w+", exported[path] + "\n" + around[path])) for path in exported}
    words |= {path: set(re.findall(r"\w+", path.read_text(encoding="utf-8"))) for path in outside}
    users = Counter(word for found in words.values() for word in found)
    alone = {
        f"{path.relative_to(ROOT)}: {name}"
        for path, source in exported.items()
        for name in defined(source)
        if users[name] < 2 and not re.search(rf"\b{name}\b", around[path])
    }
    assert not alone, f"give these an underscore: {sorted(alone)}"


def test_ruff_finds_nothing():
    ruff = [sys.executable, "-m", "ruff"]
    for command in (["format", "--check", "--quiet", "."], ["check", "--quiet", "--no-cache", "."]):
        run = subprocess.run([*ruff, *command], cwd=ROOT, capture_output=True, text=True)
        assert run.returncode == 0, run.stdout[-3000:] + run.stderr


def test_importing_the_library_loads_no_development_tool():
    code = (
        "import sys, importlib, pathlib\n"
        f"root = pathlib.Path({str(ROOT)!r})\n"
        "for p in sorted(root.glob('lepton_nb/*/**/*.py')):\n"
        "    importlib.import_module('.'.join(p.relative_to(root).with_suffix('').parts).replace('.__init__', ''))\n"
        "print([m for m in ('nbdev', 'jupyterlab', 'fastcore', 'execnb') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert run.returncode == 0, run.stderr
    assert run.stdout.strip() == "[]"


def test_export_clean_and_readme_change_nothing():
    different = out_of_sync()
    assert not different, f"not what the notebooks make (run `make export`): {different}"


def test_no_notebook_holds_outputs():
    for notebook in ROOT.glob("nbs/**/*.ipynb"):
        assert not re.search(r'"outputs": \[\s*\{', notebook.read_text(encoding="utf-8")), notebook


def test_no_file_names_a_machine_path():
    pattern = re.compile(r"(?<![\w.])/(?:home|root|Users|work)/\w")
    for path in tracked():
        if path.suffix in {".py", ".ipynb", ".md", ".html", ".json", ".txt", ".ini", ".toml", ".yml", ""}:
            hit = pattern.search(path.read_text(encoding="utf-8"))
            assert not hit, f"{path.relative_to(ROOT)}: {hit.group(0)}"


def test_the_embedded_data_stays_small():
    for case in [folder for folder in (ROOT / "data").iterdir() if folder.is_dir()]:
        most = {"city": 4_000_000}.get(case.name, 3_000_000)  # a year of counts every five minutes
        assert 0 < sum(path.stat().st_size for path in case.rglob("*.parquet")) < most, case.name


@pytest.fixture(scope="module")
def wheel_site(tmp_path_factory):
    """A folder with nothing but the built wheel, unpacked as an installer would."""
    dist, site = tmp_path_factory.mktemp("dist"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(dist), str(ROOT)], check=True
    )
    subprocess.run([*pip, "install", "--no-deps", "--target", str(site), *map(str, dist.glob("*.whl"))], check=True)
    return site


def outside(site: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    """Run Python in `folder`, with the wheel first on the path and a cache of its own."""
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def retail_pages() -> dict[str, str]:
    """Text of the notebooks of the retail case that take parameters, by file name."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "nbs/cases/retail").glob("*.ipynb")}
    return {name: text for name, text in texts.items() if re.search(r'"tags": \[[^]]*"parameters"', text)}


@pytest.mark.slow
def test_a_wheel_works_outside_a_checkout(wheel_site, tmp_path):
    where = outside(wheel_site, tmp_path, "-c", "import lepton_nb; print(lepton_nb.__file__)")
    assert where.stdout.startswith(str(wheel_site)), where.stdout + where.stderr
    cases = outside(wheel_site, tmp_path, "-m", "lepton_nb.workbook.cli", "cases")
    assert cases.returncode == 0 and "retail" in cases.stdout, cases.stderr
    code = (
        "from lepton_nb.workbook.case import find_case, pages_of; p = pages_of(find_case('retail')); print(*p.values())"
    )
    pages = outside(wheel_site, tmp_path, "-c", code)
    carried = sorted((wheel_site / "lepton_nb/cases/retail/pages").glob("*.ipynb"))
    assert sorted(map(Path, pages.stdout.split())) == carried, pages.stdout + pages.stderr
    assert {page.name: page.read_text(encoding="utf-8") for page in carried} == retail_pages()
    code = "from lepton_nb.cases.retail.sources import SOURCES; d = SOURCES.load('embedded'); print(d.sha256)"
    made, again = (outside(wheel_site, tmp_path, "-c", code) for _ in range(2))
    assert made.returncode == 0, made.stderr
    from lepton_nb.cases.retail.sources import SOURCES

    assert made.stdout.strip() == again.stdout.strip() == SOURCES.load("embedded").sha256
