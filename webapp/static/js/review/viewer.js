// View of the part: marks, zoom, pan, light, overlays, and swipes.

import { apart, Marker } from "../marks.js";

const MARGIN = 12;
const MAX_ZOOM = 8; // screen pixels per pixel of the image
const STEP = 1.4;
const NUDGE = 80;
const SWIPED = 96;

/** Events: "swipe" {verdict}, "change" when an overlay or the light changed. */
export class Viewer extends Marker {
	light = { brightness: 1, contrast: 1 };
	pointers = new Map();

	constructor(bench) {
		super(bench);
		this.bench = bench;
		bench.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
		bench.addEventListener("dblclick", (event) => event.target.closest(".stage") && this.#toggle(event));
		this.resized = new ResizeObserver(() => this.fit());
	}

	async show(part) {
		super.show(part);
		this.shown = new Set();
		this.pointers.clear();
		this.stage = part.element.querySelector(".stage");
		this.view = part.element.querySelector(".view");
		this.resized.disconnect();
		this.resized.observe(this.stage);
		this.#lighten();
		this.fit();
		await part.ready;
		if (this.part === part) this.fit();
	}

	fit() {
		const { naturalWidth: width, naturalHeight: height } = this.part.image;
		const box = this.stage.getBoundingClientRect();
		if (!width || !box.width) return;
		// Leave room for the tools, so that nothing covers the part.
		const tools = matchMedia("(min-width: 901px), (orientation: landscape)").matches ? this.bench.querySelector(".tools").offsetWidth + MARGIN : 0;
		this.room = box.width - tools;
		this.base = Math.min((this.room - 2 * MARGIN) / width, (box.height - 2 * MARGIN) / height);
		const long = (pixels) => `${pixels * this.base}px`;
		Object.assign(this.view.style, { width: long(width), height: long(height) });
		const [left, top, across, down] = this.part.roi ? this.part.roi.split(",").map(Number) : [0, 0, width, height];
		// Cut the region at the image's edge, as scoring does.
		const region = { left: long(left), top: long(top), width: long(Math.min(across, width - left)), height: long(Math.min(down, height - top)) };
		for (const overlay of this.view.querySelectorAll(".overlay")) Object.assign(overlay.style, region);
		this.zoom = 1;
		this.#place(0, 0);
	}

	zoomBy(factor, at) {
		const box = this.stage.getBoundingClientRect();
		const [x, y] = at ? [at.x - box.left, at.y - box.top] : [box.width / 2, box.height / 2];
		const before = this.zoom;
		this.zoom = Math.min(Math.max(1, before * factor), Math.max(STEP, MAX_ZOOM / this.base));
		const kept = this.zoom / before;
		this.#place(x - (x - this.left) * kept, y - (y - this.top) * kept);
	}

	pan(across, down) {
		this.#place(this.left + across, this.top + down);
	}

	nudge(across, down) {
		return this.zoom > 1 && this.pan(across * NUDGE, down * NUDGE);
	}

	brighten(name, by) {
		this.light[name] = Math.min(3, Math.max(0.3, Math.round(10 * (this.light[name] + by)) / 10));
		this.#lighten();
	}

	reset() {
		this.light = { brightness: 1, contrast: 1 };
		this.#lighten();
		this.fit();
	}

	has(kind) {
		return this.view.querySelector(`[data-kind="${kind}"]`);
	}

	/** Show or hide overlays: all of them when one is hidden, else none. */
	toggle(...kinds) {
		const here = kinds.filter((kind) => this.has(kind));
		const show = here.some((kind) => !this.shown.has(kind));
		const next = new Set(this.shown);
		for (const kind of here) next[show ? "add" : "delete"](kind);
		this.showOnly(next);
	}

	showOnly(kinds) {
		this.shown = new Set(kinds);
		for (const overlay of this.view.querySelectorAll(".overlay")) overlay.classList.toggle("shown", this.shown.has(overlay.dataset.kind));
		this.dispatchEvent(new Event("change"));
	}

	#lighten() {
		const { brightness, contrast } = this.light;
		this.part.image.style.filter = brightness === 1 && contrast === 1 ? "" : `brightness(${brightness}) contrast(${contrast})`;
		this.dispatchEvent(new Event("change"));
	}

	/** Center a part smaller than the stage; keep a larger part without a gap. */
	#place(left, top) {
		const box = this.stage.getBoundingClientRect();
		const within = (at, size, room, whole) => (size <= room ? (room - size) / 2 : Math.min(MARGIN, Math.max(whole - size - MARGIN, at)));
		this.left = within(left, this.view.offsetWidth * this.zoom, this.room, box.width);
		this.top = within(top, this.view.offsetHeight * this.zoom, box.height, box.height);
		this.#draw(0);
	}

	#draw(thrown) {
		this.view.style.translate = `${this.left + thrown}px ${this.top}px`;
		this.view.style.setProperty("--zoom", this.zoom);
		this.view.classList.toggle("pixels", this.base * this.zoom > 2.5);
		this.bench.dataset.swipe = Math.abs(thrown) < SWIPED ? "" : thrown > 0 ? "pass" : "fail";
	}

	#wheel(event) {
		if (!event.target.closest(".stage")) return;
		event.preventDefault();
		this.zoomBy(Math.exp(-event.deltaY / 400), event);
	}

	#toggle(event) {
		if (this.zoom > 1) this.fit();
		else this.zoomBy(Math.max(3, 1 / this.base), event);
	}

	down(event) {
		super.down(event);
		if (!event.target.closest(".stage") || event.button) return;
		this.pointers.set(event.pointerId, event);
		this.start = this.pointers.size === 1 ? event : null;
		this.stage.setPointerCapture(event.pointerId);
	}

	move(event) {
		super.move(event);
		const before = this.pointers.get(event.pointerId);
		if (!before || this.from) return;
		const other = [...this.pointers.values()].find((one) => one.pointerId !== event.pointerId);
		this.pointers.set(event.pointerId, event);
		if (other) this.zoomBy(apart(event, other) / Math.max(1, apart(before, other)), { x: (event.x + other.x) / 2, y: (event.y + other.y) / 2 });
		else if (this.zoom > 1) this.pan(event.x - before.x, event.y - before.y);
		else if (event.pointerType === "touch" && this.start) this.#draw(event.x - this.start.x);
	}

	up(event) {
		super.up(event);
		if (!this.pointers.delete(event.pointerId)) return;
		const verdict = event.type === "pointerup" && this.bench.dataset.swipe;
		if (this.zoom === 1) this.#draw(0);
		if (verdict) this.dispatchEvent(new CustomEvent("swipe", { detail: { verdict } }));
	}
}
