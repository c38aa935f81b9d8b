// Workbench. Saving, claiming and loading run in the background.

import { agree, ahead, bench, closeGroup, comment, confirmButton, current, decide, group, held, lose, next, openGroup, outbox, recent, skip, tally, tell, undo, viewer } from "./judging.js";
import { listen } from "./keys.js";
import { csrf, postForm } from "./net.js";
import { byId, text } from "./texts.js";

const HEARTBEAT = 10000;
const PEEK_AFTER = 350; // a shorter press toggles a map
const IDLE_AFTER = 120000; // an idle page does not renew its claims

let touchedAt = Date.now();

function drawUnsaved() {
	const unsaved = byId("unsaved");
	unsaved.hidden = !outbox.size;
	byId("unsaved-count").textContent = outbox.size;
	unsaved.classList.toggle("trouble", !!outbox.trouble);
	byId("unsaved-why").textContent = outbox.trouble;
}

outbox.addEventListener("change", drawUnsaved);
outbox.addEventListener("saved", ({ detail: { entry, answer } }) => {
	entry.saved = true;
	if (!entry.skip) {
		entry.label = answer.id;
		tally.saved();
	}
	ahead.fill(); // one claim fewer is held
});
outbox.addEventListener("refused", ({ detail: { entry, answer } }) => {
	entry.refused = answer.detail || text("went_elsewhere");
	if (!entry.skip) tally.undone(entry);
	recent.draw();
	tell(text("not_saved", { title: entry.title, why: entry.refused }));
});
recent.addEventListener("undo", ({ detail }) => undo(detail.entry));
viewer.addEventListener("swipe", ({ detail }) => decide(detail.verdict.toUpperCase()));
viewer.addEventListener("mark", () => tell(current.marks.length ? text("marked", { number: current.marks.length }) : ""));
viewer.addEventListener("change", () => {
	for (const button of document.querySelectorAll("[data-overlay]")) {
		button.disabled = !viewer.has(button.dataset.overlay);
		button.ariaPressed = viewer.shown.has(button.dataset.overlay);
	}
	for (const range of document.querySelectorAll("[data-light]")) range.value = viewer.light[range.dataset.light];
});
group.addEventListener("change", () => bench.toggleAttribute("data-unseen", group.isOpen && !group.isSeen));
ahead.addEventListener("arrived", next);
for (const state of ["empty", "stuck"]) {
	ahead.addEventListener(state, () => {
		if (current) return;
		bench.dataset.state = state;
		tally.drawEnd();
	});
}

/** Renew the page's claims while it is in use, and read the queue's counts. */
async function heartbeat() {
	if (document.hidden || Date.now() - touchedAt > IDLE_AFTER) return;
	const answer = await postForm(bench.dataset.held, { product: bench.dataset.product, claim: held() });
	if (!answer?.ok) return;
	const { lost, elsewhere, ...state } = await answer.json();
	tally.update(state);
	for (const item of document.querySelectorAll("[data-elsewhere]")) {
		const waiting = elsewhere[item.dataset.elsewhere] || 0;
		item.hidden = !waiting;
		item.querySelector("strong").textContent = waiting;
	}
	ahead.drop(lost);
	if (group.claims.some((claim) => lost.includes(claim))) closeGroup();
	if (current && lost.includes(current.claim)) lose();
	ahead.fill();
}

function touched() {
	const idle = Date.now() - touchedAt > IDLE_AFTER;
	touchedAt = Date.now();
	if (idle) heartbeat();
}

const actions = {
	pass: () => decide("PASS"),
	fail: (type) => decide("FAIL", type),
	agree,
	skip,
	group: openGroup,
	ungroup: closeGroup,
	undo: () => undo(),
	recent: () => recent.open(),
	help: () => byId("keys").showModal(),
	"ask-skip": () => current && byId("skip-dialog").showModal(),
	overlay: (kind) => current && viewer.toggle(kind),
	"zoom-in": () => current && viewer.zoomBy(1.4),
	"zoom-out": () => current && viewer.zoomBy(1 / 1.4),
	fit: () => current && viewer.reset(),
};
const keys = {
	c: () => comment.focus(),
	Escape: () => viewer.takeBack(),
	h: () => viewer.toggle("evidence", "anomaly"),
	b: () => viewer.brighten("brightness", 0.1),
	d: () => viewer.brighten("brightness", -0.1),
	k: () => viewer.brighten("contrast", 0.1),
	l: () => viewer.brighten("contrast", -0.1),
	"=": actions["zoom-in"],
	ArrowLeft: () => viewer.nudge(1, 0),
	ArrowRight: () => viewer.nudge(-1, 0),
	ArrowUp: () => viewer.nudge(0, 1),
	ArrowDown: () => viewer.nudge(0, -1),
};

listen(
	bench,
	(key) => current && key in keys && keys[key]() !== false,
	(button) => button === confirmButton && agree(),
);
addEventListener("click", (event) => {
	const button = event.target.closest("[data-do]");
	// A pointer already toggled the map on pointerdown.
	if (button && !(button.dataset.overlay && event.detail)) actions[button.dataset.do](button.dataset.value || "");
});
// A held key or button shows its map until it is released.
let peek = null;
const press = () => (peek = current && { shown: viewer.shown, at: Date.now() });
const release = () => {
	if (peek && current && Date.now() - peek.at > PEEK_AFTER) viewer.showOnly(peek.shown);
	peek = null;
};
addEventListener("keydown", ({ key, repeat }) => !repeat && "eah".includes(key.toLowerCase()) && press(), true);
addEventListener("keyup", release);
addEventListener("pointerdown", ({ target }) => {
	const button = target.closest("[data-overlay]:enabled");
	if (!button || !current) return;
	press();
	actions.overlay(button.dataset.overlay);
});
addEventListener("pointerup", release);
addEventListener("input", ({ target }) => {
	if ("strength" in target.dataset) bench.style.setProperty("--map-strength", target.value);
	if (target.dataset.light && current) viewer.brighten(target.dataset.light, target.value - viewer.light[target.dataset.light]);
});
for (const sign of ["keydown", "pointerdown", "pointermove", "wheel"]) addEventListener(sign, touched);
addEventListener("beforeunload", (event) => outbox.size && event.preventDefault());
addEventListener("pagehide", () => {
	// Return undecided parts to the queue at once, before their claims expire.
	const claims = held().map((claim) => ["claim", claim]);
	navigator.sendBeacon(bench.dataset.release, new URLSearchParams([["csrfmiddlewaretoken", csrf()], ...claims]));
});
// A page from the browser's cache has released its parts.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
addEventListener("visibilitychange", heartbeat);
setInterval(heartbeat, HEARTBEAT);

drawUnsaved();
heartbeat();
ahead.fill();
bench.focus({ preventScroll: true });
