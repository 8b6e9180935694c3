// Asks one question after the other. Python has written every sentence about a question; the script adds up the score.
(function () {
  "use strict";
  var source = document.getElementById("data"), known = JSON.parse(source.textContent), KEY = "medqa-sweeps quiz " + known.id;
  source.remove();  // from here on the answers are in no element of the page, not even encoded
  var Z = 1.959963984540054, PASSED = -1;
  var every = known.questions.map(function (_, index) { return index; });
  var state = stored() || fresh(every), chosen = null, done = false;

  function at(id) { return document.getElementById(id); }
  function fresh(order) { return { order: order, answers: [] }; }
  // A browser may keep no data for files, and another page may have left something else there.
  function stored() {
    try {
      var found = JSON.parse(localStorage.getItem(KEY));
      var fits = found.order.length && found.order.every(function (one) { return known.questions[one]; }) && found.answers.length <= found.order.length;
      fits = fits && found.answers.every(function (one, index) { return one === PASSED || known.questions[found.order[index]].options[one] !== undefined; });
      return fits ? found : null;
    } catch (error) { return null; }
  }
  function store() { try { localStorage.setItem(KEY, JSON.stringify(state)); } catch (error) { /* progress is lost on leaving */ } }

  // The stream of page.py: xorshift32, begun from FNV-1a of the question's id.
  function answerOf(question) {
    var word = 2166136261;
    Array.from(new TextEncoder().encode(question.id)).forEach(function (byte) { word = Math.imul(word ^ byte, 16777619) >>> 0; });
    var bytes = Uint8Array.from(atob(question.answer), function (character) {
      word ^= word << 13; word ^= word >>> 17; word ^= word << 5;
      return character.charCodeAt(0) ^ (word & 255);
    });
    return JSON.parse(new TextDecoder().decode(bytes));
  }

  function element(tag, name, text) {
    var made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  }
  function letter(index) { return String.fromCharCode(65 + index); }
  function now() { return known.questions[state.order[state.answers.length - (done ? 1 : 0)]]; }

  function show() {
    done = false; chosen = null;
    if (state.answers.length >= state.order.length) return showResult();
    var question = now();
    at("result").hidden = true; at("ask").hidden = false; at("form").classList.remove("done");
    at("question").textContent = "Question " + (state.answers.length + 1) + " of " + state.order.length + (question.step ? " · " + question.step : "");
    at("stem").textContent = question.question;
    at("options").replaceChildren.apply(at("options"), question.options.map(option));
    ["verdict", "about", "label"].forEach(function (id) { at(id).textContent = ""; at(id).classList.remove("right", "wrong"); });
    ["check", "pass"].forEach(function (id) { at(id).hidden = false; });
    at("keys").textContent = "Keys: a letter chooses, Enter checks, ? means “" + known.pass + "”.";
    at("next").hidden = true;
    progress();
  }
  function option(text, index) {
    var label = element("label", "option"), input = element("input");
    input.type = "radio"; input.name = "answer"; input.value = String(index);
    input.addEventListener("change", function () { chosen = index; at("verdict").textContent = ""; });
    label.append(input, element("span", "letter", letter(index)), element("span", "text", text));
    return label;
  }
  function progress() {
    var right = state.answers.filter(function (one, index) { return one === answerOf(known.questions[state.order[index]]).gold; }).length;
    document.querySelector(".progress").hidden = false;
    at("count").textContent = state.answers.length + " of " + state.order.length + " answered";
    at("score").textContent = state.answers.length ? right + " right" : "";
    at("bar").style.width = 100 * state.answers.length / state.order.length + "%";
  }

  function commit(index) {
    if (done) return;
    state.answers.push(index); done = true; store();
    var answer = answerOf(now()), right = index === answer.gold;
    at("form").classList.add("done");
    Array.from(at("options").children).forEach(function (label, of) { mark(label, of, index, answer); });
    at("verdict").className = right ? "right" : "wrong";
    at("verdict").textContent = index === PASSED ? answer.passed : right ? answer.right : answer.wrong;
    at("about").textContent = answer.about;
    at("label").textContent = answer.shares.length ? "the model's probability" : "";
    ["check", "pass"].forEach(function (id) { at(id).hidden = true; });
    at("keys").textContent = "Enter: next";
    at("next").textContent = state.answers.length < state.order.length ? "Next question" : "See the result";
    at("next").hidden = false;
    progress();
    at("next").focus({ preventScroll: true });
    at("next").scrollIntoView({ block: "nearest" });
  }
  function mark(label, of, index, answer) {
    label.querySelector("input").disabled = true;
    label.querySelector("input").checked = of === index;
    if (of === answer.gold) label.classList.add("right");
    else if (of === index) label.classList.add("wrong");
    if (answer.shares.length) {
      var meter = element("div", "meter"), part = element("div");
      part.style.width = 100 * answer.shares[of] + "%";
      meter.append(part); meter.setAttribute("aria-hidden", "true");
      label.append(element("span", "share", answer.percent[of]), meter);
    }
    var marks = element("div", "marks");
    if (of === answer.gold) marks.append(element("span", "mark of-right", "right answer"));
    if (of === index) marks.append(element("span", "mark", "your answer"));
    if (of === answer.model) marks.append(element("span", "mark", "the model's answer"));
    if (marks.children.length) label.append(marks);
  }

  // Wilson's interval, as medqa_sweeps/statistics/proportion.py has it; a test compares the two.
  function scoreText(right, questions) {
    var share = right / questions, middle = (share + Z * Z / (2 * questions)) / (1 + Z * Z / questions);
    var half = Z / (1 + Z * Z / questions) * Math.sqrt(share * (1 - share) / questions + Z * Z / (4 * questions * questions));
    function percent(part) { return (Math.round(parseFloat((1000 * Math.min(1, Math.max(0, part))).toPrecision(12))) / 10).toFixed(1); }
    return percent(share) + "% of " + questions.toLocaleString("en") + (questions === 1 ? " question" : " questions") + " (" + known.ci + " " + percent(middle - half) + " to " + percent(middle + half) + ")";
  }
  function tally(places) {
    var cells = [0, 0, 0, 0];
    places.forEach(function (place) {
      var answer = answerOf(known.questions[state.order[place]]);
      cells[(state.answers[place] === answer.gold ? 0 : 2) + (answer.model === answer.gold ? 0 : 1)] += 1;
    });
    return [places.length, cells[0] + cells[1], cells[0] + cells[2]].concat(cells);
  }
  function showResult() {
    var places = state.order.map(function (_, place) { return place; }), groups = [["all", places]];
    var steps = Array.from(new Set(state.order.map(function (one) { return known.questions[one].step; })));
    steps.sort(function (one, other) { return !one - !other || (one < other ? -1 : 1); });
    if (steps.some(Boolean)) steps.forEach(function (step) {
      groups.push([step || known.noStep, places.filter(function (place) { return known.questions[state.order[place]].step === step; })]);
    });
    var counts = groups.map(function (group) { return tally(group[1]); }), all = counts[0];
    at("ask").hidden = true; at("result").hidden = false;
    at("result-title").textContent = "Result: " + all[0] + (all[0] === 1 ? " question" : " questions");
    at("scores").replaceChildren();
    [["You", all[1]]].concat(known.model ? [["The model", all[2]]] : []).forEach(function (one) {
      var parts = scoreText(one[1], all[0]).split(" ("), score = element("dd", "", parts[0] + " ");
      score.append(element("span", "whole", "(" + parts[1]));
      at("scores").append(element("dt", "", one[0]), score);
    });
    var passed = state.answers.filter(function (one) { return one === PASSED; }).length;
    at("passed").textContent = passed ? "“" + known.pass + "” to " + passed + (passed === 1 ? " question" : " questions") + ", which counts as wrong." : "";
    at("square").hidden = !known.model;
    at("square").replaceChildren.apply(at("square"), known.model ? known.rows.slice(3).map(function (name, index) {
      var pair = element("div");
      pair.append(element("dt", "", name), element("dd", "", String(all[3 + index])));
      return pair;
    }) : []);
    at("table").replaceChildren.apply(at("table"), groups.length > 1 ? [table(groups, counts)] : []);
    at("missed").hidden = all[1] === all[0];
    progress();
  }
  function table(groups, counts) {
    var frame = element("div", "scroll"), made = element("table"), head = element("tr"), body = element("tbody");
    frame.tabIndex = 0; frame.setAttribute("role", "region"); frame.setAttribute("aria-label", "Questions by who was right");
    head.append(element("td"));
    groups.forEach(function (group) { var cell = element("th", "", group[0]); cell.scope = "col"; head.append(cell); });
    known.rows.forEach(function (name, index) {
      var row = element("tr"), title = element("th", "", name);
      title.scope = "row"; row.append(title);
      counts.forEach(function (count) { row.append(element("td", "", String(count[index]))); });
      body.append(row);
    });
    var top = element("thead"); top.append(head);
    made.append(element("caption", "", "Questions by who was right"), top, body); frame.append(made);
    return frame;
  }

  function next() { show(); at(state.answers.length < state.order.length ? "question" : "result-title").focus({ preventScroll: true }); window.scrollTo(0, 0); }
  function restart(order) { state = fresh(order); store(); next(); }
  at("pass").textContent = known.pass;
  at("form").addEventListener("submit", function (event) { event.preventDefault(); if (chosen !== null) commit(chosen); else at("verdict").textContent = "Choose an option first, or “" + known.pass + "”."; });
  at("pass").addEventListener("click", function () { commit(PASSED); });
  at("next").addEventListener("click", next);
  at("again").addEventListener("click", function () { restart(every); });
  at("missed").addEventListener("click", function () {
    restart(state.order.filter(function (one, place) { return state.answers[place] !== answerOf(known.questions[one]).gold; }));
  });
  document.addEventListener("keydown", function (event) {
    if (at("ask").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
    if (done) {
      if (event.key === "Enter" && !event.target.closest("button, a")) { event.preventDefault(); next(); }
      return;
    }
    var index = event.key.length === 1 ? event.key.toUpperCase().charCodeAt(0) - 65 : -1;
    var inputs = at("options").querySelectorAll("input");
    if (event.key === "?") { event.preventDefault(); commit(PASSED); }
    else if (inputs[index]) { event.preventDefault(); inputs[index].checked = true; chosen = index; inputs[index].focus(); }
    else if (event.key === "Enter" && chosen !== null && !event.target.closest("button, a")) { event.preventDefault(); commit(chosen); }
  });
  show();
  document.documentElement.dataset.drawn = "yes";
})();
