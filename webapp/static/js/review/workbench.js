// The workbench: one part, one decision, one key. Saving, claiming and loading happen behind the person's back.

import { Ahead, Part } from "./ahead.js";
import { csrf, postForm, wait } from "./net.js";
import { Outbox } from "./outbox.js";
import { Tally } from "./tally.js";

const bench = document.getElementById("workbench");
const place = document.getElementById("part");
const say = document.getElementById("say");
const urls = bench.dataset;
const HEARTBEAT = 20000;
const WORDS_STAY = 8000;
const BLINK = 200; // a key sooner than this after a part appeared was meant for the one before

let current = null;

const tally = new Tally(bench);
const outbox = new Outbox(urls.verdict);
let decisions = [...JSON.parse(document.getElementById("recent").textContent), ...outbox.waiting];
const ahead = new Ahead(urls.next, urls.product, () => [...ahead.claims, ...outbox.claims, ...(current ? [current.claim] : [])]);

let quiet;

function tell(words) {
  say.textContent = words;
  clearTimeout(quiet);
  quiet = setTimeout(() => (say.textContent = ""), WORDS_STAY);
}

async function show(part) {
  if (current) return;
  current = part;
  bench.removeAttribute("data-ready");
  bench.dataset.state = "part";
  place.replaceChildren(part.element);
  document.getElementById("comment").value = "";
  document.getElementById("confirm").disabled = !part.label;
  document.getElementById("confirm-word").textContent = part.label ? `Agree: ${part.label}` : "Agree";
  await part.ready;
  await wait(BLINK);
  if (current === part) bench.setAttribute("data-ready", "");
}

function next() {
  if (current) return;
  const part = ahead.take();
  if (part) show(part);
  else if (bench.dataset.state === "part") bench.dataset.state = "loading";
}

function decide(verdict, defect_type = "") {
  if (!current || !bench.hasAttribute("data-ready")) return;
  const comment = document.getElementById("comment").value.trim();
  const entry = { claim: current.claim, inspection: current.inspection, title: current.title, verdict, defect_type, comment };
  entry.part = current;
  Object.defineProperty(entry, "part", { enumerable: false }); // the page's own, not for the store
  decisions.push(entry);
  tally.decided(entry);
  current = null;
  outbox.add(entry);
  tell(`${verdict}${defect_type ? `, ${defect_type}` : ""}: ${entry.title}`);
  next();
  bench.focus({ preventScroll: true });
  drawLast();
}

function agree() {
  if (!current) return;
  if (current.label) decide(current.label);
  else tell(current.again ? "This one is judged without the model: press P or F." : "No model said anything of this part: press P or F.");
}

async function undo() {
  const entry = decisions.pop();
  if (!entry) return tell("There is nothing to take back.");
  if (outbox.withdraw(entry)) return back(entry, entry.part || null);
  if (!entry.label) await saved(entry);
  if (!entry.label) return;
  const answer = await postForm(urls.undo, { label: entry.label }).catch(() => null);
  if (answer?.ok && !answer.redirected) return back(entry, new Part(await answer.text()));
  if (answer && answer.status < 500 && answer.status !== 403) tell(await answer.text());
  else {
    decisions.push(entry);
    tell("Taking it back did not reach the server. Press U again.");
  }
  drawLast();
}

/** Wait until an entry on its way is saved or refused. */
function saved(entry) {
  return new Promise((done) => {
    const look = () => outbox.waiting.includes(entry) || (outbox.removeEventListener("change", look), done());
    outbox.addEventListener("change", look);
  });
}

function back(entry, part) {
  tally.takenBack(entry);
  tell(`Taken back: ${entry.title}`);
  drawLast();
  if (!part) return ahead.fill();
  if (current) ahead.putBack(current);
  current = null;
  show(part);
}

function toggleMap() {
  place.querySelector("[data-shows]")?.click();
}

function drawLast() {
  const last = decisions.at(-1);
  const words = last ? `${last.verdict}${last.defect_type ? ` ${last.defect_type}` : ""} · ${last.title}` : "nothing yet";
  document.getElementById("last").textContent = words;
  document.getElementById("undo").disabled = !last;
}

function drawUnsaved() {
  const unsaved = document.getElementById("unsaved");
  unsaved.hidden = !outbox.size;
  document.getElementById("unsaved-count").textContent = outbox.size;
  unsaved.classList.toggle("trouble", Boolean(outbox.trouble));
  document.getElementById("unsaved-why").textContent = outbox.trouble;
}

outbox.addEventListener("change", drawUnsaved);
outbox.addEventListener("saved", ({ detail }) => {
  detail.entry.label = detail.label.id;
  tally.saved();
});
outbox.addEventListener("refused", ({ detail }) => {
  decisions = decisions.filter((entry) => entry !== detail.entry);
  tally.takenBack(detail.entry);
  tell(`${detail.entry.title} was not saved: ${detail.detail || "it went to another reviewer"} Going on.`);
  drawLast();
});
ahead.addEventListener("arrived", next);
ahead.addEventListener("empty", () => {
  if (current) return;
  bench.dataset.state = "empty";
  tally.drawEnd();
});
ahead.addEventListener("stuck", () => {
  if (!current) bench.dataset.state = "stuck";
});

async function heartbeat() {
  if (document.hidden) return;
  const claims = [...ahead.claims, ...(current ? [current.claim] : [])];
  const answer = await postForm(urls.held, { product: urls.product, claim: claims }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { left, today, teaching, lost } = await answer.json();
  tally.told({ left, today, teaching });
  ahead.drop(lost);
  if (current && lost.includes(current.claim)) {
    tell(`${current.title} went to another reviewer while you were away.`);
    current = null;
    next();
  }
  ahead.fill();
}

const actions = { pass: () => decide("PASS"), fail: (type) => decide("FAIL", type), agree, undo, map: toggleMap, help };

function help() {
  const dialog = document.getElementById("keys");
  if (dialog.open) dialog.close();
  else dialog.showModal();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) actions[button.dataset.do](button.dataset.type || "");
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (event.target.matches("input, textarea, select")) {
    if (event.key === "Enter" || event.key === "Escape") bench.focus();
    return;
  }
  if (event.key === " " && event.target.matches("button, a, summary")) return;
  if (document.getElementById("keys").open && event.key !== "?") return;
  const button = document.querySelector(`[data-key="${CSS.escape(event.key.toLowerCase())}"]`);
  if (event.key.toLowerCase() === "h") toggleMap();
  else if (event.key.toLowerCase() === "c") document.getElementById("comment").focus();
  else if (event.key === " ") agree(); // also where its button is off: it says why
  else if (button && !button.disabled) button.click();
  else return;
  event.preventDefault();
});

addEventListener("beforeunload", (event) => {
  if (outbox.size) event.preventDefault();
});
addEventListener("pagehide", () => {
  // Parts that nobody decided go back to the queue at once, not when their lease runs out.
  const body = new FormData();
  body.append("csrfmiddlewaretoken", csrf());
  for (const claim of [...ahead.claims, ...(current ? [current.claim] : [])]) body.append("claim", claim);
  navigator.sendBeacon(urls.release, body);
});
addEventListener("pageshow", (event) => {
  // Back from the browser's memory: its parts were given back when it was left.
  if (event.persisted) location.reload();
});
document.addEventListener("visibilitychange", heartbeat);
setInterval(heartbeat, HEARTBEAT);

drawLast();
drawUnsaved();
heartbeat();
ahead.fill();
bench.focus({ preventScroll: true });
