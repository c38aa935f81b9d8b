// Every page: theme without a reload, filters that submit on change, regions that refresh.

const YEAR = 365 * 24 * 3600;

document.addEventListener("submit", (event) => {
	if (!event.target.matches(".theme")) return;
	event.preventDefault();
	const theme = event.submitter.value;
	document.documentElement.dataset.theme = theme;
	document.cookie = `theme=${theme}; path=/; max-age=${YEAR}; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
	document.querySelector(`.theme .to-${theme === "dark" ? "light" : "dark"}`).focus();
});

document.addEventListener("change", (event) => {
	const form = event.target.closest("form[data-autosubmit]");
	if (form && event.target.matches("select, input[type=checkbox], input[type=radio]")) form.requestSubmit();
});

// Refresh a region with data-every="5" every 5 seconds while the page is visible.
for (const region of document.querySelectorAll("[data-every]")) {
	const refresh = () => !document.hidden && region.dispatchEvent(new Event("refresh"));
	setInterval(refresh, Number(region.dataset.every) * 1000);
	document.addEventListener("visibilitychange", refresh);
}

// Skip an unchanged answer: no flicker, no lost focus.
const lastAnswers = new WeakMap();
document.addEventListener("htmx:beforeSwap", (event) => {
	const { target, xhr } = event.detail;
	if (!target.matches("[data-every]")) return;
	if (lastAnswers.get(target) === xhr.responseText) event.detail.shouldSwap = false;
	else lastAnswers.set(target, xhr.responseText);
});

// A button with data-shows="id" toggles that element, such as a heatmap over a part.
document.addEventListener("click", (event) => {
	const button = event.target.closest("[data-shows]");
	if (!button) return;
	const shown = document.getElementById(button.dataset.shows);
	if (shown.dataset.src && !shown.src) shown.src = shown.dataset.src;
	shown.classList.toggle("shown");
	button.ariaPressed = shown.classList.contains("shown");
});
