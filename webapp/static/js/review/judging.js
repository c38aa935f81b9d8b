// Judging: the part on the screen, what a person says of it, and how that is taken back.

import { Ahead, Part } from "./ahead.js";
import { Group } from "./group.js";
import { postForm, wait } from "./net.js";
import { Outbox } from "./outbox.js";
import { Recent, words } from "./recent.js";
import { Tally } from "./tally.js";
import { byId, text } from "./texts.js";
import { Viewer } from "./viewer.js";

export const bench = byId("workbench");
const place = byId("part");
const say = byId("say");
export const comment = byId("comment");
export const confirmButton = byId("confirm");
const urls = bench.dataset;
const WORDS_STAY = 8000;
const BLINK = 200; // a key sooner than this after a part appeared was meant for the one before

export let current = null;
let shownAt = 0;
const parts = new WeakMap(); // of entries that may be taken back; not for the browser's store

export const tally = new Tally(bench);
export const outbox = new Outbox(urls, urls.person);
export const recent = new Recent([...JSON.parse(byId("recent").textContent), ...outbox.waiting]);
export const group = new Group(urls.alike);
export const viewer = new Viewer(bench);
export const held = () => [...ahead.claims, ...group.claims, ...(current ? [current.claim] : [])];
export const ahead = new Ahead(urls.next, urls.product, () => [...held(), ...outbox.claims]);

let quiet;

export function tell(said) {
  say.textContent = said;
  clearTimeout(quiet);
  quiet = setTimeout(() => (say.textContent = ""), WORDS_STAY);
}

async function show(part) {
  if (current) return;
  current = part;
  bench.dataset.state = "part";
  place.replaceChildren(part.element);
  shownAt = performance.now();
  viewer.show(part);
  comment.value = "";
  confirmButton.disabled = !part.label;
  byId("confirm-word").textContent = part.label ? text("agree_with", { label: text(part.label) }) : text("agree");
  byId("alike").hidden = !part.alike;
  byId("alike-word").textContent = text("alike", { number: part.alike });
  for (const button of document.querySelectorAll("[data-overlay]")) button.disabled = !part.element.querySelector(`[data-kind="${button.dataset.overlay}"]`);
  await part.ready;
  await wait(BLINK);
  if (current === part) bench.setAttribute("data-ready", "");
}

export function next() {
  if (current) return;
  const part = ahead.take();
  if (part) show(part);
  else if (bench.dataset.state === "part") bench.dataset.state = "loading";
}

/** Note what was said of a part and send it. */
function keep({ claim, inspection, title }, said, part = null) {
  const shown_seconds = Math.round(performance.now() - shownAt) / 1000;
  const entry = { claim, inspection, title, comment: comment.value.trim(), shown_seconds, ...said };
  parts.set(entry, part);
  recent.add(entry);
  if (!entry.skip) tally.decided(entry);
  outbox.add(entry);
  return entry;
}

export function decide(verdict, defect_type = "") {
  if (!bench.hasAttribute("data-ready") || (group.isOpen && !group.isSeen)) return;
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

/** No part is on the screen: a key means none. */
function clear() {
  current = null;
  bench.removeAttribute("data-ready");
}

function leave(said) {
  clear();
  tell(said);
  next();
  bench.focus({ preventScroll: true });
}

export function agree() {
  if (!current) return;
  if (current.label) decide(current.label);
  else tell(text(current.blind ? "judge_without_model" : "model_said_nothing"));
}

export function skip(reason) {
  byId("skip-dialog").close();
  if (!current || !reason) return;
  closeGroup();
  const entry = keep(current, { skip: reason }, current);
  leave(text("skipped_part", { title: entry.title }));
}

export async function openGroup() {
  if (!current?.alike || group.isOpen) return;
  if (!(await group.open(current))) return tell(text("group_is_gone"));
  ahead.drop(group.claims);
  bench.dataset.group = "";
}

/** The group's parts are still held and come next. */
export function closeGroup() {
  if (!group.isOpen) return;
  group.close();
  delete bench.dataset.group;
  ahead.fill();
}

export async function undo(entry = recent.last) {
  if (!entry) return tell(text("nothing_to_undo"));
  closeGroup();
  recent.remove(entry);
  if (outbox.withdraw(entry)) return back(entry, parts.get(entry));
  await outbox.settled(entry);
  if (entry.refused) return;
  const asked = entry.skip ? { inspection: entry.inspection } : { label: entry.label };
  const answer = await postForm(urls.undo, asked);
  if (answer?.ok) return back(entry, new Part(await answer.text()));
  if (answer && answer.status < 500 && answer.status !== 403) return tell(await answer.text());
  recent.add(entry);
  tell(text("undo_failed"));
}

function back(entry, part) {
  if (!entry.skip) tally.takenBack(entry);
  tell(text("taken_back", { title: entry.title }));
  if (!part) return ahead.fill();
  if (current) ahead.putBack(current);
  clear();
  show(part);
}

/** The part on the screen went to somebody else. */
export function lose() {
  tell(text("went_to_another", { title: current.title }));
  clear();
  next();
}
