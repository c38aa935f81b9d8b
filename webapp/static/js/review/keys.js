// Keys of buttons, and keys for zoom, position and light.

/** Let keys press the buttons with their data-key; `more` gets other keys, and returns true if it used one. */
export function listen(bench, more, explain) {
	addEventListener("keydown", (event) => {
		if (event.ctrlKey || event.metaKey || event.altKey || (event.repeat && !event.key.startsWith("Arrow"))) return;
		if (event.target.matches("input:not([type=range]), textarea, select")) {
			if (event.key === "Enter" || event.key === "Escape") bench.focus();
			return;
		}
		if (event.key === " " && event.target.matches("button, a, summary")) return;
		const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
		const open = document.querySelector("dialog[open]");
		const button = (open || document).querySelector(`[data-key="${CSS.escape(key)}"]`);
		if (button) {
			if (button.disabled) explain(button);
			else button.click();
		} else if (open || !more(key)) return;
		event.preventDefault();
	});
}
