// View of the part: zoom, pan, light, overlays, and swipes for a verdict.

const MARGIN = 12;
const MAX_ZOOM = 8; // screen pixels per pixel of the image
const STEP = 1.4;
const NUDGE = 80;
const SWIPED = 96;
const TWO_TOGETHER = 0.55; // of the opacity of one: 0.22 over 0.22 covers 0.4

/** Events: "swipe" {verdict}, "change" when an overlay or the light changed. */
export class Viewer extends EventTarget {
	constructor(bench) {
		super();
		this.bench = bench;
		this.light = { brightness: 1, contrast: 1 };
		this.strength = 1;
		this.pointers = new Map();
		bench.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
		bench.addEventListener("pointerdown", (event) => this.#down(event));
		bench.addEventListener("pointermove", (event) => this.#move(event));
		for (const end of ["pointerup", "pointercancel"]) bench.addEventListener(end, (event) => this.#up(event));
		bench.addEventListener("dblclick", (event) => this.#stageOf(event) && this.#toggle(event));
		this.resized = new ResizeObserver(() => this.fit());
	}

	async show(part) {
		this.part = part;
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

	/** Show the part as large as fits, centered. */
	fit() {
		const { naturalWidth: width, naturalHeight: height } = this.part.image;
		const box = this.stage.getBoundingClientRect();
		if (!width || !box.width) return;
		// Leave room for the tools, so that nothing covers the part.
		const tools = matchMedia("(min-width: 901px), (orientation: landscape)").matches ? this.bench.querySelector(".tools").offsetWidth + MARGIN : 0;
		this.room = box.width - tools;
		this.base = Math.min((this.room - 2 * MARGIN) / width, (box.height - 2 * MARGIN) / height);
		this.view.style.width = `${width * this.base}px`;
		this.view.style.height = `${height * this.base}px`;
		const [left, top, across, down] = this.part.roi ? this.part.roi.split(",").map(Number) : [0, 0, width, height];
		const share = (value, whole) => `${(100 * value) / whole}%`;
		const edges = { left: share(left, width), top: share(top, height) };
		// Cut the region at the image's edge, as scoring does.
		const size = { width: share(Math.min(across, width - left), width), height: share(Math.min(down, height - top), height) };
		for (const overlay of this.view.querySelectorAll(".overlay")) Object.assign(overlay.style, edges, size);
		this.zoom = 1;
		this.#place(0, 0);
	}

	zoomBy(factor, at = null) {
		const box = this.stage.getBoundingClientRect();
		const [x, y] = at ? [at.clientX - box.left, at.clientY - box.top] : [box.width / 2, box.height / 2];
		const before = this.zoom;
		this.zoom = Math.min(Math.max(1, before * factor), Math.max(STEP, MAX_ZOOM / this.base));
		const kept = this.zoom / before;
		this.#place(x - (x - this.left) * kept, y - (y - this.top) * kept);
	}

	pan(across, down) {
		this.#place(this.left + across, this.top + down);
	}

	nudge(across, down) {
		if (this.zoom === 1) return false;
		this.pan(across * NUDGE, down * NUDGE);
		return true;
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

	/** Show or hide overlays: all of them when one is hidden, else none. */
	toggle(...kinds) {
		const here = kinds.filter((kind) => this.view.querySelector(`[data-kind="${kind}"]`));
		const show = here.some((kind) => !this.shown.has(kind));
		const next = new Set(this.shown);
		for (const kind of here) next[show ? "add" : "delete"](kind);
		this.showOnly(next);
	}

	/** Show exactly these overlays, two together as opaque as one alone. */
	showOnly(kinds) {
		this.shown = new Set(kinds);
		for (const overlay of this.view.querySelectorAll(".overlay")) overlay.classList.toggle("shown", this.shown.has(overlay.dataset.kind));
		this.setStrength(this.strength);
		this.dispatchEvent(new Event("change"));
	}

	/** Set the maps' opacity, as a share of its limit. */
	setStrength(share) {
		this.strength = share;
		this.view.style.setProperty("--map-strength", share * (this.shown.size < 2 ? 1 : TWO_TOGETHER));
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
		this.view.style.transform = `translate(${this.left + thrown}px, ${this.top}px) scale(${this.zoom})`;
		this.view.classList.toggle("pixels", this.base * this.zoom > 2.5);
		this.bench.dataset.swipe = Math.abs(thrown) < SWIPED ? "" : thrown > 0 ? "pass" : "fail";
	}

	#stageOf(event) {
		return event.target.closest(".stage") && !event.target.closest("button, input, details");
	}

	#wheel(event) {
		if (!this.#stageOf(event)) return;
		event.preventDefault();
		this.zoomBy(Math.exp(-event.deltaY / 400), event);
	}

	#toggle(event) {
		if (this.zoom > 1) this.fit();
		else this.zoomBy(Math.max(3, 1 / this.base), event);
	}

	#down(event) {
		if (!this.#stageOf(event) || event.button) return;
		this.pointers.set(event.pointerId, event);
		this.start = this.pointers.size === 1 ? event : null;
		this.stage.setPointerCapture(event.pointerId);
	}

	#move(event) {
		const before = this.pointers.get(event.pointerId);
		if (!before) return;
		const other = [...this.pointers.values()].find((one) => one.pointerId !== event.pointerId);
		this.pointers.set(event.pointerId, event);
		const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
		if (other) this.zoomBy(apart(event) / Math.max(1, apart(before)), { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 });
		else if (this.zoom > 1) this.pan(event.clientX - before.clientX, event.clientY - before.clientY);
		else if (event.pointerType === "touch" && this.start) this.#draw(event.clientX - this.start.clientX);
	}

	#up(event) {
		if (!this.pointers.delete(event.pointerId)) return;
		const verdict = event.type === "pointerup" && this.bench.dataset.swipe;
		if (this.zoom === 1) this.#draw(0);
		if (verdict) this.dispatchEvent(new CustomEvent("swipe", { detail: { verdict } }));
	}
}
