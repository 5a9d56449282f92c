"""Hold lepton_nb/, README.md and the notebooks to each other; `--write` brings them together.

Everything is made anew in a temporary copy and compared, so a check never touches the tree and
modules whose notebook is gone are found as well.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import nbformat
from docstrings import document
from nbconvert import MarkdownExporter

ROOT = Path(__file__).resolve().parent.parent
MADE = ("lepton_nb/**/*.py", "nbs/**/*.ipynb", "README.md")


def clear_outputs(notebook: Path) -> None:
    """Outputs belong to runs/ and reports/; a notebook in nbs/ holds its source alone."""
    nb = nbformat.read(notebook, as_version=4)
    nb.metadata = {"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}
    for cell in nb.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    nbformat.write(nb, notebook)


def make(folder: Path) -> None:
    """Clean, export, document and write the README in `folder`, a copy of the checkout."""
    for notebook in folder.glob("nbs/**/*.ipynb"):
        clear_outputs(notebook)
    bin_folder = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ.get('PATH', '')}"}
    for command in (["nbdev_clean", "--fname", "nbs"], ["nbdev_export"]):
        run = subprocess.run(
            [str(bin_folder / command[0]), *command[1:]], cwd=folder, env=environment, capture_output=True, text=True
        )
        if run.returncode:
            raise SystemExit(f"{' '.join(command)} failed:\n{run.stdout}{run.stderr}")
    document(folder)
    body, _ = MarkdownExporter().from_filename(str(folder / "nbs/index.ipynb"))
    lines = [line for line in body.strip().splitlines() if not line.startswith("#|")]
    head = "<!-- Made from nbs/index.ipynb by `make export`; edit it there. -->\n\n"
    (folder / "README.md").write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


def copy(folder: Path) -> Path:
    """Copy what the export reads, with a lepton_nb/ that holds only its hand-written files."""
    ignore = shutil.ignore_patterns(".ipynb_checkpoints", "__pycache__")
    shutil.copytree(ROOT / "nbs", folder / "nbs", ignore=ignore)
    for name in ("settings.ini", "pyproject.toml", "setup.py"):
        shutil.copyfile(ROOT / name, folder / name)
    for init in ROOT.glob("lepton_nb/**/__init__.py"):
        target = folder / init.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(init, target)
    return folder


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text(encoding="utf-8")
        for pattern in MADE
        for path in folder.glob(pattern)
        if ".ipynb_checkpoints" not in path.parts
    }


def out_of_sync(write: bool = False) -> list[str]:
    """Name the files that differ from what the notebooks make; with `write`, mend them."""
    with tempfile.TemporaryDirectory() as temporary:
        fresh = copy(Path(temporary).resolve())
        make(fresh)
        here, made = files(ROOT), files(fresh)
        different = sorted(name for name in here.keys() | made.keys() if here.get(name) != made.get(name))
        if write:
            for name in different:
                if name in made:
                    (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
                    (ROOT / name).write_text(made[name], encoding="utf-8")
                else:
                    (ROOT / name).unlink()
        return different


if __name__ == "__main__":
    names = out_of_sync(write="--write" in sys.argv)
    print("\n".join(names) if names else "in sync")
    sys.exit(bool(names) and "--write" not in sys.argv)
