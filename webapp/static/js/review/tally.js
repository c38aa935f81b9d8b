// Counts, pace, and the text at the end of the queue.

import { byId, text } from "./texts.js";

const WINDOW = 20;

export class Tally {
	times = [];
	done = [];

	constructor(bench) {
		this.state = Object.fromEntries(["left", "today", "new_labels", "mine"].map((name) => [name, +bench.dataset[name]]));
		this.draw();
	}

	decided(entry) {
		this.times.push(performance.now());
		this.done.push(entry);
		this.#count(1);
	}

	undone(entry) {
		this.done = this.done.filter((item) => item !== entry);
		this.#count(-1);
	}

	#count(by) {
		this.state.today = Math.max(0, this.state.today + by);
		this.state.left = Math.max(0, this.state.left - by);
		this.draw();
	}

	saved() {
		this.state.new_labels += 1;
		this.draw();
	}

	/** Take the server's counts; unsaved verdicts count once they are saved. */
	update(state) {
		this.state = state;
		this.draw();
	}

	/** Median seconds per part; breaks over two minutes do not count. */
	get pace() {
		const recent = this.times.slice(-WINDOW);
		const gaps = recent.slice(1).map((time, i) => time - recent[i]).filter((gap) => gap < 120000);
		if (gaps.length < 2) return "–";
		return `${(gaps.sort((a, b) => a - b)[gaps.length >> 1] / 1000).toFixed(1)} s`;
	}

	draw() {
		for (const [name, value] of Object.entries({ ...this.state, pace: this.pace })) {
			for (const spot of document.querySelectorAll(`[data-tally="${name}"]`)) spot.textContent = value;
		}
		byId("waiting-count").textContent = this.state.left > 999 ? "999+" : this.state.left || "";
	}

	drawEnd() {
		const count = (verdict) => this.done.filter((entry) => entry.verdict === verdict).length;
		const kinds = {};
		for (const { defect_type } of this.done) if (defect_type) kinds[defect_type] = (kinds[defect_type] || 0) + 1;
		const named = Object.entries(kinds).map(([name, number]) => `${number} ${name}`).join(", ");
		const done = { total: this.done.length, passed: count("PASS"), failed: count("FAIL"), types: named && ` (${named})` };
		byId("end-words").textContent = done.total ? text("done", done) : text("nothing_waited");
	}
}
