// The person's last verdicts, which can be undone, and those that were not saved.

import { byId, text } from "./texts.js";

const KEPT = 20;
const dialog = byId("recent-verdicts");
const list = byId("recent-list");

/** Return "FAIL scratch", or "skipped". */
export function entryText(entry) {
	if (entry.skip) return text("skipped");
	return [text(entry.verdict), entry.defect_type].filter(Boolean).join(" ");
}

/** Events: "undo" {entry}. */
export class Recent extends EventTarget {
	constructor(entries) {
		super();
		this.entries = entries;
		list.addEventListener("click", ({ target }) => {
			const item = target.closest("[data-undo]");
			if (!item) return;
			dialog.close();
			this.dispatchEvent(new CustomEvent("undo", { detail: { entry: this.entries[item.dataset.undo] } }));
		});
		this.draw();
	}

	get last() {
		return this.entries.findLast((entry) => !entry.refused);
	}

	add(entry) {
		this.entries = [...this.entries, entry].slice(-KEPT);
		this.draw();
	}

	remove(entry) {
		this.entries = this.entries.filter((item) => item !== entry);
		this.draw();
	}

	draw() {
		const { last } = this;
		byId("last").textContent = last ? `${entryText(last)} · ${last.title}` : text("nothing_yet");
		byId("undo").disabled = !last;
		if (dialog.open) this.open();
	}

	open() {
		list.replaceChildren(...this.entries.map((entry, at) => this.#item(entry, at)).reverse());
		if (!this.entries.length) list.textContent = text("nothing_yet");
		if (!dialog.open) dialog.showModal();
		list.querySelector("button")?.focus();
	}

	#item(entry, at) {
		const item = byId("recent-item").content.cloneNode(true).firstElementChild;
		item.querySelector("img").src = `/api/v1/inspections/${entry.inspection}/thumbnail/`;
		Object.assign(item.querySelector("a"), { href: `/inspections/${entry.inspection}/`, textContent: entry.title });
		item.querySelector("strong").textContent = entryText(entry);
		item.querySelector("[data-why]").textContent = entry.refused || (entry.label || entry.saved ? "" : text("unsaved"));
		const undo = item.querySelector("button");
		undo.dataset.undo = at;
		undo.hidden = entry.refused;
		return item;
	}
}
