"""What a run was made of: a Process Run Crate that the validator of RO-Crate accepts, and the same for people."""

import json
import os
from datetime import datetime
from pathlib import Path

import pytest
from bs4 import BeautifulSoup

from lepton_nb.workbook.cli import main
from lepton_nb.workbook.manifest import file_sha256, folder_sha256
from lepton_nb.workbook.run import RunFailed, run_case

HERE = Path(__file__).parent
PLACE = {"module": "toy_case"}
CRATE = "ro-crate-metadata.json"

# The validator fetches the two contexts of a crate. So that it works without a network, it is given here the part of
# them that our crates use, written down from the definitions of both. A term that is not listed is one that the
# contexts may not have: the validator then refuses the crate, and whoever added it has to look it up.
SCHEMA = """
    CreateAction CreativeWork Dataset Organization PropertyValue SoftwareApplication about actionStatus author
    contentSize datePublished description encodingFormat endTime error hasPart identifier instrument license mentions
    name object result runtimePlatform softwareRequirements softwareVersion startTime unitText url value version
"""
CONTEXTS = {
    "https://w3id.org/ro/crate/1.1/context": {
        **{term: f"http://schema.org/{term}" for term in SCHEMA.split()},
        "File": "http://schema.org/MediaObject",
        "conformsTo": "http://purl.org/dc/terms/conformsTo",
    },
    "https://w3id.org/ro/terms/workflow-run/context": {
        term: f"https://w3id.org/ro/terms/workflow-run#{term}" for term in ("sha256", "environment", "resourceUsage")
    },
}
# What is recommended and not given, with the reason.
LEFT_OUT = {
    "process-run-crate-0.5_8.6": "agent: who ran it is a person, and no name of a person is written down",
    "ro-crate-1.1_22.3": "publisher: a run is published by whoever does so, if anybody",
    "process-run-crate-0.5_5.1": "absolute URI: packages have their purl, the case a name within the crate",
    "process-run-crate-0.5_3.2": "url: of packages that name none in their metadata",
}


class Served:
    """A context as the validator's reader of addresses would give it."""

    status_code, ok, headers = 200, True, {"Content-Type": "application/ld+json"}  # noqa: RUF012

    def __init__(self, address: str):
        self.text = json.dumps({"@context": CONTEXTS[address]})

    def json(self) -> dict:
        return json.loads(self.text)

    def raise_for_status(self) -> None:
        pass


@pytest.fixture
def issues(monkeypatch):
    """Validate a folder with all that is required and recommended; give the issues as severity, check, message."""
    models = pytest.importorskip("rocrate_validator.models")
    from rocrate_validator import services
    from rocrate_validator.utils.http import HttpRequester

    monkeypatch.setattr(HttpRequester, "get", lambda self, address, *_, **__: Served(address), raising=False)

    def found(folder: Path) -> list[tuple[str, str, str]]:
        settings = models.ValidationSettings(
            rocrate_uri=models.URI(str(folder)),
            profile_identifier="process-run-crate",
            requirement_severity=models.Severity.RECOMMENDED,
        )
        result = services.validate(settings)
        return [(i.severity.name, i.check.identifier, str(i.message)) for i in result.get_issues()]

    return found


@pytest.fixture
def stand(monkeypatch, tmp_path):
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("LEPTON_NB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def run(*pairs: tuple[str, str]) -> Path:
        return run_case("stand", pairs, out="runs", progress=False, threads=1, **PLACE)

    return run


def graph_of(folder: Path) -> dict[str, dict]:
    return {entity["@id"]: entity for entity in json.loads((folder / CRATE).read_text())["@graph"]}


def rewritten(folder: Path, change) -> Path:
    """Change the crate of a folder by hand."""
    told = json.loads((folder / CRATE).read_text())
    change({entity["@id"]: entity for entity in told["@graph"]})
    (folder / CRATE).write_text(json.dumps(told))
    return folder


def test_the_validator_accepts_a_run_and_refuses_one_that_lacks_something(stand, issues):
    folder = stand()
    found = issues(folder)
    assert [line for line in found if line[0] == "REQUIRED"] == []
    assert {check for _, check, _ in found} <= LEFT_OUT.keys(), [line for line in found if line[1] not in LEFT_OUT]

    def no_tool(graph):
        next(e for e in graph.values() if e["@type"] == "CreateAction").pop("instrument")

    assert any(
        "instrument" in message for severity, _, message in issues(rewritten(folder, no_tool)) if severity == "REQUIRED"
    )


def test_the_validator_refuses_a_word_that_the_contexts_do_not_have_and_a_file_that_is_gone(stand, issues):
    folder = stand()
    page = (folder / "decide.html").rename(folder.parent / "aside.html")
    assert any(severity == "REQUIRED" and "decide.html" in message for severity, _, message in issues(folder))
    page.rename(folder / "decide.html")
    told = issues(rewritten(folder, lambda graph: graph["./"].update(invented="x")))
    assert any(severity == "REQUIRED" and "invented" in message for severity, _, message in told)


def test_a_failed_run_is_a_valid_crate_too(stand, issues, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(HERE / "nowhere"))  # the page does not find its case
    with pytest.raises(RunFailed) as failed:
        stand()
    found = issues(failed.value.folder)
    assert {check for _, check, _ in found} <= LEFT_OUT.keys(), found
    (action,) = [e for e in graph_of(failed.value.folder).values() if e["@type"] == "CreateAction"]
    assert action["actionStatus"].endswith("FailedActionStatus") and "ModuleNotFoundError" in action["error"]


def test_it_says_inputs_parameters_software_outputs_and_times(stand, tmp_path):
    assert main(["template", "stand", "mine"], **PLACE) == 0
    lines = "".join(f"2025-{1 + week // 4:02d}-{1 + 7 * (week % 4):02d},{30 + week % 7}\n" for week in range(40))
    Path("mine/sold.csv").write_text("ds,units\n" + lines)
    folder = stand(("source", "own:mine"), ("price", "9.5"))
    graph = graph_of(folder)
    (action,) = [e for e in graph.values() if e["@type"] == "CreateAction"]
    assert graph["#own"]["name"] == "own:mine" and graph["#own"]["sha256"] == folder_sha256("mine", ("*",))
    inputs = {ref["@id"] for ref in action["object"]}
    assert {"#own", "#parameter/price", "#parameter/cost", "#parameter/seed"} <= inputs
    assert graph["#parameter/price"]["value"] == "9.5" and graph["#parameter/cost"]["value"] == "3.0"
    outputs = {ref["@id"] for ref in action["result"]}
    assert outputs == {"decide.html", "decide.ipynb", "results.json"} == {p.name for p in folder.iterdir()} - {CRATE}
    assert all(graph[name]["sha256"] == file_sha256(folder / name) for name in outputs)
    case = graph[action["instrument"]["@id"]]
    library = graph[case["softwareRequirements"]["@id"]]
    needed = {
        graph[ref["@id"]]["name"]: graph[ref["@id"]]["softwareVersion"] for ref in library["softwareRequirements"]
    }
    import numpy

    assert needed["numpy"] == numpy.__version__ and library["runtimePlatform"].startswith("Python 3.")
    began, ended = (datetime.fromisoformat(action[key]) for key in ("startTime", "endTime"))
    took = float(graph["#measure/seconds"]["value"])
    assert began.tzinfo is not None and abs((ended - began).total_seconds() - took) <= 1
    assert {ref["@id"] for ref in action["resourceUsage"]} >= {"#measure/peak_memory", "#measure/processor_seconds"}


def test_the_page_shows_people_the_same(stand):
    folder = stand(("price", "9.5"))
    page = BeautifulSoup((folder / "decide.html").read_text(encoding="utf-8"), "html.parser")
    told = {line.dt.get_text(): line.dd.get_text() for line in page.select("footer dl.made > div")}
    assert {"Parameters", "Software", "Packages", "Steps", "Time"} <= told.keys()
    assert "price = 9.5" in told["Parameters"] and "cost = 3.0" in told["Parameters"]
    graph = graph_of(folder)
    (action,) = [e for e in graph.values() if e["@type"] == "CreateAction"]
    assert told["Time"] == f"{action['startTime']} to {action['endTime']}"
    assert graph["#lepton_nb"]["sha256"][:12] in told["Software"]
    packages = [f"{e['name']} {e['softwareVersion']}" for key, e in graph.items() if key.startswith("pkg:")]
    assert told["Packages"].split(", ") == packages
    assert "worked out s" not in told["Steps"] and told["Steps"].startswith("worked out")
    assert CRATE in page.select_one("footer details").get_text()
