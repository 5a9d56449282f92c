"""Whole runs of a small case: what is left after success, failure, a refusal."""

import json
import os
import sys

import nbformat
import papermill
import pytest
import tiny_case
from tiny_case import left_in, run

from lepton_nb.workbook import publish as publish_module
from lepton_nb.workbook.case import find_case
from lepton_nb.workbook.execute import OwnKernel, execute, prune
from lepton_nb.workbook.manifest import file_sha256
from lepton_nb.workbook.parameters import UserError, default_problems, parse_pairs
from lepton_nb.workbook.run import RunFailed, is_complete, plan
from lepton_nb.workbook.verify import read_results


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    with tiny_case.importable(tmp_path_factory.mktemp("cases")) as place:
        yield place


@pytest.fixture(scope="module")
def done(place, tmp_path_factory):
    return run(place, tmp_path_factory.mktemp("out"), ("units", "40"), ("code", "0042"))


def test_a_run_leaves_a_whole_folder_of_strict_json(done):
    assert sorted(p.name for p in done.iterdir()) == [
        "report.html",
        "report.ipynb",
        "results.json",
        "ro-crate-metadata.json",
    ]
    results = read_results(done)
    assert results["results"]["revenue"]["value"] == 100.0 and results["data"] == {"sales": "ab" * 32}
    assert results["parameters"]["code"] == "0042" and results["parameters"]["units"] == 40

    def refuse(constant):
        pytest.fail(f"{constant} in the crate")

    json.loads((done / "ro-crate-metadata.json").read_text(), parse_constant=refuse)


def test_the_crate_holds_the_true_checksums_parameters_and_measures(done):
    graph = {e["@id"]: e for e in json.loads((done / "ro-crate-metadata.json").read_text())["@graph"]}
    for name in ("report.ipynb", "report.html", "results.json"):
        assert graph[name]["sha256"] == file_sha256(done / name)
        assert int(graph[name]["contentSize"]) == (done / name).stat().st_size
    assert graph["#parameter/code"]["value"] == "0042" and graph["#data/sales"]["sha256"] == "ab" * 32
    assert 2e7 < float(graph["#measure/peak_memory"]["value"]) < 2e9
    action = next(e for e in graph.values() if e["@type"] == "CreateAction")
    assert action["description"] == "lepton-nb run shop -p units 40 -p code 0042"
    assert "CompletedActionStatus" in action["actionStatus"]


def test_the_kernel_is_this_interpreter_with_capped_threads_in_the_folder_of_the_user(done):
    cells = nbformat.read(done / "report.ipynb", 4).cells
    assert cells[-1].outputs[0]["data"]["text/plain"] == repr([sys.executable, "1", os.getcwd()])
    assert not any("1 / 0" in c.source or c.source.startswith("#|") for c in cells)


def test_done_is_not_done_again_unless_forced(place, done):
    out, before = done.parents[1], (done / "report.ipynb").read_bytes()
    told = []
    assert run(place, out, ("code", "0042"), ("units", "40"), notify=told.append) == done and "already done" in told[0]
    assert (done / "report.ipynb").read_bytes() == before
    assert run(place, out, ("units", "40"), ("code", "0042"), force=True) == done
    assert (done / "report.ipynb").read_bytes() != before and is_complete(done)
    assert left_in(out) == [done.name]


def test_a_run_agrees_with_its_published_results_or_says_not(place, tmp_path):
    first = run(place, tmp_path / "a")
    promised = read_results(first)
    promised["results"]["revenue"]["value"] = 260.0
    (tmp_path / "wrong.json").write_text(json.dumps(promised))
    run(place, tmp_path / "b", reference=tmp_path / "wrong.json")
    assert "numbers differ" in next((tmp_path / "b").rglob("report.html")).read_text()
    assert "numbers differ" not in (first / "report.html").read_text()


@pytest.mark.parametrize(
    "do, by_user, says", [("fail", False, "IndexError: list index out of range"), ("refuse", True, "found -3")]
)
def test_a_failing_run_leaves_a_report_under_another_name(place, tmp_path, do, by_user, says):
    with pytest.raises(RunFailed) as caught:
        run(place, tmp_path, ("do", do))
    failure = caught.value
    assert failure.by_user is by_user and says in str(failure) and "section “The day”" in str(failure)
    assert ("Try without the changed do" in str(failure)) is not by_user
    assert left_in(tmp_path) == [failure.folder.name] and failure.folder.name.endswith(".failed")
    page = (failure.folder / "report.html").read_text()
    assert "The day" in page and says.split(": ")[-1] in page
    assert not (failure.folder / "results.json").exists()
    crate = (failure.folder / "ro-crate-metadata.json").read_text()
    assert "FailedActionStatus" in crate and says in crate


def test_a_page_that_cannot_be_made_keeps_the_notebook(place, tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no template <here>")

    monkeypatch.setattr(publish_module, "render", broken)
    with pytest.raises(RunFailed, match="no template"):
        run(place, tmp_path)
    (folder,) = (tmp_path / "shop").iterdir()
    assert (
        folder.name.endswith(".failed")
        and (folder / "report.ipynb").exists()
        and not (folder / "results.json").exists()
    )
    assert not (folder / "report.html").exists()
    assert "no template &lt;here&gt;" in (folder / "failure.html").read_text(), "a bare page, where there is no other"


def test_a_success_takes_the_failed_folder_of_its_key_away(place, tmp_path):
    key = plan(find_case("shop", **place), **place).key
    (tmp_path / "shop" / f"{key}.failed").mkdir(parents=True)
    assert run(place, tmp_path).name == key and left_in(tmp_path) == [key]


def test_own_data_are_part_of_the_name(place, tmp_path):
    shop, own = find_case("shop", **place), tmp_path / "own"
    pairs = [("source", f"own:{own}")]
    with pytest.raises(UserError, match="does not exist"):
        plan(shop, pairs, **place)
    own.mkdir()
    with pytest.raises(UserError, match="is empty"):
        plan(shop, pairs, **place)
    (own / "sales.csv").write_text("units\n1\n")
    before = plan(shop, pairs, **place).key
    assert plan(shop, pairs, **place).key == before
    (own / "sales.csv").write_text("units\n2\n")
    assert plan(shop, pairs, **place).key != before
    with pytest.raises(UserError, match="is a file"):
        plan(shop, [("source", f"own:{own / 'sales.csv'}")], **place)


def test_a_notebook_that_disagrees_with_its_module_is_not_run(tmp_path, place):
    assert default_problems(tiny_case.ASSIGNED, find_case("shop", **place).Parameters) == []
    with pytest.raises(UserError, match="units: 90 in the parameters cell, 100 in the model"):
        with tiny_case.importable(tmp_path / "other"):
            tiny_case.write(tmp_path / "other", assigned=tiny_case.ASSIGNED.replace("units = 100", "units = 90"))
            run(place, tmp_path)


def test_the_key_changes_with_the_text_of_the_notebook_alone(tmp_path, place):
    with tiny_case.importable(tmp_path):
        shop, file = find_case("shop", **place), tiny_case.page_of(tmp_path)
        before = plan(shop, **place).key
        notebook = nbformat.read(file, 4)
        notebook.metadata["editor"] = "another"
        nbformat.write(notebook, file)
        assert plan(shop, **place).key == before
        notebook.cells[-1].source += "  # changed"
        nbformat.write(notebook, file)
        assert plan(shop, **place).key != before
        code = file.parents[1] / "__init__.py"
        other = plan(shop, **place).key
        code.write_text(code.read_text() + "\n# changed\n")
        assert plan(shop, **place).key != other


@pytest.mark.parametrize("given, says", [({"unitz": 3}, "did you mean units"), ({"units": 5000}, "from 0 to 1000")])
def test_plain_papermill_is_held_to_the_same_model(place, tmp_path, given, says):
    tiny_case.write(tmp_path, kernel="python3")
    notebook = nbformat.read(tiny_case.page_of(tmp_path), 4)
    notebook.cells = [
        c for c in notebook.cells if "1 / 0" not in c.source
    ]  # plain Papermill knows nothing of `eval: false`
    with pytest.raises(papermill.PapermillExecutionError) as caught:
        papermill.execute_notebook(notebook, None, parameters=given, progress_bar=False)
    assert caught.value.ename == "ParameterError" and says in caught.value.evalue


def test_the_command_in_the_report_repeats_the_run(place):
    model = find_case("shop", **place).Parameters
    params = parse_pairs(model, [("open", "no"), ("code", "a b'c"), ("units", "3")])
    from shlex import split

    from lepton_nb.workbook.cli import take_parameters
    from lepton_nb.workbook.parameters import command

    pairs, rest = take_parameters(split(command("shop", params))[1:])
    assert parse_pairs(model, pairs) == params and rest == ["run", "shop"]


def test_values_arrive_in_the_kernel_as_they_were_given():
    given = {
        "text": "a'b\"c\\n\n\tä{x}%s",
        "number": 0.1 + 0.2,
        "large": 1e300,
        "yes": True,
        "nothing": None,
        "many": ["007", 1, 2.5],
    }
    names = "\n".join(f"{name} = 0  # name={name}" for name in given)
    cells = [
        nbformat.v4.new_code_cell(names, metadata={"tags": ["parameters"]}),
        nbformat.v4.new_code_cell("import json; print(json.dumps([text, number, large, yes, nothing, many]))"),
    ]
    ran = execute(prune(nbformat.v4.new_notebook(cells=cells)), given, threads=1)
    assert json.loads(ran.notebook.cells[-1].outputs[0]["text"]) == list(given.values())


def test_what_is_pruned_and_what_is_not():
    kept = [
        "x = 1",
        "%matplotlib inline",
        "!ls",
        "# a remark\nx = 2",
        "#| notest\nx = 3",
        "#| slow\nx = 4",
        "#|export\nx = 5",
        "import math, nbdev",
    ]
    dropped = [
        "#| default_exp a.b",
        "#|eval:false\nx = 1",
        "#| hide\n#| eval: false\nx",
        "import nbdev",
        "from nbdev.showdoc import *\nshow_doc(x)",
        "# only a remark",
        "",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in kept + dropped]
    ran = prune(nbformat.v4.new_notebook(cells=cells))
    assert [c.source for c in ran.cells] == [
        source.split("\n", 1)[-1] if source.startswith("#|") else source for source in kept
    ]


def test_a_kernel_that_does_not_start_is_a_failure_with_its_last_words(monkeypatch):
    monkeypatch.setenv("PYTHONHOME", os.devnull)
    ran = execute(prune(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1")])), threads=1)
    assert ran.failure.cell == 0 and "did not start" in ran.failure.message and "ipykernel" in ran.failure.mend
    assert any("encodings" in line for line in ran.failure.traceback)


def test_a_folder_too_deep_for_a_socket_is_reached_by_tcp():
    assert OwnKernel("/tmp/lepton_nb-1").transport == "ipc"
    assert OwnKernel("/tmp/" + "a" * 90).transport == "tcp"
