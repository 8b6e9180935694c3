// Shows the two configs that the reader chooses; Python has written every sentence and every number.
document.querySelectorAll("script[data-pairs]").forEach(function (source) {
  "use strict";
  var known = JSON.parse(source.textContent);
  var figure = document.getElementById(source.dataset.pairs);
  var selects = Array.from(figure.querySelectorAll("select"));
  var says = figure.querySelector("[aria-live]");
  var which = figure.querySelector("p.soft");
  var frame = figure.querySelector(".scroll");
  function row(texts, names) {
    var line = document.createElement("tr");
    texts.forEach(function (text, index) {
      var cell = document.createElement(index ? "td" : "th");
      if (!index) {
        cell.scope = "row";
        cell.className = "text";
        cell.style.fontWeight = "400";
      }
      else cell.dataset.label = names[index];
      cell.textContent = text;
      line.append(cell);
    });
    return line;
  }
  function show() {
    var indices = selects.map(function (one) { return Number(one.value); }).sort(function (a, b) { return a - b; });
    var pair = known.pairs[indices.join("-")];
    frame.hidden = !pair;
    says.textContent = pair ? pair.says : "Choose two configs that are not the same.";
    which.textContent = pair ? pair.shown : "";
    if (!pair) return;
    var heads = Array.from(figure.querySelectorAll("thead th"));
    heads.forEach(function (head, index) {
      if (index > 1) head.textContent = pair.names[index - 2];
    });
    var names = heads.map(function (head) { return head.textContent; });
    figure.querySelector("tbody").replaceChildren(...pair.questions.map(function (number) {
      var letters = indices.map(function (index) { return known.letters[index][number]; });
      return row(known.questions[number].concat(letters), names);
    }));
  }
  selects[1].selectedIndex = 1;
  selects.forEach(function (one) { one.addEventListener("change", show); });
  figure.hidden = false;
  show();
});
