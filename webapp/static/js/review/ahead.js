// Parts claimed ahead, with images and overlays loaded: the next part never waits for the network.

import { postForm, wait } from "./net.js";

const AHEAD = 3;
const RETRY_AFTER = 4000;

/** Claimed part, as the server rendered it. */
export class Part {
	constructor(html) {
		this.element = Object.assign(document.createElement("div"), { innerHTML: html }).firstElementChild;
		Object.assign(this, this.element.dataset);
		this.image = this.element.querySelector(".part-image");
		this.ready = this.image.decode().catch(() => this.image.classList.add("broken"));
		this.ready.then(() => this.#loadMore());
	}

	async #loadMore() {
		for (const overlay of this.element.querySelectorAll(".overlay")) overlay.src = overlay.dataset.src;
		const place = this.element.querySelector(".references");
		const answer = place && (await fetch(place.dataset.src).catch(() => null));
		if (answer?.ok && !answer.redirected) place.innerHTML = await answer.text();
	}
}

/** Events: "arrived" (a part was added), "empty" (no part waits), "stuck" (no answer). */
export class Ahead extends EventTarget {
	parts = [];
	#wake;

	constructor(url, product, claimsInUse) {
		super();
		this.url = url;
		this.product = product;
		this.claimsInUse = claimsInUse; // shown or not yet saved
	}

	get claims() {
		return this.parts.map((part) => part.claim);
	}

	take() {
		const part = this.parts.shift();
		this.fill();
		return part;
	}

	putBack(part) {
		this.parts.unshift(part);
	}

	drop(claims) {
		this.parts = this.parts.filter((part) => !claims.includes(part.claim));
	}

	/** Claim until AHEAD parts are loaded; retry after pauses. A call ends a pause. */
	async fill() {
		if (this.filling) return this.#wake?.();
		this.filling = true;
		while (this.parts.length < AHEAD) {
			const html = await this.#claim();
			if (html) {
				const part = new Part(html);
				if (this.claimsInUse().includes(part.claim)) continue; // decided during this request
				this.parts.push(part);
				this.dispatchEvent(new Event("arrived"));
			} else {
				if (!this.parts.length) this.dispatchEvent(new Event(html === "" ? "empty" : "stuck"));
				await this.#pause();
			}
		}
		this.filling = false;
	}

	/** Return the next part's HTML, "" if none waits, null without an answer. */
	async #claim() {
		const answer = await postForm(this.url, { product: this.product, excluding: this.claimsInUse() });
		return answer?.ok ? answer.text().catch(() => null) : null; // "" with status 204
	}

	async #pause() {
		do await wait(RETRY_AFTER, (wake) => (this.#wake = wake));
		while (document.hidden);
	}
}
