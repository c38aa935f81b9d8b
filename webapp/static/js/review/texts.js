// The page's words, in the person's language, as the server wrote them into the page.

const texts = JSON.parse(document.getElementById("texts").textContent);

/** The text of that name with each {value} filled in. */
export function text(name, values = {}) {
  return texts[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
}
