// Marks on a defect: a click sets a point, a drag a rectangle, and a click on a mark removes it.

const SLOP = 8; // pixels that a click may move
const TWICE = 500; // ms between the presses of a double click
const HOLD = 350; // ms until a finger draws; browsers open a menu later
const LIMIT = 8;

export const apart = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);

/** Event: "mark" (a person changed the marks). */
export class Marker extends EventTarget {
	zoom = 1;

	constructor(root) {
		super();
		const steps = { pointerdown: "down", pointermove: "move", pointerup: "up", pointercancel: "up", touchmove: "keep", contextmenu: "keep" };
		for (const type in steps) root.addEventListener(type, (event) => this[steps[type]](event));
	}

	/** True if a drag draws; else it scrolls or moves the part. */
	draws(event) {
		return event.pointerType === "touch" ? this.holds(event) : event.shiftKey || this.zoom === 1;
	}

	holds({ timeStamp }) {
		return this.from && timeStamp - this.from.timeStamp > HOLD;
	}

	/** No scrolling and no menu while a finger draws. */
	keep(event) {
		if (this.holds(event)) event.preventDefault();
	}

	show(part) {
		this.part = part;
		this.past = [];
		this.layer = part.element.querySelector(".marks");
		part.marks ??= [];
		this.#stop();
	}

	/** Return false without a change to take back. */
	takeBack() {
		return this.past.length > 0 && this.#set(this.past.at(-1), this.past.slice(0, -1));
	}

	down(event) {
		const { x, y, target, timeStamp } = event;
		if (this.drawn) this.#stop(); // a second finger
		const starts = !event.button && event.isPrimary && target.closest(".view");
		this.from = starts && { x, y, timeStamp, mark: target.mark, spot: this.#at(event) };
	}

	move(event) {
		const { from } = this;
		if (!from || apart(event, from) < SLOP) return;
		if (!this.draws(event)) return this.#stop();
		const { spot } = from;
		const { left, top } = this.#at(event);
		this.drawn = { left: Math.min(spot.left, left), top: Math.min(spot.top, top), width: Math.abs(spot.left - left), height: Math.abs(spot.top - top) };
		this.#draw([...this.part.marks, this.drawn]);
	}

	up({ type }) {
		const { from, drawn, last } = this;
		if (!from) return;
		if (type !== "pointerup") return this.#stop();
		this.from = null;
		this.last = from;
		// A double click only zooms; the mark under it gets that event first.
		if (!drawn && from.timeStamp - last?.timeStamp < TWICE && apart(from, last) < SLOP) return setTimeout(() => this.takeBack());
		const { marks } = this.part;
		const others = marks.filter((mark) => drawn || mark !== from.mark);
		this.#set(others.length < marks.length ? others : [...marks, drawn || from.spot].slice(-LIMIT));
	}

	#set(marks, past = [...this.past, this.part.marks]) {
		this.past = past;
		this.part.marks = marks;
		this.#stop();
		this.dispatchEvent(new Event("mark"));
	}

	#stop() {
		this.from = this.drawn = null;
		this.#draw(this.part.marks);
	}

	#draw(marks) {
		const frames = marks.map((mark) => {
			// A touch ends with its frame.
			const frame = [...this.layer.children].find((old) => old.mark === mark) || document.createElement("i");
			frame.mark = mark;
			for (const side in mark) frame.style[side] = `${100 * mark[side]}%`;
			return frame;
		});
		this.layer.replaceChildren(...frames);
	}

	#at({ x, y }) {
		const box = this.layer.getBoundingClientRect();
		const share = (at, side) => Math.min(1, Math.max(0, at / side));
		return { left: share(x - box.x, box.width), top: share(y - box.y, box.height) };
	}
}
