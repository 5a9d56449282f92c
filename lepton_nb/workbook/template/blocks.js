(function () {
  "use strict";
  var WIDE = 1000, TALL = 300;
  function each(root, selector, act) { Array.prototype.forEach.call(root.querySelectorAll(selector), act); }
  function show(box) { box.hidden = false; }
  function number(x, digits) {
    if (x === null || !isFinite(x)) { return "n/a"; }
    var size = Math.abs(x);
    if (digits === undefined) { digits = size >= 100 || x === Math.round(x) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3; }
    return x.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }).replace("-", "−");
  }
  function roundUp(x) {
    if (!(x > 0)) { return 1; }
    var power = Math.pow(10, Math.floor(Math.log10(x)));
    return [1, 2, 2.5, 5, 10].map(function (s) { return s * power; }).filter(function (s) { return s >= x * (1 - 1e-9); })[0];
  }
  function points(values, low, high) {
    return values.map(function (v, i) {
      return v === null ? "" : Math.round(WIDE * i / Math.max(values.length - 1, 1)) + " " + (TALL * (1 - (v - low) / ((high - low) || 1))).toFixed(1);
    });
  }
  function line(values, low, high) {
    return points(values, low, high).map(function (p, i, all) { return p && (i && all[i - 1] ? "L" : "M") + p; }).join("");
  }
  function band(lower, upper, low, high) { return "M" + points(upper, low, high).concat(points(lower, low, high).reverse()).join("L") + "Z"; }
  function path(box, kind, d) { var p = box.querySelector("path." + kind); if (p) { p.setAttribute("d", d); } }
  function save(name, text) {
    var link = document.createElement("a");
    link.href = "data:text/csv;charset=utf-8," + encodeURIComponent(text);
    link.download = name.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 60) + ".csv";
    link.click();
  }
  function cell(text) {
    if (/^[=+@\t\r]|^-(?![\d.])/.test(text)) { text = "'" + text; }
    return /[",\n]/.test(text) ? '"' + text.replace(/"/g, '""') + '"' : text;
  }

  each(document, ".lnb-decisions", function (box) {
    var body = box.querySelector("tbody"), rows = Array.prototype.slice.call(body.rows), total = Number(box.dataset.total);
    var search = box.querySelector("input[type=search]"), selects = Array.prototype.slice.call(box.querySelectorAll("select"));
    var heads = Array.prototype.slice.call(box.querySelectorAll("th button")), caption = box.querySelector(".lnb-title").textContent;
    function value(row, at) { var v = row.cells[at].dataset.v; return v === undefined ? row.cells[at].textContent : Number(v); }
    function shown() { return rows.filter(function (row) { return !row.hidden; }); }
    function update() {
      var words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      rows.forEach(function (row) {
        var text = row.textContent.toLowerCase();
        row.hidden = !words.every(function (w) { return text.indexOf(w) >= 0; }) || !selects.every(function (s) {
          return !s.value || row.cells[Number(s.dataset.column)].textContent === s.value;
        });
      });
      var left = shown(), said = number(left.length, 0) + (left.length === 1 ? " line" : " lines");
      if (total >= 0) {
        said += ", " + number(left.reduce(function (sum, row) { return sum + value(row, total); }, 0), 0) + " " + box.dataset.unit;
      }
      box.querySelector(".count strong").textContent = said.trim();
    }
    heads.forEach(function (button) {
      button.addEventListener("click", function () {
        var at = Number(button.dataset.sort), head = button.parentNode, down = head.getAttribute("aria-sort") === "ascending";
        heads.forEach(function (b) { b.parentNode.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows.sort(function (a, b) {
          var x = value(a, at), y = value(b, at);
          var order = typeof x === "number" ? x - y : x.localeCompare(y);
          return down ? -order : order;
        });
        rows.forEach(function (row) { body.appendChild(row); });
      });
    });
    search.addEventListener("input", update);
    selects.forEach(function (s) { s.addEventListener("change", update); });
    box.querySelector("[data-do=csv]").addEventListener("click", function () {
      var head = heads.map(function (b) { return cell(b.firstChild.textContent.trim()); });
      var text = shown().map(function (row) {
        return Array.prototype.map.call(row.cells, function (c) { return cell(c.dataset.v === undefined ? c.textContent : c.dataset.v); }).join(",");
      });
      save(caption + " " + selects.map(function (s) { return s.value; }).filter(Boolean).join(" "), [head.join(",")].concat(text).join("\n") + "\n");
    });
    box.querySelector("[data-do=print]").addEventListener("click", function () {
      document.body.classList.add("only-printed");
      box.classList.add("printed");
      window.print();
      box.classList.remove("printed");
      document.body.classList.remove("only-printed");
    });
    each(box, ".controls", show);
  });

  /* What hovering tells is told to a keyboard and a finger too: one stop a figure, the arrow keys walk through it. */
  each(document, "ul.bars, ul.heat, .lnb-map svg", function (box) {
    var figure = box.closest("figure"), parts = Array.prototype.slice.call(box.querySelectorAll("[title], circle")), at = 0;
    if (!figure || !parts.length) { return; }
    var tip = document.createElement("div"), named = box.getAttribute("aria-label") || figure.querySelector(".lnb-title").textContent;
    tip.className = "lnb-tip";
    tip.setAttribute("role", "status");
    figure.classList.add("lnb-told");
    figure.appendChild(tip);
    box.setAttribute("tabindex", "0");
    box.setAttribute("aria-label", named + ". The arrow keys read it out.");
    function hide() { tip.textContent = ""; parts[at].classList.remove("told"); }
    function show(which) {
      hide();
      at = which;
      parts[at].classList.add("told");
      tip.textContent = parts[at].getAttribute("title") || parts[at].textContent;
      var to = parts[at].getBoundingClientRect(), from = figure.getBoundingClientRect(), under = to.bottom - from.top + 6;
      tip.style.left = Math.max(0, Math.min(to.left - from.left, from.width - tip.offsetWidth)) + "px";
      tip.style.top = (to.top - tip.offsetHeight - 6 < 0 ? under : to.top - from.top - tip.offsetHeight - 6) + "px";
    }
    function beside(way) {  /* the cell above or below, where rows have several */
      var row = parts[at].closest("li"), column = Array.prototype.indexOf.call(parts[at].parentNode.children, parts[at]);
      while (row && (row = way < 0 ? row.previousElementSibling : row.nextElementSibling)) {
        var next = parts.indexOf(row.querySelector(".cells").children[column]);
        if (next >= 0) { return next; }
      }
      return at;
    }
    box.addEventListener("focus", function () { if (box.matches(":focus-visible")) { show(at); } });
    box.addEventListener("blur", hide);
    box.addEventListener("click", function (event) {
      var which = parts.indexOf(event.target.closest("[title], circle"));
      if (which >= 0) { show(which); }
    });
    box.addEventListener("keydown", function (event) {
      var step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key], last = parts.length - 1;
      if (event.key === "Escape") { hide(); }
      if (event.key === "Home" || event.key === "End") { step = event.key === "Home" ? -at : last - at; }
      if (step === undefined) { return; }
      event.preventDefault();
      var upright = event.key === "ArrowUp" || event.key === "ArrowDown";
      show(upright && box.matches(".heat") ? beside(step) : Math.max(0, Math.min(last, at + step)));
    });
  });

  each(document, "[data-fan]", function (box) {
    var spec = JSON.parse(box.dataset.fan), pick = box.querySelector("[data-pick]"), hover = box.querySelector(".hover");
    var plot = box.querySelector("svg"), last = spec.days.length - 1, at = -1;
    function draw() {
      var i = pick.selectedIndex, all = spec.high[i].concat(spec.came ? spec.came[i] : []), top = roundUp(Math.max.apply(null, all));
      path(box, "band", band(spec.low[i], spec.high[i], 0, top));
      if (spec.inner_low) { path(box, "inner", band(spec.inner_low[i], spec.inner_high[i], 0, top)); }
      path(box, "middle", line(spec.middle[i], 0, top));
      if (spec.came) { path(box, "came", line(spec.came[i], 0, top)); }
      box.querySelector(".top").textContent = number(top);
      box.querySelector(".still strong").textContent = pick.value;
      hover.textContent = "";
    }
    function tell(event) {
      var svg = plot.getBoundingClientRect();
      at = Math.min(last, Math.max(0, Math.round((event.clientX - svg.left) / svg.width * last)));
      say(at);
    }
    function step(event) {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") { return; }
      event.preventDefault();
      at = Math.min(last, Math.max(0, at + (event.key === "ArrowLeft" ? -1 : 1)));
      say(at);
    }
    function say(t) {
      var i = pick.selectedIndex;
      hover.textContent = spec.days[t] + ": " + number(spec.low[i][t]) + " to " + number(spec.high[i][t]) + ", middle " + number(spec.middle[i][t])
        + (spec.came ? ", came " + number(spec.came[i][t]) : "");
    }
    pick.addEventListener("change", draw);
    plot.addEventListener("pointermove", tell);
    plot.setAttribute("tabindex", "0");
    plot.addEventListener("keydown", step);
    each(box, ".controls", show);
  });

  /* The same months as business.returns.monthly_flows: building, adoption as a logistic curve, fading, discounting. */
  function months(c) {
    var out = [], sum = 0, n = 12 * c.years;
    for (var m = 0; m < n; m += 1) {
      var age = m + 0.5 - c.build_months, live = Math.min(Math.max(m + 1 - c.build_months, 0), 1);
      var spent = c.build_months > 0 ? Math.min(Math.max(c.build_months - m, 0), 1) / c.build_months : (m === 0 ? 1 : 0);
      var since = Math.max(age, 0), bent = Math.min(Math.max(1 - since / Math.max(c.half, 1e-9), -50), 50);
      var share = live > 0 ? c.reach * (c.half > 0 ? 1 / (1 + Math.pow(19, bent)) : 1) * live : 0;
      var gain = c.weekly_gain * c.season * 52 / 12 * share * Math.pow(1 - c.fade, since / 12);
      sum += (gain - c.build * spent - c.running / 12 * live) * Math.pow(1 + c.rate, -m / 12);
      out.push(sum);
    }
    return out;
  }
  function turning(total) {
    var last = -1;
    total.forEach(function (v, i) { if (v < -1e-9) { last = i; } });
    if (last < 0) { return 0; }
    if (last === total.length - 1) { return Infinity; }
    return last + total[last] / (total[last] - total[last + 1]);
  }
  each(document, "[data-payback]", function (box) {
    var spec = JSON.parse(box.dataset.payback), inputs = Array.prototype.slice.call(box.querySelectorAll("input[type=range]"));
    function draw() {
      var c = Object.assign({}, spec.numbers);
      inputs.forEach(function (input) {
        c[input.name] = Number(input.value);
        input.parentNode.querySelector("output").textContent = (number(c[input.name]) + " " + input.dataset.unit).trim();
      });
      var total = months(c), end = total[total.length - 1], when = turning(total);
      var years = c.years + (c.years === 1 ? " year" : " years");
      var low = Math.min.apply(null, total), low_ = low < 0 ? -roundUp(-low) : -1, high = roundUp(Math.max.apply(null, total));
      path(box, "middle", line(total, low_, high));
      path(box, "axis", line([0, 0], low_, high));
      box.querySelector(".top").textContent = number(high);
      box.querySelector(".bottom").textContent = number(low_);
      box.querySelector(".verdict strong").textContent = (when === 0 ? "Pays back at once" : isFinite(when) ? "Pays back in month " + number(Math.ceil(when), 0) : "Does not pay back in " + years)
        + "; " + years + (c.years === 1 ? " is worth " : " are worth ") + number(end, 0) + " " + spec.currency + ".";
      box.dataset.worth = end;
      box.dataset.when = when;
    }
    inputs.forEach(function (input) { input.addEventListener("input", draw); });
    each(box, ".controls", show);
  });

  /* What came out at the settings that were tried; one that was not is said to be missing. */
  each(document, "[data-swept]", function (box) {
    var spec = JSON.parse(box.dataset.swept), inputs = Array.prototype.slice.call(box.querySelectorAll("input[type=range]"));
    var count = spec.at[inputs[0].name].length, cells = box.querySelectorAll("[data-result]");
    function find() {
      for (var i = 0; i < count; i += 1) {
        if (inputs.every(function (input) { return spec.at[input.name][i] === Number(input.value); })) { return i; }
      }
      return -1;
    }
    function draw() {
      inputs.forEach(function (input) {
        var shown = (spec.stops[input.name][Number(input.value)] + " " + input.dataset.unit).trim();
        input.parentNode.querySelector("output").textContent = shown;
        input.setAttribute("aria-valuetext", shown);
      });
      var at = find();
      box.querySelector(".missing").textContent = at < 0 ? "This setting was not worked out." : "";
      Array.prototype.forEach.call(cells, function (cell) {
        cell.firstChild.textContent = at < 0 ? "n/a" : spec.results[cell.dataset.result][at];
      });
    }
    inputs.forEach(function (input) { input.addEventListener("input", draw); });
    each(box, ".controls", show);
  });
})();
