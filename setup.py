"""Every field of the package comes from settings.ini; the pages of the cases travel in the wheel."""

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


class BuildWithNotebooks(build_py):
    """Copy the pages of each case to the folder `pages` of its package, where the runner looks outside a checkout."""

    def run(self):
        """Build, and copy."""
        super().run()
        if self.editable_mode:
            return
        for notebook in sorted((ROOT / "nbs" / "cases").glob("*/*.ipynb")):
            if '"parameters"' in notebook.read_text(encoding="utf-8").replace(" ", "").replace("\n", ""):
                target = Path(self.build_lib) / "lepton_nb" / "cases" / notebook.parent.name / "pages"
                target.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(notebook, target / notebook.name)


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
        "dev": lines("dev_requirements") + lines("explain_requirements"),
        "bench": lines("bench_requirements"),
    },
    entry_points={
        "console_scripts": lines("console_scripts"),
        "nbdev": [f"{settings['lib_name']}={settings['lib_name']}._modidx:d"],
    },
    cmdclass={"build_py": BuildWithNotebooks},
    zip_safe=False,
)
