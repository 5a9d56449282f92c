(function () {
  "use strict";
  /* A drawing says where its panels stand and what their axes count; values are read off its own lines, bars and points. */
  function written(x, span) {
    var digits = Math.max(0, Math.ceil(-Math.log10(span / 500)));
    return Number(x.toFixed(Math.min(digits, 12))).toLocaleString("en-US", { maximumFractionDigits: 12 }).replace("-", "−");
  }
  function value(axis, share) {
    if (axis.kind === "log") { return axis.low * Math.pow(axis.high / axis.low, share); }
    return axis.low + share * (axis.high - axis.low);
  }
  function said(axis, share) {
    var v = value(axis, share), span = Math.abs(axis.high - axis.low);
    if (axis.kind === "names") {
      var near = axis.names.slice().sort(function (a, b) { return Math.abs(a[0] - v) - Math.abs(b[0] - v); })[0];
      return near ? near[1] : "";
    }
    if (axis.kind === "date") {
      var when = new Date(Math.round(v * 1440) * 60000).toISOString();
      return span > 3 ? when.slice(0, 10) : when.slice(0, 16).replace("T", " ");
    }
    return axis.kind === "log" ? written(Number(v.toPrecision(3)), v) : written(v, span);
  }
  function corners(d) {
    var out = [], found, pair = /[ML]\s*(-?[\d.]+)[ ,]+(-?[\d.]+)/g;
    while ((found = pair.exec(d))) { out.push([Number(found[1]), Number(found[2])]); }
    return out;
  }
  function inside(p, box) { return p[0] >= box[0] - 1 && p[0] <= box[2] + 1 && p[1] >= box[1] - 1 && p[1] <= box[3] + 1; }
  function shares(p, box) { return [(p[0] - box[0]) / (box[2] - box[0]), (box[3] - p[1]) / (box[3] - box[1])]; }
  function foot(axis, box, upright) {
    var share = axis.kind === "linear" ? -axis.low / (axis.high - axis.low) : 0;
    return upright ? box[3] - share * (box[3] - box[1]) : box[0] + share * (box[2] - box[0]);
  }
  function mark(p, panel, from) {
    var at = shares(p, panel.box), x = said(panel.x, at[0]), y = said(panel.y, at[1]);
    if (from) {
      var first = shares(from, panel.box);
      if (from[0] !== p[0]) { x = said(panel.x, first[0]) + " to " + x; } else { y = said(panel.y, first[1]) + " to " + y; }
    }
    return { at: p, text: panel.x.label + ": " + x + "\n" + panel.y.label + ": " + y };
  }
  function bar(c, panel) {
    var xs = c.map(function (p) { return p[0]; }), ys = c.map(function (p) { return p[1]; });
    var x = [Math.min.apply(null, xs), Math.max.apply(null, xs)], y = [Math.min.apply(null, ys), Math.max.apply(null, ys)];
    var upright = panel.y.kind !== "names", box = panel.box;
    var zero = foot(upright ? panel.y : panel.x, box, upright), ends = upright ? y : x;
    var far = Math.abs(ends[0] - zero) > Math.abs(ends[1] - zero) ? 0 : 1, stands = Math.abs(ends[1 - far] - zero) < 0.7;
    function point(end) { return upright ? [(x[0] + x[1]) / 2, end] : [end, (y[0] + y[1]) / 2]; }
    return mark(point(ends[far]), panel, stands ? null : point(ends[1 - far]));
  }
  function marksOf(svg, panels) {
    var out = [];
    function add(points, closed) {
      panels.forEach(function (panel) {
        var here = points.filter(function (p) { return inside(p, panel.box); });
        if (closed && here.length >= 4) { out.push(bar(here, panel)); return; }
        if (!closed) { here.forEach(function (p) { out.push(mark(p, panel, null)); }); }
      });
    }
    Array.prototype.forEach.call(svg.querySelectorAll("path[clip-path], [clip-path] path"), function (path) {
      var d = path.getAttribute("d"), points = corners(d), grid = (path.getAttribute("style") || "").indexOf("lnb-grid") >= 0;
      var closed = /z\s*$/i.test(d);
      if (!grid && !(closed && points.length > 5)) { add(points, closed); }
    });
    Array.prototype.forEach.call(svg.querySelectorAll("[clip-path] use, use[clip-path]"), function (use) {
      add([[Number(use.getAttribute("x") || 0), Number(use.getAttribute("y") || 0)]], false);
    });
    return out.sort(function (a, b) { return a.at[0] - b.at[0] || a.at[1] - b.at[1]; });
  }
  Array.prototype.forEach.call(document.querySelectorAll("[data-read]"), function (box) {
    var panels = JSON.parse(box.dataset.read), svg = box.querySelector("svg"), marks = null, now = -1;
    var tip = document.createElement("div"), dot = document.createElementNS("http://www.w3.org/2000/svg", "circle");
    tip.className = "lnb-tip";
    tip.setAttribute("role", "status");
    dot.setAttribute("class", "lnb-dot");
    dot.setAttribute("r", "5");
    box.appendChild(tip);
    function ready() { marks = marks || marksOf(svg, panels); return marks.length; }
    function hide() { tip.textContent = ""; dot.remove(); }
    function show(which) {
      var found = marks[which], to = svg.getScreenCTM(), from = box.getBoundingClientRect();
      now = which;
      dot.setAttribute("cx", found.at[0]);
      dot.setAttribute("cy", found.at[1]);
      svg.appendChild(dot);
      tip.innerText = found.text;
      var x = to.a * found.at[0] + to.e - from.left, y = to.d * found.at[1] + to.f - from.top;
      tip.style.left = Math.max(0, Math.min(x + 12, from.width - tip.offsetWidth)) + "px";
      tip.style.top = (y - tip.offsetHeight - 10 < 0 ? y + 12 : y - tip.offsetHeight - 10) + "px";
    }
    function point(event) {
      if (!ready()) { return; }
      var to = svg.getScreenCTM(), x = (event.clientX - to.e) / to.a, y = (event.clientY - to.f) / to.d, best = -1, least = Infinity;
      var here = panels.filter(function (panel) { return inside([x, y], panel.box); })[0];
      marks.forEach(function (m, i) {
        var far = Math.abs(m.at[0] - x) + 0.4 * Math.abs(m.at[1] - y);
        if (here && far < least && inside(m.at, here.box)) { least = far; best = i; }
      });
      if (best >= 0) { show(best); } else { hide(); }
    }
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", point);
    svg.addEventListener("pointerdown", point);
    svg.addEventListener("pointerleave", hide);
    svg.addEventListener("blur", hide);
    svg.addEventListener("keydown", function (event) {
      var step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (event.key === "Escape") { hide(); }
      if (step && ready()) { event.preventDefault(); show(Math.max(0, Math.min(marks.length - 1, now + step))); }
    });
  });
})();
