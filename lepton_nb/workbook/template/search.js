(function () {
  "use strict";
  var data = document.getElementById("lepton-search"), box = document.getElementById("search-box");
  if (!data || !box) { return; }
  var pages = JSON.parse(data.textContent), found = document.getElementById("search-found"), told = document.getElementById("search-told");
  document.getElementById("search").hidden = false;
  function plain(text) { return " " + text.toLowerCase().replace(/[^\p{L}\p{N}_-]+/gu, " ") + " "; }
  pages.forEach(function (page) {
    page.name = plain(page.title);
    page.heading = page.heads.map(function (head) { return plain(head[1]); });
    page.about = plain(page.lede);
    page.rest = " " + page.words + " ";
  });
  function score(page, word) {
    var key = " " + word;
    if (page.name.indexOf(key) >= 0) { return 8; }
    if (page.heading.some(function (head) { return head.indexOf(key) >= 0; })) { return 4; }
    if (page.about.indexOf(key) >= 0) { return 3; }
    return page.rest.indexOf(key) >= 0 ? 1 : 0;
  }
  function link(address, text) { var a = document.createElement("a"); a.href = address; a.textContent = text; return a; }
  function show(page, words) {
    var item = document.createElement("li"), about = document.createElement("span");
    item.append(link(page.address, page.title), " ", about);
    about.textContent = page.lede;
    page.heads.forEach(function (head, i) {
      if (words.some(function (word) { return page.heading[i].indexOf(" " + word) >= 0; })) { item.append(" ", link(page.address + "#" + head[0], head[1])); }
    });
    return item;
  }
  function search() {
    var words = plain(box.value).trim().split(" ").filter(Boolean);
    var hits = words.length ? pages.map(function (page) {
      var scores = words.map(function (word) { return score(page, word); });
      return { page: page, score: scores.indexOf(0) >= 0 ? 0 : scores.reduce(function (a, b) { return a + b; }, 0) };
    }).filter(function (hit) { return hit.score; }) : [];
    hits.sort(function (a, b) { return b.score - a.score || (a.page.title < b.page.title ? -1 : 1); });
    found.replaceChildren.apply(found, hits.slice(0, 20).map(function (hit) { return show(hit.page, words); }));
    told.textContent = !words.length ? "" : hits.length ? hits.length + (hits.length === 1 ? " page" : " pages") : "No page has all these words.";
  }
  box.addEventListener("input", search);
  if (location.hash === "#search") { box.focus(); }
})();
