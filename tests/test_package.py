"""What is installed: a source archive that can be built, a wheel with pages and data, and every import declared."""

import ast
import importlib.metadata
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

import lepton_nb

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A source archive of a clean copy, and the wheel that is built from this archive alone."""
    pytest.importorskip("build")
    copy, out = tmp_path_factory.mktemp("clean") / "lepton", tmp_path_factory.mktemp("dist")
    left = shutil.ignore_patterns(".*", "runs", "build", "dist", "reports", "benchmarks", "*.egg-info", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=left)
    words = [sys.executable, "-m", "build", "--no-isolation", "--skip-dependency-check", "--outdir", out, copy]
    said = subprocess.run(words, cwd=out, capture_output=True, text=True)
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
    return out


def ask(site: Path, here: Path, code: str) -> str:
    """Run code on the installed package, away from the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(site), "HOME": str(here), "XDG_CACHE_HOME": str(here / "cache")}
    said = subprocess.run([sys.executable, "-c", code], cwd=here, env=environment, capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    return said.stdout.strip()


@pytest.mark.slow
def test_the_source_archive_builds_a_wheel_that_has_pages_and_data(built, tmp_path):
    (archive,), (wheel,) = built.glob("*.tar.gz"), built.glob("*.whl")
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"settings.ini", "nbs/cases/retail/decide.ipynb", "data/retail/sales.parquet", "tests/in_sync.py"} <= names
    assert {"CHANGELOG.md", "CITATION.cff", "Containerfile", "constraints.txt"} <= names
    site = tmp_path / "site"
    shutil.unpack_archive(wheel, site, "zip")
    wanted = {p.relative_to(ROOT / "data/retail").as_posix() for p in (ROOT / "data/retail").rglob("*") if p.is_file()}
    here = site / "lepton_nb/cases/retail/data"
    assert wanted == {p.relative_to(here).as_posix() for p in here.rglob("*") if p.is_file()}
    pages = {p.name for p in (site / "lepton_nb/cases/retail/pages").iterdir()}
    assert "decide.ipynb" in pages and "01_public.ipynb" not in pages


@pytest.mark.slow
def test_an_installed_package_reads_the_data_it_brought(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    site = tmp_path / "site"
    shutil.unpack_archive(wheel, site, "zip")
    code = (
        "from lepton_nb.cases.retail.world.simulate import EMBEDDED, embedded\n"
        "print(EMBEDDED.folder(), len(embedded()[0]['sales']) > 1000)"
    )
    assert ask(site, tmp_path, code) == f"{site / 'lepton_nb/cases/retail/data'} True"
    assert not (tmp_path / "cache").exists(), "nothing is simulated anew"


def imported() -> set[str]:
    """Name the top packages that the library imports; what only developers need stands in `dev_requirements`."""
    found = set()
    for file in (ROOT / "lepton_nb").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"lepton_nb"}


def plain(name: str) -> str:
    return re.match(r"[\w.-]+", name)[0].lower().replace("_", "-")


def test_every_package_that_the_library_imports_is_declared():
    text = (ROOT / "settings.ini").read_text(encoding="utf-8")
    lists = re.findall(r"^(?:dev_|explain_|scale_|sql_|torch_)?requirements =\n((?:    \S+\n)+)", text, re.M)
    declared = {plain(line.strip()) for lines in lists for line in lines.splitlines()}
    known = importlib.metadata.packages_distributions()
    missing = {name for name in imported() if not {plain(d) for d in known.get(name, [name])} & declared}
    assert not missing


# ---- a release


def setting(name: str) -> str:
    """Read a line of settings.ini."""
    return re.search(rf"^{name} = (.+)$", (ROOT / "settings.ini").read_text(encoding="utf-8"), re.M)[1]


def test_one_version_stands_in_settings_package_changelog_and_citation():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)[1]
    assert setting("version") == lepton_nb.__version__ == newest == citation["version"]
    assert citation["repository-code"] == setting("git_url") and citation["license"] == "MIT"
    assert {"cff-version", "message", "title", "authors"} <= citation.keys(), "without which it is none"


def instructions() -> list[tuple[str, str]]:
    """Read the container file: word and rest of each instruction."""
    text = re.sub(r"\\\n", " ", (ROOT / "Containerfile").read_text(encoding="utf-8"))
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line and not line.startswith("#")]


def test_the_container_is_made_from_the_lock_of_what_there_is_and_runs_without_rights():
    told = instructions()
    runs = [rest for word, rest in told if word == "RUN"]
    assert any("--require-hashes --requirement constraints.txt" in rest for rest in runs)
    assert all("--no-deps" in rest or "--require-hashes" in rest for rest in runs if "pip install" in rest)
    copied = [name for word, rest in told if word == "COPY" for name in rest.split()[:-1]]
    assert copied and all((ROOT / name).exists() for name in copied)
    read = {"settings.ini", "setup.py", "pyproject.toml", "README.md", "nbs", "data", "lepton_nb"}
    assert read <= set(copied), "what setup.py reads"
    words = dict(told)
    assert words["USER"] == "lepton" and words["ENTRYPOINT"] == '["lepton-nb"]'
    assert re.fullmatch(r"python:3\.(11|12|13)-slim", words["FROM"])


def workflows() -> dict[str, dict]:
    return {path.name: yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / ".github").rglob("*.yml")}


def test_the_workflows_install_wheel_and_archive_on_every_python_and_once_without_the_lock():
    jobs = workflows()["test.yml"]["jobs"]
    every = [f"3.{minor}" for minor in range(int(setting("min_python")[2:]), int(setting("max_python")[2:]) + 1)]
    assert jobs["test"]["strategy"]["matrix"]["python"] == jobs["package"]["strategy"]["matrix"]["python"] == every
    said = {name: "\n".join(step.get("run", "") for step in job["steps"]) for name, job in jobs.items()}
    assert "dist/*.whl dist/*.tar.gz" in said["package"] and "lepton-nb run retail" in said["package"]
    assert "constraints" not in said["newest"] and "lepton-nb run retail" in said["newest"]


def test_every_action_is_pinned_by_its_hash():
    steps = [step for flow in workflows().values() for job in flow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used and all(re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action) for action in used)
