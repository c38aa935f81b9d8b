// Sends a dropped or chosen photo at once. Without this script the form's button sends it.

const form = document.querySelector("[data-drop]");

if (form) {
	form.addEventListener("change", ({ target }) => {
		if (!target.files?.length) return;
		for (const input of form.querySelectorAll("[type=file]")) if (input !== target) input.value = "";
		form.requestSubmit();
	});
	const over = (event) => {
		event.preventDefault();
		form.classList.add("over");
	};
	for (const kind of ["dragenter", "dragover"]) form.addEventListener(kind, over);
	for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
	form.addEventListener("drop", (event) => {
		event.preventDefault();
		const photo = form.querySelector("#photo");
		photo.files = event.dataTransfer.files;
		photo.dispatchEvent(new Event("change", { bubbles: true }));
	});
	// The same photo may be sent again.
	form.addEventListener("htmx:afterRequest", () => form.reset());
	const show = (text) => (document.getElementById("result").textContent = text);
	form.addEventListener("htmx:sendError", () => show(form.dataset.unreachable));
	form.addEventListener("htmx:responseError", ({ detail }) => {
		show(form.dataset.failed.replace("STATUS", detail.xhr.status));
	});
}
