"""Every field of the package comes from settings.ini; pages and embedded data of the cases travel in the wheel."""

import shutil
from configparser import ConfigParser
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
config = ConfigParser(delimiters=["="], interpolation=None)
config.read(ROOT / "settings.ini", encoding="utf-8")
settings = config["DEFAULT"]


def lines(name: str) -> list[str]:
    """List the lines of a setting."""
    return [line.strip() for line in settings.get(name, "").splitlines() if line.strip()]


def shipped() -> dict[Path, str]:
    """List the pages and the embedded data of each case, and where in the package they go."""
    pages = {
        page: f"{page.parent.name}/pages/{page.name}"
        for page in sorted((ROOT / "nbs" / "cases").glob("*/*.ipynb"))
        if '"parameters"' in page.read_text(encoding="utf-8").replace(" ", "").replace("\n", "")
    }
    data = ROOT / "data"
    files = [file for file in sorted(data.glob("*/**/*")) if file.suffix in (".parquet", ".json")]
    names = {file: file.relative_to(data) for file in files}
    return pages | {file: f"{name.parts[0]}/data/{'/'.join(name.parts[1:])}" for file, name in names.items()}


class BuildWithCases(build_py):
    """Copy the pages and the data of each case into its package, where they are looked for outside a checkout."""

    def run(self):
        """Build, and copy."""
        super().run()
        if self.editable_mode:
            return
        for source, name in shipped().items():
            target = Path(self.build_lib) / "lepton_nb" / "cases" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(
    name=settings["lib_name"],
    version=settings["version"],
    description=settings["description"],
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    author=settings["author"],
    url=settings["git_url"],
    keywords=settings["keywords"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Developers",
        "Intended Audience :: Science/Research",
        "Framework :: Jupyter",
        *[f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)],
    ],
    python_requires=f">={settings['min_python']}",
    packages=find_packages(include=["lepton_nb", "lepton_nb.*"]),
    package_data={"lepton_nb": ["workbook/template/*"]},
    install_requires=lines("requirements"),
    extras_require={
        "explain": lines("explain_requirements"),
        "scale": lines("scale_requirements"),
        "sql": lines("sql_requirements"),
        "sumo": lines("sumo_requirements"),
        "torch": lines("torch_requirements"),
        "dev": [line for part in ("dev", "explain", "scale", "sql") for line in lines(f"{part}_requirements")],
        "bench": [line for part in ("bench", "torch") for line in lines(f"{part}_requirements")],
    },
    entry_points={
        "console_scripts": lines("console_scripts"),
        "nbdev": [f"{settings['lib_name']}={settings['lib_name']}._modidx:d"],
    },
    cmdclass={"build_py": BuildWithCases},
    zip_safe=False,
)
