// Sorts, filters and pages a table; Python has written every cell.
document.querySelectorAll("script[data-table]").forEach(function (source) {
  "use strict";
  var PAGE = window.innerWidth < 768 ? 10 : 50;
  var known = JSON.parse(source.textContent);
  var frame = document.getElementById(source.dataset.table);
  var table = frame.querySelector("table"), body = table.tBodies[0], heads = Array.from(table.tHead.rows[0].cells);
  var input = frame.querySelector("input"), select = frame.querySelector("select"), said = frame.querySelector("[role=status]");
  var pager = frame.querySelector(".pager");
  var keys = known.columns.concat(known.settings);
  var collator = new Intl.Collator("en", { numeric: true });
  var settings = new Map(known.settings.map(function (one) { return [one.name, one]; }));
  var count = rows(known.columns[0]);
  var order = Array.from({ length: count }, function (_, index) { return index; });
  var shown = order, page = 0, by = 0, descending = false;

  function rows(column) { return column.count || (column.at || column.texts).length; }
  function text(column, row) {
    if (column.others) {
      if (column.others[row] !== undefined) return column.others[row];
      return known.settings.map(function (one) { return one.name + "=" + text(one, row); }).join(" ");
    }
    if (column.count) return String(row + 1);
    return column.at ? column.texts[column.at[row]] : column.texts[row];
  }
  // 13.0M after 24.6k after 8; of a text without a number at its beginning, nothing.
  function number(written) {
    var found = /^([-+]?[\d.,]+(?:e[-+]?\d+)?)([kMG])?/.exec(written);
    if (!found) return NaN;
    return parseFloat(found[1].replace(/,/g, "")) * ({ k: 1e3, M: 1e6, G: 1e9 }[found[2]] || 1);
  }
  function sorted() {
    var column = keys[by];
    var texts = order.map(function (row) { return text(column, row); });
    var numbers = texts.map(number);
    var numeric = column.kind !== "trial" && texts.every(function (one, row) { return one === "" || !isNaN(numbers[row]); });
    var sign = descending ? -1 : 1;
    order = Array.from(order.keys()).sort(function (a, b) {
      if ((texts[a] === "") !== (texts[b] === "")) return texts[a] === "" ? 1 : -1;
      var apart = numeric ? numbers[a] - numbers[b] : collator.compare(texts[a], texts[b]);
      return sign * (apart || 0) || order[a] - order[b];
    }).map(function (at) { return order[at]; });
  }
  var haystacks = null;
  function haystack() {
    haystacks = haystacks || Array.from({ length: count }, function (_, row) {
      return known.columns.filter(function (column) { return column.kind !== "number"; }).map(function (column) {
        return text(column, row);
      }).join(" ").toLowerCase();
    });
    return haystacks;
  }
  // Each word must occur. `r=1` is the setting r=1 where some row has it, and else the beginning of r=16.
  function filtered() {
    var words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (!words.length) return order;
    var texts = haystack();
    return words.reduce(function (left, word) {
      function fits(pattern) { return left.filter(function (row) { return pattern((" " + texts[row]).replace(/\n/g, " ") + " "); }); }
      if (word.indexOf("=") < 1) return fits(function (hay) { return hay.indexOf(word) >= 0; });
      var exact = fits(function (hay) { return hay.indexOf(" " + word + " ") >= 0; });
      return exact.length ? exact : fits(function (hay) { return hay.indexOf(" " + word) >= 0; });
    }, order);
  }
  function link(name) {
    var to = known.before !== undefined ? (name === "!" ? "" : known.before + name + "/") : known.links[name];
    if (!to) return document.createTextNode(name);
    var anchor = document.createElement("a");
    anchor.href = to;
    anchor.textContent = name;
    return anchor;
  }
  function fill(cell, column, written) {
    if (column.kind === "trial") {
      written.split(" ").forEach(function (name, index) { cell.append(index ? " " : "", link(name)); });
      return;
    }
    var lines = written.split("\n");
    cell.append(lines[0]);
    if (lines[1]) {
      var small = document.createElement("small");
      small.textContent = lines[1];
      cell.append(small);
    }
  }
  function line(row) {
    var made = document.createElement("tr");
    if (known.columns.some(function (column) { return column.name === "verdict" && text(column, row) === "best"; })) made.className = "best";
    known.columns.forEach(function (column, index) {
      var cell = document.createElement(index ? "td" : "th");
      if (!index) cell.scope = "row";
      if (column.kind !== "text") cell.className = column.kind;
      cell.dataset.label = column.name;
      fill(cell, column, text(column, row));
      made.append(cell);
    });
    return made;
  }
  function show() {
    var pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(page, pages - 1);
    var some = shown.slice(page * PAGE, (page + 1) * PAGE);
    body.replaceChildren.apply(body, some.map(line));
    heads.forEach(function (head, index) {
      if (index === by) head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    select.value = String(by);
    var all = count.toLocaleString("en") + " " + known.noun + (count === 1 ? "" : "s");
    said.textContent = shown.length === count ? all : shown.length.toLocaleString("en") + " of " + all;
    pager.hidden = pages === 1;
    pager.querySelector("span").textContent = "page " + (page + 1) + " of " + pages.toLocaleString("en");
    pager.querySelector(".back").disabled = page === 0;
    pager.querySelector(".on").disabled = page === pages - 1;
  }
  function sort(index, turned) {
    by = index;
    descending = turned;
    sorted();
    shown = filtered();
    page = 0;
    show();
  }
  heads.forEach(function (head, index) {
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.dataset.name = head.textContent;  // for print, where a button is not repeated
    button.addEventListener("click", function () { sort(index, by === index ? !descending : Boolean(keys[index].highest)); });
    head.replaceChildren(button);
  });
  keys.forEach(function (column, index) {
    if (index < heads.length || settings.size > 1) select.add(new Option(column.name, String(index)));
  });
  select.addEventListener("change", function () { sort(Number(select.value), Boolean(keys[select.value].highest)); });
  frame.querySelector(".turn").addEventListener("click", function () { sort(by, !descending); });
  input.addEventListener("input", function () { shown = filtered(); page = 0; show(); });
  pager.querySelector(".back").addEventListener("click", function () { page -= 1; show(); });
  pager.querySelector(".on").addEventListener("click", function () { page += 1; show(); });
  frame.querySelector(".more").hidden = true;
  frame.querySelector(".finder").hidden = count < 2;
  show();
});
