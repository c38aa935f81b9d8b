// The workbench: one part, one decision, one key. Saving, claiming and loading happen behind the person's back.

import { Ahead, Part } from "./ahead.js";
import { Group } from "./group.js";
import { listen } from "./keys.js";
import { csrf, postForm, wait } from "./net.js";
import { Outbox } from "./outbox.js";
import { Recent, words } from "./recent.js";
import { Tally } from "./tally.js";
import { text } from "./texts.js";
import { Viewer } from "./viewer.js";

const bench = document.getElementById("workbench");
const place = document.getElementById("part");
const say = document.getElementById("say");
const comment = document.getElementById("comment");
const confirmButton = document.getElementById("confirm");
const groupButton = document.getElementById("alike");
const urls = bench.dataset;
const HEARTBEAT = 10000;
const LOOKED_AT = 120000; // a page that nobody touched for that long holds no parts
const WORDS_STAY = 8000;
const BLINK = 200; // a key sooner than this after a part appeared was meant for the one before

let current = null;
let shownAt = 0;
let touchedAt = Date.now();

const tally = new Tally(bench);
const outbox = new Outbox(urls, urls.person);
const recent = new Recent([...JSON.parse(document.getElementById("recent").textContent), ...outbox.waiting]);
const group = new Group(urls.alike);
const viewer = new Viewer(bench);
const held = () => [...ahead.claims, ...group.claims, ...(current ? [current.claim] : [])];
const ahead = new Ahead(urls.next, urls.product, () => [...held(), ...outbox.claims]);

let quiet;

function tell(said) {
  say.textContent = said;
  clearTimeout(quiet);
  quiet = setTimeout(() => (say.textContent = ""), WORDS_STAY);
}

async function show(part) {
  if (current) return;
  current = part;
  bench.removeAttribute("data-ready");
  bench.dataset.state = "part";
  place.replaceChildren(part.element);
  shownAt = performance.now();
  viewer.show(part);
  comment.value = "";
  confirmButton.disabled = !part.label;
  document.getElementById("confirm-word").textContent = part.label ? text("agree_with", { label: text(part.label) }) : text("agree");
  groupButton.hidden = !part.alike;
  document.getElementById("alike-word").textContent = text("alike", { number: part.alike });
  for (const button of document.querySelectorAll("[data-overlay]")) button.disabled = !part.element.querySelector(`[data-kind="${button.dataset.overlay}"]`);
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

/** Note what was said of a part and send it. */
function keep({ claim, inspection, title }, said, part = null) {
  const shown_seconds = Math.round(performance.now() - shownAt) / 1000;
  const entry = { claim, inspection, title, comment: comment.value.trim(), shown_seconds, ...said };
  Object.defineProperty(entry, "part", { value: part, enumerable: false }); // the page's own, not for the store
  recent.add(entry);
  if (!entry.skip) tally.decided(entry);
  outbox.add(entry);
  return entry;
}

function isReady() {
  return current && bench.hasAttribute("data-ready") && (!group.isOpen || group.isSeen);
}

function decide(verdict, defect_type = "") {
  if (!isReady()) return;
  if (group.isOpen) return decideAll({ verdict, defect_type });
  const entry = keep(current, { verdict, defect_type }, current);
  leave(`${words(entry)}: ${entry.title}`);
}

function decideAll(said) {
  const parts = group.members;
  if (!parts.length) return tell(text("group_is_empty"));
  let entry;
  // All of them were looked at together: each took its share of the time.
  shownAt = performance.now() - (performance.now() - shownAt) / parts.length;
  for (const part of parts) entry = keep({ ...part }, said);
  closeGroup();
  leave(text("group_judged", { words: words(entry), number: parts.length }));
}

function leave(said) {
  current = null;
  tell(said);
  next();
  bench.focus({ preventScroll: true });
}

function agree() {
  if (!current) return;
  if (current.label) decide(current.label);
  else tell(text(current.again ? "judge_without_model" : "model_said_nothing"));
}

function skip(reason) {
  document.getElementById("skip-dialog").close();
  if (!current || !reason) return;
  closeGroup();
  const entry = keep(current, { skip: reason }, current);
  leave(text("skipped_part", { title: entry.title }));
}

async function openGroup() {
  if (!current?.alike || group.isOpen) return;
  if (!(await group.open(current))) return tell(text("group_is_gone"));
  ahead.drop(group.claims);
  bench.dataset.group = "";
}

/** One by one again: the group's parts are still held and come next. */
function closeGroup() {
  if (!group.isOpen) return;
  group.close();
  delete bench.dataset.group;
  ahead.fill();
}

async function undo(entry = recent.last) {
  if (!entry) return tell(text("nothing_to_undo"));
  closeGroup();
  recent.remove(entry);
  if (outbox.withdraw(entry)) return back(entry, entry.part);
  await outbox.settled(entry);
  if (entry.refused) return;
  const asked = entry.skip ? { inspection: entry.inspection } : { label: entry.label };
  const answer = await postForm(urls.undo, asked).catch(() => null);
  if (answer?.ok && !answer.redirected) return back(entry, new Part(await answer.text()));
  if (answer && answer.status < 500 && answer.status !== 403) return tell(await answer.text());
  recent.add(entry);
  tell(text("undo_failed"));
}

function back(entry, part) {
  if (!entry.skip) tally.takenBack(entry);
  tell(text("taken_back", { title: entry.title }));
  if (!part) return ahead.fill();
  if (current) ahead.putBack(current);
  current = null;
  show(part);
}

function drawUnsaved() {
  const unsaved = document.getElementById("unsaved");
  unsaved.hidden = !outbox.size;
  document.getElementById("unsaved-count").textContent = outbox.size;
  unsaved.classList.toggle("trouble", Boolean(outbox.trouble));
  document.getElementById("unsaved-why").textContent = outbox.trouble;
}

outbox.addEventListener("change", drawUnsaved);
outbox.addEventListener("saved", ({ detail: { entry, answer } }) => {
  entry.saved = true;
  if (!entry.skip) {
    entry.label = answer.id;
    tally.saved();
  }
  ahead.fill(); // one claim less is held
});
outbox.addEventListener("refused", ({ detail: { entry, detail } }) => {
  entry.refused = detail || text("went_elsewhere");
  if (!entry.skip) tally.takenBack(entry);
  recent.draw();
  tell(text("not_saved", { title: entry.title, why: entry.refused }));
});
recent.addEventListener("undo", ({ detail }) => undo(detail.entry));
viewer.addEventListener("swipe", ({ detail }) => decide(detail.verdict.toUpperCase()));
viewer.addEventListener("change", () => {
  for (const button of document.querySelectorAll("[data-overlay]")) button.setAttribute("aria-pressed", viewer.shown.has(button.dataset.overlay));
  for (const range of document.querySelectorAll("[data-light]")) range.value = viewer.light[range.dataset.light];
});
group.addEventListener("change", () => {
  bench.toggleAttribute("data-unseen", group.isOpen && !group.isSeen);
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

/** Hold on to the page's parts while somebody looks at them, and learn how the queue stands. */
async function heartbeat() {
  if (document.hidden || Date.now() - touchedAt > LOOKED_AT) return;
  const answer = await postForm(urls.held, { product: urls.product, claim: held() }).catch(() => null);
  if (!answer?.ok || answer.redirected) return;
  const { lost, ...state } = await answer.json();
  tally.told(state);
  ahead.drop(lost);
  if (group.claims.some((claim) => lost.includes(claim))) closeGroup();
  if (current && lost.includes(current.claim)) {
    tell(text("went_to_another", { title: current.title }));
    current = null;
    next();
  }
  ahead.fill();
}

function touched() {
  const away = Date.now() - touchedAt > LOOKED_AT;
  touchedAt = Date.now();
  if (away) heartbeat();
}

const dialog = (id) => {
  const asked = document.getElementById(id);
  if (asked.open) asked.close();
  else asked.showModal();
};
const actions = {
  pass: () => decide("PASS"),
  fail: (type) => decide("FAIL", type),
  agree,
  skip,
  group: openGroup,
  ungroup: closeGroup,
  undo: () => undo(),
  recent: () => recent.open(),
  help: () => dialog("keys"),
  "ask-skip": () => current && dialog("skip-dialog"),
  overlay: (kind) => current && viewer.toggle(kind),
  "zoom-in": () => current && viewer.zoomBy(1.4),
  "zoom-out": () => current && viewer.zoomBy(1 / 1.4),
  fit: () => current && viewer.reset(),
};
const used = (step) => () => {
  if (!current) return false;
  return step() !== false;
};

listen(
  bench,
  {
    c: used(() => comment.focus()),
    h: used(() => viewer.toggle("evidence", "anomaly")),
    b: used(() => viewer.brighten("brightness", 0.1)),
    d: used(() => viewer.brighten("brightness", -0.1)),
    k: used(() => viewer.brighten("contrast", 0.1)),
    l: used(() => viewer.brighten("contrast", -0.1)),
    "=": used(() => viewer.zoomBy(1.4)),
    ArrowLeft: used(() => viewer.nudge(1, 0)),
    ArrowRight: used(() => viewer.nudge(-1, 0)),
    ArrowUp: used(() => viewer.nudge(0, 1)),
    ArrowDown: used(() => viewer.nudge(0, -1)),
  },
  (button) => button === confirmButton && agree(),
);
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-do]");
  if (button) actions[button.dataset.do](button.dataset.value || "");
});
document.addEventListener("input", ({ target }) => {
  if (target.dataset.light && current) viewer.brighten(target.dataset.light, Number(target.value) - viewer.light[target.dataset.light]);
});
for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) addEventListener(sign, touched, { passive: true });
addEventListener("beforeunload", (event) => {
  if (outbox.size) event.preventDefault();
});
addEventListener("pagehide", () => {
  // Parts that nobody decided go back to the queue at once, not when their lease runs out.
  const body = new FormData();
  body.append("csrfmiddlewaretoken", csrf());
  for (const claim of held()) body.append("claim", claim);
  navigator.sendBeacon(urls.release, body);
});
addEventListener("pageshow", (event) => {
  // Back from the browser's memory: its parts were given back when it was left.
  if (event.persisted) location.reload();
});
document.addEventListener("visibilitychange", heartbeat);
setInterval(heartbeat, HEARTBEAT);

drawUnsaved();
heartbeat();
ahead.fill();
bench.focus({ preventScroll: true });
