"""The tree keeps its shape: in sync, imports in the design's direction, a wheel that works by itself."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

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
MODULES = sorted((ROOT / "lepton_nb").glob("*/**/*.py"))


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True).stdout.split("\0")
    if names == [""]:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def imports_of(module: Path) -> set[str]:
    """Folders of ours that a module imports, relative or absolute, at the top or inside a function."""
    found, depth = set(), len(module.relative_to(ROOT / "lepton_nb").parts)
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            parts = (node.module or "").split(".")
            if node.level == depth or (node.level == 0 and parts[0] == "lepton_nb"):
                found.add(parts[0] if node.level == depth else parts[1])
        elif isinstance(node, ast.Import):
            found |= {alias.name.split(".")[1] for alias in node.names if alias.name.startswith("lepton_nb.")}
    return found


@pytest.mark.parametrize("module", MODULES, ids=lambda p: p.relative_to(ROOT / "lepton_nb").as_posix())
def test_imports_keep_the_direction(module):
    folder = module.relative_to(ROOT / "lepton_nb").parts[0]
    assert imports_of(module) <= MAY_IMPORT[folder] | {folder}


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
    total = sum(path.stat().st_size for path in (ROOT / "data").rglob("*.parquet"))
    assert 0 < total < 3_000_000


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


@pytest.mark.slow
def test_a_wheel_works_outside_a_checkout(wheel_site, tmp_path):
    where = outside(wheel_site, tmp_path, "-c", "import lepton_nb; print(lepton_nb.__file__)")
    assert where.stdout.startswith(str(wheel_site)), where.stdout + where.stderr
    cases = outside(wheel_site, tmp_path, "-m", "lepton_nb.workbook.cli", "cases")
    assert cases.returncode == 0 and "retail" in cases.stdout, cases.stderr
    code = "from lepton_nb.data.catalog import load; d = load('retail', 'embedded'); print(d.sha256)"
    made, again = (outside(wheel_site, tmp_path, "-c", code) for _ in range(2))
    assert made.returncode == 0, made.stderr
    from lepton_nb.data.catalog import load

    assert made.stdout.strip() == again.stdout.strip() == load("retail", "embedded").sha256
