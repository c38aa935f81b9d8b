// Similar parts labeled together, after each was in view, without those taken out.

import { postForm } from "./net.js";
import { byId, text } from "./texts.js";

const place = byId("group");
const message = byId("group-words");
const IN_VIEW = 0.6;

/** Event: "change" (of the parts seen or taken out). */
export class Group extends EventTarget {
	items = [];

	constructor(url) {
		super();
		this.url = url;
		place.addEventListener("click", ({ target }) => {
			const button = target.closest(".similar-part");
			if (!button) return;
			button.ariaPressed = button.ariaPressed !== "true";
			this.#draw();
		});
	}

	get isOpen() {
		return this.items.length > 0;
	}

	/** All claims of the group, also of parts taken out. */
	get claims() {
		return this.items.map((item) => item.dataset.claim);
	}

	get isSeen() {
		return this.items.every((item) => item.dataset.seen);
	}

	get members() {
		return this.items.filter((item) => item.querySelector("[aria-pressed=true]")).map((item) => item.dataset);
	}

	/** Claim and show the similar parts. False if none arrive. */
	async open(part) {
		const answer = await postForm(this.url, { claim: part.claim });
		if (answer?.status !== 200) return false;
		place.innerHTML = await answer.text();
		const sheet = place.querySelector(".similar");
		this.items = [...sheet.children];
		this.watch = new IntersectionObserver((entries) => this.#markSeen(entries), { root: sheet, threshold: IN_VIEW });
		for (const item of this.items) item.querySelector("img").decode().catch(() => null).then(() => this.watch.observe(item));
		this.#draw();
		this.items[0].querySelector("button").focus();
		return true;
	}

	close() {
		this.watch.disconnect();
		this.items = [];
		place.replaceChildren();
	}

	#markSeen(entries) {
		for (const { isIntersecting, target } of entries) if (isIntersecting) target.dataset.seen = "yes";
		this.#draw();
	}

	#draw() {
		const unseen = this.items.filter((item) => !item.dataset.seen).length;
		message.textContent = unseen ? text("group_look", { left: unseen }) : text("group_judge", { number: this.members.length });
		this.dispatchEvent(new Event("change"));
	}
}
