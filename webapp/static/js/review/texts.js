// The page's elements, and its texts in the person's language.

export const byId = (id) => document.getElementById(id);

const texts = JSON.parse(byId("texts").textContent);

export function text(name, values = {}) {
	return texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
