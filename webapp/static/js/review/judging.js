// Review: the part on the screen, its verdict, and undo.

import { Ahead, Part } from "./ahead.js";
import { Group } from "./group.js";
import { postForm, wait } from "./net.js";
import { Outbox } from "./outbox.js";
import { entryText, Recent } from "./recent.js";
import { Tally } from "./tally.js";
import { byId, text } from "./texts.js";
import { Viewer } from "./viewer.js";

export const bench = byId("workbench");
const place = byId("part");
const message = byId("say");
export const comment = byId("comment");
export const confirmButton = byId("confirm");
const urls = bench.dataset;
const MESSAGE_TIME = 8000;
const KEY_DELAY = 200; // earlier keys were meant for the previous part

export let current = null;
let shownAt = 0;
const parts = new WeakMap(); // by entry, for undo; not stored in the browser

export const tally = new Tally(bench);
export const outbox = new Outbox(urls, urls.person);
export const recent = new Recent([...JSON.parse(byId("recent").textContent), ...outbox.waiting]);
export const group = new Group(urls.similar);
export const viewer = new Viewer(bench);
export const held = () => [...ahead.claims, ...group.claims, ...(current ? [current.claim] : [])];
export const ahead = new Ahead(urls.next, urls.product, () => [...held(), ...outbox.claims]);

let timer;

export function tell(text) {
	message.textContent = text;
	clearTimeout(timer);
	timer = setTimeout(() => (message.textContent = ""), MESSAGE_TIME);
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
	byId("similar").hidden = !part.similar;
	byId("similar-word").textContent = text("similar", { number: part.similar });
	await part.ready;
	await wait(KEY_DELAY);
	if (current === part) bench.setAttribute("data-ready", "");
}

export function next() {
	if (current) return;
	const part = ahead.take();
	if (part) show(part);
	else if (bench.dataset.state === "part") bench.dataset.state = "loading";
}

function save({ claim, inspection, title }, decision, part = null) {
	const shown_seconds = Math.round(performance.now() - shownAt) / 1000;
	const marks = decision.verdict === "FAIL" && claim === current.claim && current.marks;
	const entry = { claim, inspection, title, comment: comment.value.trim(), shown_seconds, marks: marks.length ? marks : undefined, ...decision };
	parts.set(entry, part);
	recent.add(entry);
	if (!entry.skip) tally.decided(entry);
	outbox.add(entry);
	return entry;
}

export function decide(verdict, defect_type = "") {
	if (!bench.hasAttribute("data-ready") || (group.isOpen && !group.isSeen)) return;
	if (group.isOpen) return decideAll({ verdict, defect_type });
	const dropped = verdict === "PASS" && current.marks.length ? ` ${text("marks_dropped")}` : "";
	const entry = save(current, { verdict, defect_type }, current);
	leave(`${entryText(entry)}: ${entry.title}${dropped}`);
}

function decideAll(decision) {
	const parts = group.members;
	if (!parts.length) return tell(text("group_is_empty"));
	// Parts reviewed together share the time.
	shownAt = performance.now() - (performance.now() - shownAt) / parts.length;
	const [entry] = parts.map((part) => save(part, decision));
	closeGroup();
	leave(text("group_judged", { words: entryText(entry), number: parts.length }));
}

/** Show no part; keys then do nothing. */
function clear() {
	current = null;
	bench.removeAttribute("data-ready");
}

function leave(text) {
	clear();
	tell(text);
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
	const entry = save(current, { skip: reason }, current);
	leave(text("skipped_part", { title: entry.title }));
}

export async function openGroup() {
	if (!current?.similar || group.isOpen) return;
	if (!(await group.open(current))) return tell(text("group_is_gone"));
	ahead.drop(group.claims);
	bench.dataset.group = "";
}

/** Close the group; its parts stay claimed and come next. */
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
	const target = entry.skip ? { inspection: entry.inspection } : { label: entry.label };
	const answer = await postForm(urls.undo, target);
	if (answer?.ok) return back(entry, Object.assign(new Part(await answer.text()), { marks: entry.marks }));
	if (answer && answer.status < 500 && answer.status !== 403) return tell(await answer.text());
	recent.add(entry);
	tell(text("undo_failed"));
}

function back(entry, part) {
	if (!entry.skip) tally.undone(entry);
	tell(text("taken_back", { title: entry.title }));
	if (!part) return ahead.fill();
	if (current) ahead.putBack(current);
	clear();
	show(part);
}

/** Leave the part on the screen: its claim expired. */
export function lose() {
	tell(text("went_to_another", { title: current.title }));
	clear();
	next();
}
