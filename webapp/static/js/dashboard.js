// The photo: dropped or chosen, it is sent at once. Without this file the form still works with its button.

const form = document.querySelector("[data-drop]");

if (form) {
  form.addEventListener("change", ({ target }) => {
    if (!target.files?.length) return;
    for (const other of form.querySelectorAll("[type=file]")) if (other !== target) other.value = "";
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
  const say = (said) => (document.getElementById("result").textContent = said);
  form.addEventListener("htmx:sendError", () => say("The server can't be reached. Try again in a moment."));
  form.addEventListener("htmx:responseError", ({ detail }) => {
    say(`The server answered ${detail.xhr.status}. Reload the page and try again.`);
  });
}
