// Draws each figure from its JSON, in the colours of the page, and again when the reader turns to dark or light.
(function () {
  "use strict";
  var drawn = [], LEGEND_LINE = 20, PAPER_WIDTH = 660, printing = false;
  var ON_PAPER = { "--ink": "#000000", "--soft": "#444444", "--paper": "#ffffff", "--line": "#bbbbbb", "--grid": "#dddddd" };
  function colour(name) {
    if (printing) return ON_PAPER[name];
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  // A narrow legend has a line per entry, below the axis: the plot keeps its height.
  function dressed(layout, entries) {
    var narrow = window.innerWidth < 640;
    if (narrow) layout.height = layout.drawnHeight + LEGEND_LINE * entries;
    layout.font = Object.assign({}, layout.font, { color: colour("--ink"), size: narrow ? 11 : 13 });
    layout.hoverlabel = { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } };
    (layout.annotations || []).forEach(function (note) {
      note.font = Object.assign({}, note.font, { color: colour("--soft") });
    });
    Object.keys(layout).forEach(function (key) {
      if (/^[xy]axis\d*$/.test(key)) {
        layout[key].gridcolor = colour("--grid");
        layout[key].linecolor = colour("--line");
        if (layout[key].showgrid !== false) layout[key].showgrid = true;
      }
    });
    return layout;
  }
  function draw() {
    drawn.forEach(function (one) {
      Plotly.react(one.element, one.data, dressed(one.layout, one.entries), { responsive: true, displaylogo: false, displayModeBar: false });
    });
  }
  // Paper is light and narrow, whatever the screen is: neither its colours nor its width are those of a print yet.
  function print(starts) {
    printing = starts;
    drawn.forEach(function (one) {
      one.layout.autosize = !starts;
      one.layout.width = starts ? PAPER_WIDTH : undefined;
    });
    draw();
    if (!starts) drawn.forEach(function (one) { Plotly.Plots.resize(one.element); });
  }
  window.addEventListener("beforeprint", function () { print(true); });
  window.addEventListener("afterprint", function () { print(false); });
  document.querySelectorAll("script[data-plot]").forEach(function (source) {
    var figure = JSON.parse(source.textContent);
    var entries = figure.layout.showlegend === false ? 0 : figure.data.filter(function (trace) { return trace.name && trace.showlegend !== false; }).length;
    figure.layout.drawnHeight = figure.layout.height;
    drawn.push({ element: document.getElementById(source.dataset.plot), data: figure.data, layout: figure.layout, entries: entries });
  });
  draw();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  document.documentElement.dataset.drawn = String(drawn.length);
})();
