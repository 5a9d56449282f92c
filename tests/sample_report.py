"""A small report that has everything a real one has; the browser and publishing tests look at it."""

import json

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lepton_nb.workbook.manifest import file_sha256

CELLS = [
    (
        "md",
        """# How much bread to bake
> A bakery with six shops decides each evening what to bake. This report finds the plan that earns most, and
> says how sure that is.
""",
    ),
    (
        "code",
        """# Tools of this report
import numpy as np
import pandas as pd
import seaborn as sns
from lepton_nb.workbook.figures import (
    DIVERGING,
    MUTED,
    PALETTE,
    SEQUENTIAL,
    Figure,
    Kpi,
    answer,
    fill,
    label_lines,
    money,
    number,
    parameters_card,
    percent,
    plain,
    say,
    slot,
    table,
)
from lepton_nb.workbook.verify import record""",
    ),
    (
        "code",
        """# Parameters
service_level = 0.95  # share of days that should end with bread on the shelf
seed = 7              # start of the random numbers""",
        "parameters",
    ),
    ("code", "slot('answer')"),
    ("code", "slot('first_figure')"),
    (
        "md",
        """## The situation

At nine in the evening the bakery fixes tomorrow's batch for each shop. A loaf costs $0.60 to make and sells at
$1.80, so a loaf short
costs twice as much as a loaf left over: too little is worse than too much, but only up to a point. What is left
in the evening is given away.

The decision is taken **once a day, for six shops and four kinds of bread**, knowing yesterday's sales, the
weather forecast and the calendar.
""",
    ),
    ("md", "## What was set for this run\n\nValues that differ from the usual are marked."),
    (
        "code",
        """parameters_card(
    pd.DataFrame(
        {
            "name": ["service_level", "seed", "source", "horizon"],
            "value": [service_level, seed, "embedded", 28],
            "default": [0.95, 7, "embedded", 14],
            "changed": [False, False, False, True],
            "unit": ["share", "", "", "days"],
            "range": ["0.5 to 0.999", "0 or more", "", "7 to 56"],
            "meaning": [
                "share of days that should end with bread on the shelf",
                "start of the random numbers",
                "where the data come from",
                "days ahead that are planned",
            ],
        }
    )
)""",
    ),
    (
        "md",
        """## The data

Two years of daily sales, simulated with a known truth. Days on which a shop sold out say only that demand was
*at least* what was sold.

| symbol | in the code | unit | meaning |
|---|---|---|---|
| $y_{it}$ | `sales` | loaves | demand for kind $i$ on day $t$ |
| $q_{it}$ | `batch` | loaves | what is baked |
| $c_o, c_u$ | `over`, `under` | EUR per loaf | cost of a loaf too many, too few |
""",
    ),
    (
        "code",
        """# Two years of daily sales in six shops
rng = np.random.default_rng(seed)
days = pd.date_range("2024-01-01", periods=728)
shops = ["Harbour", "Market", "Station", "Old Town", "Hill", "Campus"]
season = 1 + 0.12 * np.sin(2 * np.pi * (days.dayofyear - 40) / 365)
week = np.array([0.8, 0.82, 0.86, 0.95, 1.15, 1.5, 0.92])[days.weekday]
level = np.array([420, 360, 310, 220, 160, 140])
sales = rng.poisson(level[:, None] * season.to_numpy() * week * (1 + 0.05 * np.arange(728) / 364))
frame = pd.DataFrame(sales.T, index=days, columns=shops).rename_axis("day")
frame.head(3)""",
    ),
    (
        "code",
        """monthly = frame.resample("W").mean().rename_axis("week")
with Figure(
    title="Demand breathes with the seasons and grows slowly",
    x="week",
    y="loaves per day",
    height=380,
    alt="Six lines over two years. All rise towards summer and fall in winter by about a quarter; "
    "Harbour sells most, Campus least.",
    caption="The six shops rise and fall together, by about **a quarter** between winter and summer; "
    "that common movement is what the forecast must get right.",
    data=monthly,
) as ax:
    for shop in shops:
        ax.plot(monthly.index, monthly[shop], label=shop)
    label_lines(ax)""",
        "detail",
    ),
    (
        "code",
        """heat = frame.assign(weekday=frame.index.weekday).groupby("weekday").mean().T
with Figure(
    title="Saturday carries the week in every shop",
    x="weekday",
    y="shop",
    height=330,
    alt="Heat map of shops by weekday. The column of Saturday is darkest in all six rows; "
    "Monday and Tuesday are palest.",
    caption="Mean loaves per day. Shops differ in size, not in rhythm.",
    data=heat.rename_axis("shop").reset_index(),
) as ax:
    mesh = ax.pcolormesh(np.arange(8), np.arange(7), heat, cmap=SEQUENTIAL)
    ax.set_xticks(np.arange(7) + 0.5, ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
    ax.set_yticks(np.arange(6) + 0.5, shops)
    ax.invert_yaxis()
    ax.grid(False)
    ax.figure.colorbar(mesh, ax=ax, label="loaves per day")""",
    ),
    (
        "md",
        r"""## The rule and where it comes from

With demand $D$ and batch $q$ the expected cost of a day is

$$C(q) = c_o\,\mathbb{E}\left[(q - D)^+\right] + c_u\,\mathbb{E}\left[(D - q)^+\right],$$

which is least where the chance that demand stays below the batch equals the **critical ratio**
$\tau = c_u / (c_u + c_o)$. With a budget $B$ of flour
for all shops the plan is a linear program over the scenarios $\omega$ of the forecast:

\begin{align*}
\max_{q \ge 0,\; s \ge 0} \quad
& \frac{1}{|\Omega|} \sum_{\omega \in \Omega} \sum_{i \in I} \left( p_i s_{i\omega} - c_i q_i \right) \\
\text{subject to} \quad & s_{i\omega} \le q_i, \qquad s_{i\omega} \le d_{i\omega}
&& \forall i \in I,\ \omega \in \Omega \\
& \sum_{i \in I} f_i q_i \le B
\end{align*}
""",
    ),
    (
        "code",
        """# Cost of a day for each batch size
price, cost = 1.80, 0.60
ratio = (price - cost) / price
batches = np.arange(250, 650, 5)
demand = frame["Harbour"].to_numpy()[-112:]
profit = np.array([np.mean(price * np.minimum(demand, q) - cost * q) for q in batches])
best = int(batches[profit.argmax()])
with Figure(
    title="The peak is flat, the slope on the left is steep",
    x="batch (loaves)",
    y="profit (EUR per day)",
    height=330,
    alt=f"A curve of profit against batch size. It rises steeply, peaks near {best} loaves and falls "
    "slowly.",
    caption="Baking 30 loaves too many costs little; baking 30 too few costs about twice that.",
    data=pd.DataFrame({"batch": batches, "profit": profit}),
) as ax:
    ax.plot(batches, profit)
    ax.axvline(best, color=MUTED, linewidth=1.2, linestyle=":")
    ax.annotate(f"best: {best} loaves", (best, profit.max()), xytext=(8, -52), textcoords="offset points")""",
    ),
    (
        "code",
        """say(
    f"At a critical ratio of {percent(ratio)} the best batch for Harbour is **{best} loaves**, "
    f"which earns {money(profit.max(), 'USD')} a day; "
    f"a loaf sells at {money(price, 'USD')} and costs {money(cost, 'USD')}, so $\\\\tau = {ratio:.2f}$."
)""",
    ),
    (
        "md",
        "## Results\n\n### Plans against each other\n\nEvery plan is judged on the same eight weeks by the same rules.",
    ),
    (
        "code",
        """plans = pd.DataFrame(
    {
        "plan": [
            "as last week",
            "average plus safety",
            "newsvendor",
            "linear program",
            "stochastic program",
            "perfect foresight",
        ],
        "profit": [61250.0, 63480.5, 66120.25, 65010.0, 67890.75, 72455.0],
        "waste": [5120.0, 6033.0, 4211.0, 3120.5, 3555.0, 0.0],
        "fill rate": [0.921, 0.957, 0.968, 0.942, 0.965, 1.0],
    }
)
table(
    plans,
    caption="Eight weeks, six shops: what each plan earns, wastes and serves.",
    units={"profit": "EUR", "waste": "EUR", "fill rate": "share of demand"},
    digits={"profit": 0, "waste": 0, "fill rate": 3},
)""",
    ),
    (
        "code",
        """with Figure(
    title="The stochastic program closes half of the distance to perfect foresight",
    x="profit above the rule of last week (thousand EUR)",
    y="plan",
    height=300,
    alt="Horizontal bars for five plans; they grow from average plus safety to the stochastic "
    "program, and perfect foresight is longest.",
    caption="A better forecast could at most earn what lies between the last two bars.",
    data=plans,
    slot="first_figure",
) as ax:
    gains = (plans.profit[1:] - plans.profit[0]) / 1000
    bars = ax.barh(plans.plan[1:], gains, color=[PALETTE[0]] * 4 + [MUTED], height=0.62)
    ax.bar_label(bars, labels=[number(g, 1) for g in gains], padding=5)
    ax.invert_yaxis()
    ax.grid(False)
    ax.spines["bottom"].set_visible(False)
    ax.set_xticks([])""",
    ),
    ("md", "### Where the errors are", "detail"),
    (
        "code",
        """# Forecast errors by shop
with Figure(
    title="Errors have no lean",
    x="forecast less demand (loaves)",
    y="days",
    panels=(1, 3),
    sharey=True,
    height=300,
    alt="Three histograms, each a bell round zero.",
    caption="Small shops err less in loaves, and none leans to one side.",
) as axes:
    for i, (ax, shop) in enumerate(zip(axes, shops)):
        sns.histplot(rng.normal(0, np.sqrt(level[i]), 200), ax=ax, color=PALETTE[i], binwidth=6)
        ax.set_title(shop)""",
    ),
    (
        "code",
        """points = pd.DataFrame({"price": rng.uniform(1.4, 2.2, 300)})
points["sold"] = 400 - 130 * points.price + rng.normal(0, 18, 300)
with Figure(
    title="A higher price sells less",
    x="price (EUR per loaf)",
    y="sold (loaves per day)",
    alt="A cloud of points that falls from left to right.",
    caption="Ten cents more cost about 13 loaves a day.",
    data=points,
    height=320,
) as ax:
    sns.regplot(
        points,
        x="price",
        y="sold",
        ax=ax,
        scatter_kws={"s": 16, "alpha": 0.55},
        line_kws={"color": PALETTE[1]},
    )""",
    ),
    (
        "md",
        """## What to do on Monday

1. Bake by the stochastic program; the list is in the table above.
2. Watch the *fill rate* of Campus: it is the first to fall when term begins.
3. Ask for the flour contract to be extended; its shadow price is above the market's.

> A plan that is right on average is wrong every day in the same direction.

## Your turn

Set `service_level` to 0.90. What happens to waste?

<details><summary>Solution</summary>

Waste falls by about a third, and profit by a twentieth.

</details>
""",
    ),
    (
        "code",
        """gain = plans.profit[4] - plans.profit[1]
answer(
    [
        Kpi(
            "Profit in eight weeks",
            money(plans.profit[4], "EUR"),
            note=f"{money(gain, 'EUR')} above the best rule of thumb",
            good=True,
        ),
        Kpi("Fill rate", percent(plans["fill rate"][4]), note="share of demand served"),
        Kpi("Waste", money(plans.waste[4], "EUR"), note="41% below the rule of thumb", good=True),
        Kpi(
            "Value of a perfect forecast",
            money(plans.profit[5] - plans.profit[4], "EUR"),
            note="what is left to gain",
        ),
    ],
    bullets=[
        f"**Bake by the stochastic program.** It earns {money(gain, 'EUR')} more in eight weeks "
        "than the best rule of thumb.",
        "It wastes less **and** serves more, since it moves bread to where a loaf short is dear.",
        "A perfect forecast would add at most "
        f"{money(plans.profit[5] - plans.profit[4], 'EUR')}: effort is better spent on the price.",
    ],
    slot="answer",
)
record(
    "profit.plan",
    float(plans.profit[4]),
    unit="EUR in eight weeks",
    meaning="profit of the stochastic plan",
)
record(
    "profit.gain",
    float(gain),
    unit="EUR in eight weeks",
    meaning="gain on the best rule of thumb",
)
record(
    "fill.rate",
    float(plans["fill rate"][4]),
    unit="share of demand",
    tolerance=0.002,
    meaning="demand served from the shelf",
    reason="two thousandths are less than one loaf a day",
)""",
    ),
    (
        "md",
        "## References\n\n- E. L. Porteus, *Foundations of Stochastic Inventory Theory*, Stanford, 2002, [chapter 1](https://www.sup.org/).",
    ),
]

FAULT = (
    "code",
    "# Orders of the coming week\nraise ValueError('the budget of 0 EUR buys nothing: set budget above 0')",
)

MANIFEST = {
    "case": "bakery",
    "title": "How much bread to bake",
    "status": "ok",
    "parameters": {"service_level": 0.95, "seed": 7, "horizon": 28},
    "changed": ["horizon"],
    "started": "2026-11-21T20:15:00+00:00",
    "ended": "2026-11-21T20:15:41+00:00",
    "seconds": 41.2,
    "peak_memory": 412_000_000,
    "data": {"bakery-embedded": "9f2c4a7be1" * 6 + "abcd"},
    "command": "lepton-nb run bakery -p horizon 28",
}

FAILED = MANIFEST | {  # a run of it that stopped, as the runner tells of one
    "status": "failed",
    "page": "failure",
    "pages": ["failure", "decide"],
    "asked_pages": ["decide", "method", "people"],
    "siblings": [("failure", "What stopped the run"), ("decide", "How much bread to bake")],
    "failed_page": "decide",
    "omitted": {"people": "nobody is known"},
    "own": {"name": "own:mine", "sha256": "ab" * 32},
    "rows": {"sales": 4_812, "items": 31},
    "steps": [{"step": "known", "reused": True, "seconds": 0.3}],
    "begun": "forecast",
    "processor_seconds": 38.1,
    "machine_memory": 16e9,
    "failure": {
        "section": "The plan",
        "cell": 12,
        "error": "KeyError",
        "message": "'oven'",
        "mend": "This is a fault of the case: see cell 12 of the executed notebook.",
        "by_user": False,
        "traceback": ["Traceback (most recent call last)", "KeyError: 'oven'"],
    },
}


def notebook(fails: bool = False) -> nbformat.NotebookNode:
    """Write the sample notebook, with a cell that fails in its middle where asked for."""
    cells = CELLS[:12] + [FAULT] + CELLS[12:] if fails else CELLS
    made = []
    for i, (kind, source, *tags) in enumerate(cells):
        cell = (new_markdown_cell if kind == "md" else new_code_cell)(source, metadata={"tags": tags} if tags else {})
        cell["id"] = f"c{i:03d}"
        made.append(cell)
    return new_notebook(
        cells=made, metadata={"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}}
    )


def seal(folder):
    """Write the manifest of a run folder as its files are now."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".html", ".ipynb", ".json")]
    parts = [{"@id": path.name, "sha256": file_sha256(path)} for path in files if not path.name.startswith("ro-crate")]
    root = {"@id": "./", "hasPart": [{"@id": part["@id"]} for part in parts]}
    (folder / "ro-crate-metadata.json").write_text(json.dumps({"@graph": [root, *parts]}), encoding="utf-8")
    return folder
