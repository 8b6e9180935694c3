// Draws each figure from its JSON, in the colours of the page, and again when the reader turns to dark or light.
(function () {
  "use strict";
  var drawn = [], LEGEND_LINE = 20, SHORT = 18, PAPER_WIDTH = 660, PAPER_HEIGHT = 800, printing = false;
  var ON_PAPER = { "--ink": "#000000", "--soft": "#444444", "--paper": "#ffffff", "--card": "#ffffff", "--line": "#bbbbbb", "--grid": "#dddddd" };
  function colour(name) {
    if (printing) return ON_PAPER[name];
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  // A narrow legend has a line per entry, below the axis: the plot keeps its height.
  function dressed(layout, entries) {
    var narrow = window.innerWidth < 640;
    if (narrow) layout.height = layout.drawnHeight + LEGEND_LINE * entries;
    layout.legend = Object.assign({}, layout.legend, { yref: "container", y: 0, yanchor: "bottom" });
    layout.font = Object.assign({}, layout.font, { color: colour("--ink"), size: narrow ? 11 : 13 });
    layout.hoverlabel = { bgcolor: colour("--paper"), bordercolor: colour("--line"), font: { color: colour("--ink") } };
    (layout.annotations || []).forEach(function (note) {
      note.font = Object.assign({}, note.font, { color: colour("--soft") });
      if (note.bgcolor) note.bgcolor = colour("--card");
    });
    Object.keys(layout).forEach(function (key) {
      if (/^[xy]axis\d*$/.test(key)) {
        layout[key].gridcolor = colour("--grid");
        layout[key].linecolor = colour("--line");
        if (layout[key].showgrid !== false) layout[key].showgrid = true;
        if (/<br>/.test(layout[key].ticktext) && key[0] === "x") {
          layout[key].tickangle = narrow ? -90 : 0;
          layout[key].tickfont = { size: narrow ? 9 : 12 };
        }
        if (layout[key].type === "date") layout[key].nticks = narrow ? 3 : 6;
      }
    });
    return layout;
  }
  // Beside bars, a long name would leave a narrow screen no width: its first word or two, in at most two lines.
  function inLines(name) {
    var trial = /^(trial \S+): /.exec(name);
    if (trial) return trial[1];
    var lines = [""];
    name.split(" ").forEach(function (word) {
      var last = lines[lines.length - 1];
      if (last && last.length + word.length >= SHORT) lines.push(word);
      else lines[lines.length - 1] = last ? last + " " + word : word;
    });
    lines = lines.map(function (line) { return line.length > SHORT ? line.slice(0, SHORT - 1) + "…" : line; });
    return lines.slice(0, 2).join("<br>") + (lines.length > 2 ? " …" : "");
  }
  function shortened(one) {
    var axis = one.layout.yaxis;
    if (!axis || axis.type !== "category") return;
    var ofAxis = one.data.filter(function (trace) { return (trace.yaxis || "y") === "y"; });
    var names = Array.from(new Set([].concat.apply([], ofAxis.map(function (trace) { return trace.y || []; }))));
    axis.tickvals = window.innerWidth < 640 ? names : undefined;
    axis.ticktext = window.innerWidth < 640 ? names.map(inLines) : undefined;
  }
  function draw() {
    drawn.forEach(function (one) {
      shortened(one);
      Plotly.react(one.element, one.data, dressed(one.layout, one.entries), { responsive: true, displaylogo: false, displayModeBar: false });
    });
  }
  // Paper is light and narrow, whatever the screen is: neither its colours nor its width are those of a print yet.
  function print(starts) {
    printing = starts;
    drawn.forEach(function (one) {
      one.layout.autosize = !starts;
      one.layout.width = starts ? PAPER_WIDTH : undefined;
      one.element.style.minHeight = starts ? "0" : one.layout.drawnHeight + "px";
      one.layout.height = starts ? Math.min(one.layout.drawnHeight, PAPER_HEIGHT) : one.layout.drawnHeight;
    });
    draw();
    if (!starts) drawn.forEach(function (one) { Plotly.Plots.resize(one.element); });
  }
  window.addEventListener("beforeprint", function () {
    document.querySelectorAll("header details").forEach(function (one) { one.open = true; });
    print(true);
  });
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
