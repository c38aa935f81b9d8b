// The page's elements, and its texts in the person's language, as the server wrote them into the page.

export const byId = (id) => document.getElementById(id);

const texts = JSON.parse(byId("texts").textContent);

/** The text of that name with each {value} filled in. */
export function text(name, values = {}) {
	return texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
