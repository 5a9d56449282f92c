(function () {
  "use strict";
  var root = document.documentElement;
  function kept(name) { try { return localStorage.getItem("lepton-" + name); } catch (e) { return null; } }
  function keep(name, value) { try { localStorage.setItem("lepton-" + name, value); } catch (e) { /* private mode */ } }
  function each(selector, act) { Array.prototype.forEach.call(document.querySelectorAll(selector), act); }
  function on(id, act) { var button = document.getElementById(id); if (button) { button.hidden = false; button.addEventListener("click", function () { act(button); }); } }
  function press(button, yes) { if (button) { button.setAttribute("aria-pressed", yes ? "true" : "false"); } }

  var night = window.matchMedia("(prefers-color-scheme: dark)");
  function dark() { return root.dataset.theme ? root.dataset.theme === "dark" : night.matches; }
  if (kept("theme")) { root.dataset.theme = kept("theme"); }
  on("theme", function (button) { root.dataset.theme = dark() ? "light" : "dark"; keep("theme", root.dataset.theme); press(button, dark()); });
  press(document.getElementById("theme"), dark());

  function view(name) { root.dataset.view = name; press(document.getElementById("brief"), name === "brief"); }
  on("brief", function () { view(root.dataset.view === "brief" ? "full" : "brief"); });
  function asked() { if (location.hash === "#brief") { view("brief"); } }
  asked();
  window.addEventListener("hashchange", asked);
  on("code", function (button) {
    var open = button.getAttribute("aria-pressed") !== "true";
    if (open) { view("full"); }
    each("details.code", function (fold) { fold.open = open; });
    press(button, open);
  });

  var contents = document.querySelector(".contents details");
  var wide = window.matchMedia("(min-width: 66rem)");
  function fit() { if (contents) { contents.open = wide.matches; } }
  fit();
  wide.addEventListener("change", fit);
  each(".contents a", function (link) {
    link.addEventListener("click", function () {
      var target = document.getElementById(decodeURIComponent(link.hash.slice(1)));
      if (target && target.classList.contains("detail")) { view("full"); }
      if (contents && !wide.matches) { contents.open = false; }
      window.setTimeout(function () { if (target) { mark(target.id); } }, 600);
    });
  });

  var links = {};
  each(".contents a", function (link) { links[link.hash.slice(1)] = link; });
  var current = null;
  function mark(id) {
    if (!links[id] || current === links[id]) { return; }
    if (current) { current.removeAttribute("aria-current"); }
    current = links[id];
    current.setAttribute("aria-current", "true");
  }
  if ("IntersectionObserver" in window) {
    var heads = Array.prototype.filter.call(document.querySelectorAll("article h2[id], article h3[id]"), function (h) { return links[h.id]; });
    var settle = function () {
      var seen = heads.filter(function (h) { return h.getClientRects().length; });
      var above = seen.filter(function (h) { return h.getBoundingClientRect().top < window.innerHeight * 0.12; });
      if (seen.length) { mark((above[above.length - 1] || seen[0]).id); }
    };
    var watch = new IntersectionObserver(settle, { rootMargin: "1000000px 0px -88% 0px", threshold: [0, 1] });
    heads.forEach(function (h) { watch.observe(h); });
  }

  function reach() { each(".math", function (box) { if (box.scrollWidth > box.clientWidth + 1) { box.tabIndex = 0; } else { box.removeAttribute("tabindex"); } }); }
  reach();
  window.addEventListener("resize", reach);
})();
