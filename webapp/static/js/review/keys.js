// Keys on buttons, and keys that move and light the picture.

const FIELDS = "input:not([type=range]), textarea, select";

/** Let keys press the buttons that name them in data-key; `more` gets the others (true when it used one). */
export function listen(bench, more, spoken) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && !event.key.startsWith("Arrow"))) return;
    if (event.target.matches(FIELDS)) {
      if (event.key === "Enter" || event.key === "Escape") bench.focus();
      return;
    }
    if (event.key === " " && event.target.matches("button, a, summary")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const open = document.querySelector("dialog[open]");
    const button = (open || document).querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (button) {
      if (button.disabled) spoken(button); // says why
      else button.click();
    } else if (open || !more(key)) return;
    event.preventDefault();
  });
}
