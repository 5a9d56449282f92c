"""The tables of a city: the contract, its templates, the embedded source, own folders, and public sets."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lepton_nb.cases.city.checks import FORBIDDEN, mended_city, unusable_city
from lepton_nb.cases.city.public import PUBLIC_CITIES, hourly_demand
from lepton_nb.cases.city.sources import SOURCES
from lepton_nb.cases.city.tables import CONTRACT
from lepton_nb.cases.city.world.simulate import shipped_city
from lepton_nb.data.catalog import Dataset, SourceError
from lepton_nb.data.contract import check_tables
from lepton_nb.data.reading import Tables

FOLDER = Path(os.environ.get("LEPTON_NB_DATA", "") or "nowhere")
NAMES = [known.name for known in PUBLIC_CITIES]


def public(name: str) -> Dataset:
    known = next(one for one in PUBLIC_CITIES if one.name == name)
    for file in known.ways[0]:
        if not (FOLDER / file.path).is_file():
            pytest.skip(f"{file.path} is not at hand: set LEPTON_NB_DATA to the folder that holds it")
    return SOURCES.load(f"public:{name}")


def test_the_simulated_city_keeps_to_the_contract_and_passes_every_check():
    tables, _ = shipped_city()
    assert check_tables(CONTRACT, tables).empty and set(tables) == set(CONTRACT.columns)
    assert unusable_city(Tables(tables)) == []


def test_loading_changes_no_total_of_the_simulated_city():
    tables, _ = shipped_city()
    data = SOURCES.load("embedded")
    for table, frame in tables.items():
        assert len(data.tables[table]) == len(frame)
        for name in frame.select_dtypes("number"):
            assert data.tables[table][name].sum() == frame[name].sum(), (table, name)


def test_another_seed_is_another_city_with_its_truth():
    data = SOURCES.load("embedded", world_seed=3)
    assert data.sha256 != SOURCES.load("embedded").sha256 and set(data.tables) == set(CONTRACT.columns)
    assert unusable_city(Tables(data.tables)) == [] and len(data.truth["faults"]) > 100


def test_the_simulated_city_comes_back_from_files(tmp_path):
    data = SOURCES.load("embedded")
    for table, frame in data.tables.items():
        frame.to_parquet(tmp_path / f"{table}.parquet")
    assert SOURCES.load(f"own:{tmp_path}").sha256 == data.sha256


def test_the_templates_run_and_so_do_the_four_files_that_are_needed(tmp_path):
    CONTRACT.write_templates(tmp_path / "mine")
    assert set(SOURCES.load(f"own:{tmp_path / 'mine'}").tables) == set(CONTRACT.columns)
    for file in (tmp_path / "mine").iterdir():
        if file.stem not in CONTRACT.required:
            file.unlink()
    least = SOURCES.load(f"own:{tmp_path / 'mine'}")
    assert set(least.tables) == {"nodes", "links", "zones", "trips"}
    for words in ("No phases", "No counts", "No rides", "Junctions have signals"):
        assert any(words in line for line in least.assumed), words


def test_one_optional_table_less_is_told_and_the_rest_is_read(tmp_path):
    CONTRACT.write_templates(tmp_path / "mine")
    (tmp_path / "mine" / "rides.csv").unlink()
    data = SOURCES.load(f"own:{tmp_path / 'mine'}")
    assert "rides" not in data.tables and any(line.startswith("No rides") for line in data.assumed)


def test_other_names_of_files_and_columns_are_known(tmp_path):
    CONTRACT.write_templates(tmp_path / "mine")
    folder = tmp_path / "mine"
    nodes = pd.read_csv(folder / "nodes.csv").rename(columns={"node": "junction", "x": "easting", "y": "northing"})
    nodes.to_csv(folder / "intersections.csv", index=False)
    (folder / "nodes.csv").unlink()
    links = pd.read_csv(folder / "links.csv").rename(
        columns={"from": "from_node", "to": "to_node", "capacity_vph": "capacity"}
    )
    links.to_csv(folder / "links.csv", index=False)
    data = SOURCES.load(f"own:{folder}")
    assert data.tables["nodes"]["node"].tolist() == nodes["junction"].tolist()
    assert data.tables["links"]["capacity_vph"].sum() == links["capacity"].sum()


def test_nothing_is_mended_where_nothing_is_wrong_and_nothing_is_lost():
    tables, _ = shipped_city()
    made, said = mended_city(Tables(tables))
    assert said == [] and all(made[name].equals(frame) for name, frame in tables.items())
    more = Tables(tables)
    more["trips"] = pd.concat([tables["trips"], tables["trips"].head(100)], ignore_index=True)
    more["phases"] = pd.concat([tables["phases"], tables["phases"].head(1).assign(phase=FORBIDDEN)], ignore_index=True)
    made, said = mended_city(more)
    assert made["trips"]["vehicles"].sum() == pytest.approx(more["trips"]["vehicles"].sum())
    assert len(made["trips"]) == len(tables["trips"]) and len(made["phases"]) == len(tables["phases"])
    assert {one["rule"] for one in said} == {"added up", "turns not allowed"}


def test_the_log_tells_how_many_people_stood_in_a_row_that_came_twice():
    tables, _ = shipped_city()
    more = Tables(tables | {"zones": pd.concat([tables["zones"], tables["zones"].head(2)], ignore_index=True)})
    made, said = mended_city(more)
    assert made["zones"].equals(tables["zones"]) and [one["rule"] for one in said] == ["equal rows"]
    assert made["zones"]["people"].sum() + said[0]["units"] == more["zones"]["people"].sum()


# ---- public sets


def test_every_set_names_source_and_licence():
    told = SOURCES.available().set_index("source")
    assert {f"public:{name}" for name in NAMES} <= set(told.index) and told["licence"].ne("").all()


def test_streets_for_research_only_are_to_be_brought(monkeypatch, tmp_path):
    monkeypatch.delenv("LEPTON_NB_DATA", raising=False)
    monkeypatch.setattr("lepton_nb.data.catalog.cache", lambda: tmp_path)
    with pytest.raises(SourceError) as told:
        SOURCES.load("public:sioux-falls")
    for words in ("academic research only", "SiouxFalls_net.tntp", "bstabler", str(tmp_path), "LEPTON_NB_DATA"):
        assert words in str(told.value)
    open_sets = {one.name: one for one in PUBLIC_CITIES if one.name != "sioux-falls"}
    assert all(file.url and file.sha256 for one in open_sets.values() for file in one.ways[0])


def test_hours_without_a_ride_are_zeros_and_no_ride_is_lost():
    data = public("bike-sharing")
    raw = pd.read_csv(FOLDER / "city/bike/hour.csv")
    panel = hourly_demand(data.tables)
    assert panel["y"].sum() == raw["cnt"].sum() and len(panel) == 731 * 24 and (panel["y"] == 0).sum() == 165
    assert panel["ds"].diff().iloc[1:].eq(pd.Timedelta(hours=1)).all()
    assert data.tables["weather"]["temperature"].between(-8, 39).all()


def test_the_motorway_counts_an_hour_once_and_keeps_its_gaps():
    data = public("metro-traffic")
    raw = pd.read_csv(FOLDER / "city/traffic/Metro_Interstate_Traffic_Volume.csv")
    twice = data.log.set_index("rule").loc["hour stands twice"]
    assert hourly_demand(data.tables)["y"].sum() + twice["units"] == raw["traffic_volume"].sum()
    assert len(data.tables["counts"]) + twice["rows"] == len(raw)
    weather = data.tables["weather"]
    assert (
        weather["temperature"].min() > -60 and weather["rain_mm"].max() < 300 and weather["rain_mm"].isna().sum() == 1
    )


def test_barcelona_keeps_every_accident_and_every_person():
    data = public("barcelona")
    raw = pd.read_csv(FOLDER / "city/accidents/barcelona_accidents_2017.csv")
    people = pd.read_csv(FOLDER / "city/facilities/barcelona_population.csv")
    incidents, log = data.tables["incidents"], data.log.set_index("rule")
    assert len(incidents) + log.loc["equal rows", "rows"] == len(raw) and incidents["id"].is_unique
    assert data.tables["zones"]["people"].sum() == people.loc[people["Year"] == 2017, "Number"].sum()
    assert np.hypot(incidents["x"], incidents["y"]).max() < 12_000 and incidents["time"].dt.year.eq(2017).all()
    assert (incidents["severity"] == "serious").sum() == (raw.drop_duplicates()["Serious injuries"] > 0).sum()


def test_west_yorkshire_reads_the_day_first():
    incidents = public("stats19-west-yorkshire").tables["incidents"]
    raw = pd.read_csv(FOLDER / "city/accidents/stats19_west_yorkshire_2024_accidents.csv", low_memory=False)
    assert len(incidents) == len(raw) == 4_060 and incidents["time"].dt.year.eq(2024).all()
    assert (incidents["time"].dt.dayofweek + 2).replace(8, 1).tolist() == raw["day_of_week"].tolist()
    assert (incidents["severity"] == "fatal").sum() == (raw["collision_severity"] == 1).sum()


def test_sioux_falls_has_its_trips_and_its_minutes():
    data = public("sioux-falls")
    links = data.tables["links"]
    assert data.tables["trips"]["vehicles"].sum() == 360_600 and len(links) == 76
    assert (0.06 * links["length_m"] / links["free_kmh"]).sum() == pytest.approx(314.0)


def test_san_francisco_lies_flat():
    data = public("san-francisco-sites")
    zones, sites = data.tables["zones"], data.tables["facilities"]
    assert (
        len(zones) == 205 and len(sites) == 16 and zones["zone"].is_unique and zones["zone"].str.startswith("06").all()
    )
    assert np.ptp(zones["x"]) < 25_000 and np.ptp(sites["y"]) < 20_000
