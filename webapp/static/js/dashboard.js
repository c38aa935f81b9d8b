// The photo: dropped or chosen, it is sent at once. Without this file the form still works with its button.

const form = document.querySelector("[data-drop]");

if (form) {
  const send = (files, input) => {
    if (!files.length) return;
    if (input.files !== files) input.files = files;
    form.requestSubmit();
  };
  form.addEventListener("change", (event) => {
    if (event.target.type !== "file") return;
    for (const other of form.querySelectorAll("[type=file]")) if (other !== event.target) other.value = "";
    send(event.target.files, event.target);
  });
  for (const kind of ["dragenter", "dragover"]) {
    form.addEventListener(kind, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  for (const kind of ["dragleave", "drop"]) form.addEventListener(kind, () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    send(event.dataTransfer.files, form.querySelector("#photo"));
  });
  // The same photo may be sent again.
  form.addEventListener("htmx:afterRequest", () => form.reset());
  form.addEventListener("htmx:sendError", () => {
    document.getElementById("result").textContent = "The server can't be reached. Try again in a moment.";
  });
  form.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    document.getElementById("result").textContent = `The server answered ${status}. Reload the page and try again.`;
  });
}
