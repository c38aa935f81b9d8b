// Sends a photo at once. Without this script the form's button does.

const form = document.querySelector("[data-drop]");

form?.addEventListener("change", ({ target }) => {
	if (!target.files?.length) return;
	for (const input of form.querySelectorAll("[type=file]")) if (input !== target) input.value = "";
	form.requestSubmit();
});
// The field covers the zone and takes a dropped photo by itself.
for (const kind of ["dragenter", "dragleave", "drop"]) form?.addEventListener(kind, () => form.classList.toggle("over", kind === "dragenter"));
// The same photo may be sent again.
form?.addEventListener("htmx:afterRequest", () => form.reset());
const show = (text) => (document.getElementById("result").textContent = text);
form?.addEventListener("htmx:sendError", () => show(form.dataset.unreachable));
form?.addEventListener("htmx:responseError", ({ detail }) => show(form.dataset.failed.replace("STATUS", detail.xhr.status)));
