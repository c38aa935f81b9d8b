// Decisions for the server: sent in order, retried and stored in the browser until saved.

import { isLater, postJson, wait } from "./net.js";
import { text } from "./texts.js";

const LONGEST_PAUSE = 15000;
const BEAT = 10000;
const GONE = 90000; // a page silent for so long is closed, and another sends its verdicts

/** Events: "change", "saved" or "refused" {entry, answer}. */
export class Outbox extends EventTarget {
	waiting = [];
	sending = null;
	trouble = "";
	#wake;

	constructor(urls, person) {
		super();
		this.urls = urls; // of verdict and skip, with CLAIM in place of the claim
		this.prefix = `second-look-outbox:${person}:`;
		this.key = this.prefix + Date.now().toString(36) + Math.random().toString(36).slice(2);
		addEventListener("online", () => this.#wake?.());
		addEventListener("pagehide", () => this.#keep(0));
		setInterval(() => this.#adopt(), BEAT);
		this.#adopt();
	}

	get size() {
		return this.waiting.length;
	}

	get claims() {
		return this.waiting.map((entry) => entry.claim);
	}

	add(entry) {
		this.waiting.push(entry);
		this.#keep();
		this.#run();
	}

	/** Remove an unsent entry. False if it is being sent or is saved. */
	withdraw(entry) {
		if (this.sending === entry || !this.waiting.includes(entry)) return false;
		this.#drop(entry);
		return true;
	}

	async settled(entry) {
		while (this.waiting.includes(entry)) await new Promise((done) => this.addEventListener("change", done, { once: true }));
	}

	/** Mark this page as open, and take the entries of the person's closed pages. */
	#adopt() {
		for (const key of Object.keys(localStorage)) {
			if (!key.startsWith(this.prefix) || key === this.key) continue;
			const left = JSON.parse(localStorage.getItem(key));
			if (Date.now() - left.alive < GONE) continue;
			localStorage.removeItem(key);
			this.waiting.push(...left.entries);
		}
		this.#keep();
		this.#run();
	}

	#keep(alive = Date.now()) {
		if (this.waiting.length) localStorage.setItem(this.key, JSON.stringify({ alive, entries: this.waiting }));
		else localStorage.removeItem(this.key);
		this.dispatchEvent(new Event("change"));
	}

	#drop(entry) {
		this.waiting = this.waiting.filter((item) => item !== entry);
		this.#keep();
	}

	async #run() {
		if (this.running) return;
		this.running = true;
		let pause = 1000;
		while (this.waiting.length) {
			this.sending = this.waiting[0];
			const settled = await this.#send(this.sending);
			this.sending = null;
			if (settled) {
				pause = 1000;
				continue;
			}
			this.dispatchEvent(new Event("change"));
			await wait(pause, (wake) => (this.#wake = wake));
			pause = Math.min(pause * 2, LONGEST_PAUSE);
		}
		this.running = false;
	}

	async #send(entry) {
		const { claim, verdict, defect_type, comment, shown_seconds, marks, skip } = entry;
		const body = skip ? { reason: skip, comment } : { verdict, defect_type, comment, shown_seconds, marks };
		try {
			const answer = await postJson((skip ? this.urls.skip : this.urls.verdict).replace("CLAIM", claim), body);
			if (isLater(answer.status)) {
				this.trouble = text([401, 403].includes(answer.status) ? "logged_out" : "server_busy");
				return false;
			}
			const result = await answer.json();
			this.trouble = "";
			this.dispatchEvent(new CustomEvent(answer.ok ? "saved" : "refused", { detail: { entry, answer: result } }));
			this.#drop(entry);
			return true;
		} catch {
			this.trouble = text("network_away");
			return false;
		}
	}
}
