
"use strict";
// Texts of machines reach the page through textContent and className only; the latter takes words of ours alone.
const WORDS = ["failed", "waiting", "booting", "loaded", "loading", "silent", "up"];
const STAGES = ["loader", "script", "kernel", "initrd", "payload"];
const MANY = 24;
// Of what needs a person: kinds of trouble, and of each names and messages.
const GROUPS = 30;
const NAMES = 12;
const MESSAGES = 3;
const nodes = new Map();
const cards = new Map();
let chosen = null;
let ahead = 0;
let started = false;

const at = (id) => document.getElementById(id);
function make(kind, style, text) {
  const element = document.createElement(kind);
  if (style) element.className = style;
  if (text !== undefined) element.textContent = text;
  return element;
}
const word = (state) => (WORDS.includes(state) ? state : "silent");
const clock = (seconds) => (seconds ? new Date(seconds * 1000).toLocaleTimeString([], { hour12: false }) : "");
function age(seconds) {
  const past = Math.max(0, Math.floor(Date.now() / 1000 + ahead - seconds));
  if (past < 60) return past + " s";
  if (past < 3600) return Math.floor(past / 60) + " min";
  return past < 172800 ? Math.floor(past / 3600) + " h" : Math.floor(past / 86400) + " d";
}

function marks(node) {
  const row = make("div", "marks");
  STAGES.forEach((name, index) => {
    const mark = node.stages[index];
    row.append(make("span", "mark " + (mark === "d" ? "done" : mark === "b" ? "running" : ""), name));
  });
  for (const [name, state] of node.steps) {
    const style = ["done", "running", "waiting", "failed"].includes(state) ? state : "";
    row.append(make("span", "mark " + style, name));
  }
  for (const mark of row.children) mark.title = mark.textContent;
  return row;
}

function fill(card, node) {
  card.className = "node " + word(node.state) + (chosen === node.name ? " chosen" : "");
  const head = make("div", "head");
  const state = make("span", "state", word(node.state));
  head.append(make("span", "name", node.name), state);
  const meta = [node.role, node.address || "no address yet"];
  // A small card has room for a few words: of a failure, its code.
  const said = [node.state === "failed" && node.failure ? node.failure.code : node.line];
  if (node.warnings) said.push(node.warnings + (node.warnings === 1 ? " warning" : " warnings"));
  if (node.runsGeneration) said.push("runs generation " + node.runsGeneration + " of " + node.generation);
  if (node.state !== "silent") said.push(age(node.since));
  card.title = node.name + ": " + node.line;
  card.replaceChildren(head, make("div", "meta", meta.join(" · ")), marks(node), make("div", "text", said.join(" · ")));
}

function matches(node, wanted) {
  const failure = node.failure ? node.failure.code : "";
  return [node.name, node.role, node.state, failure, node.address || ""].some((text) => text.toLowerCase().includes(wanted));
}

function show(node) {
  nodes.set(node.name, node);
  let card = cards.get(node.name);
  if (!card) {
    card = make("button", "node");
    card.type = "button";
    card.addEventListener("click", () => choose(node.name));
    cards.set(node.name, card);
    at("nodes").append(card);
  }
  fill(card, node);
  card.hidden = !matches(node, at("filter").value.toLowerCase());
}

// What needs a person: failures first, then payloads that were refused; alike ones of several nodes together.
function troubles() {
  const groups = new Map();
  const add = (style, node, step, code, message, remedy) => {
    const key = JSON.stringify([step, code, remedy]);
    const group = groups.get(key) || { style, step, code, remedy, names: [], messages: new Set() };
    group.names.push(node.name);
    group.messages.add(message);
    groups.set(key, group);
  };
  const ofAll = [...nodes.values()];
  for (const node of ofAll) {
    if (node.failure && node.state === "failed") add("", node, node.failure.step, node.failure.code, node.failure.message, node.failure.remedy);
  }
  for (const node of ofAll) {
    if (node.refusal) add(" refusal", node, "boot server", node.refusal.code, node.refusal.text, "if that was not this machine, somebody else asked for its payload");
  }
  const shown = [...groups.values()].slice(0, GROUPS);
  at("troubles").hidden = groups.size === 0;
  at("troubles").querySelector("div").replaceChildren(...shown.map((group) => {
    const box = make("div", "trouble" + group.style);
    const head = make("div", "head");
    head.append(make("code", "state", group.code), make("span", "step", group.step));
    const others = group.names.length - NAMES;
    const names = group.names.slice(0, NAMES).join(", ") + (others > 0 ? " and " + others + " more" : "");
    box.append(head, make("p", "names", names));
    const messages = [...group.messages];
    for (const message of messages.slice(0, MESSAGES)) box.append(make("p", "", message));
    if (messages.length > MESSAGES) box.append(make("p", "more", "and " + (messages.length - MESSAGES) + " more like these"));
    box.append(make("p", "todo", group.remedy));
    return box;
  }));
  if (groups.size > GROUPS) at("troubles").querySelector("div").append(make("p", "", groups.size - GROUPS + " more"));
}

function counts() {
  const count = {};
  for (const node of nodes.values()) count[word(node.state)] = (count[word(node.state)] || 0) + 1;
  at("counts").replaceChildren(...WORDS.filter((state) => count[state]).map((state) => {
    const item = make("li", state);
    const number = make("b", "state", count[state]);
    item.append(number, " " + state);
    return item;
  }));
  at("all").textContent = nodes.size + (nodes.size === 1 ? " node" : " nodes");
  document.body.classList.toggle("many", nodes.size > MANY);
}

function strangers(list) {
  at("strangers").hidden = list.length === 0;
  at("strangers").querySelector("ul").replaceChildren(...list.slice().reverse().map((stranger) =>
    make("li", "", stranger.name + " at " + stranger.address + ", last " + clock(stranger.at) + ", asked " + stranger.count + (stranger.count === 1 ? " time" : " times"))));
}

function all(state) {
  ahead = state.now - Date.now() / 1000;
  at("cluster").textContent = state.cluster ? "cluster " + state.cluster : "boot board";
  document.title = (state.cluster || "kfimg") + ": boot board";
  at("banner").hidden = !state.notReady;
  at("banner").textContent = "There is nothing to hand out: machines are told to wait. The server's terminal says why.";
  const names = new Set(state.nodes.map((node) => node.name));
  for (const [name, card] of cards) if (!names.has(name)) { card.remove(); cards.delete(name); nodes.delete(name); }
  state.nodes.sort((one, other) => one.name.localeCompare(other.name, "en", { numeric: true }));
  state.nodes.forEach(show);
  for (const node of state.nodes) at("nodes").append(cards.get(node.name));
  if (!started && nodes.has(decodeURIComponent(location.hash.slice(1)))) choose(decodeURIComponent(location.hash.slice(1)));
  started = true;
  strangers(state.strangers);
  counts();
  troubles();
}

function table(rows) {
  const body = make("table");
  for (const [first, second, style] of rows) {
    const row = make("tr", style || "");
    row.append(make("td", "", first), make("td", "", second));
    body.append(row);
  }
  return body;
}

function choose(name) {
  chosen = chosen === name ? null : name;
  for (const [other, card] of cards) card.classList.toggle("chosen", other === chosen);
  at("details").hidden = chosen === null;
  history.replaceState(null, "", chosen === null ? "/board" : "#" + encodeURIComponent(chosen));
  if (chosen !== null) details(chosen);
}

async function details(name) {
  const answer = await fetch("/board/state?node=" + encodeURIComponent(name)).catch(() => null);
  if (!answer || !answer.ok || chosen !== name) return;
  const node = await answer.json();
  const summary = node.summary;
  const parts = [make("h1", "", summary.name), make("p", "", [summary.role, summary.address, "generation " + summary.generation, node.versions].filter(Boolean).join(" · "))];
  parts.push(make("h2", "", "Fetched"), table(node.fetched.map(([stage, mark]) => {
    const done = mark.done ? clock(mark.done) + (mark.bytes ? ", " + mark.bytes.toLocaleString() + " bytes" : "") : mark.begun ? "since " + clock(mark.begun) : "not yet";
    return [stage, done];
  })));
  if (node.steps.length) {
    const rows = [];
    for (const step of node.steps) {
      rows.push([step.name, step.state + (step.message ? ": " + step.message : ""), step.state === "failed" ? "failed" : ""]);
      for (const notice of [step.failure, ...step.warnings]) {
        const style = notice && notice === step.failure ? "failed" : "";
        if (notice) rows.push([notice.code, notice.message, style], ["", "to do: " + notice.remedy, style]);
      }
    }
    parts.push(make("h2", "", "Steps, reported " + clock(node.reportedAt)), table(rows));
  }
  parts.push(make("h2", "", "Time line"), table(node.events.slice().reverse().map((event) =>
    [clock(event.at), event.text, ["failure", "refusal"].includes(event.kind) ? event.kind : ""])));
  at("details").querySelector("div").replaceChildren(...parts);
}

at("close").addEventListener("click", () => choose(chosen));
document.addEventListener("keydown", (event) => { if (event.key === "Escape" && chosen) choose(chosen); });
at("filter").addEventListener("input", () => nodes.forEach(show));
setInterval(() => { for (const [name, card] of cards) fill(card, nodes.get(name)); }, 10000);

const events = new EventSource("/board/events");
events.addEventListener("open", () => { at("link").textContent = "live"; });
events.addEventListener("error", () => { at("link").textContent = "the server does not answer; trying again …"; });
events.addEventListener("all", (event) => all(JSON.parse(event.data)));
events.addEventListener("strangers", (event) => strangers(JSON.parse(event.data)));
events.addEventListener("nodes", (event) => {
  const changed = JSON.parse(event.data);
  changed.forEach(show);
  counts();
  troubles();
  if (changed.some((node) => node.name === chosen)) details(chosen);
});
