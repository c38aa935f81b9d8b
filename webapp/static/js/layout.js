// Every page: theme without a reload, filters that submit on change, regions that refresh.

addEventListener("submit", (event) => {
	if (!event.target.matches(".theme")) return;
	event.preventDefault();
	const theme = event.submitter.value;
	document.documentElement.dataset.theme = theme;
	document.cookie = `theme=${theme}; path=/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
	document.querySelector(`.theme .to-${theme === "dark" ? "light" : "dark"}`).focus();
});

addEventListener("change", ({ target }) => {
	if (target.matches("select, [type=checkbox], [type=radio]")) target.closest("[data-autosubmit]")?.requestSubmit();
});

// Refresh a region with data-every="5" every 5 seconds while the page is visible.
for (const region of document.querySelectorAll("[data-every]")) {
	const refresh = () => !document.hidden && region.dispatchEvent(new Event("refresh"));
	setInterval(refresh, region.dataset.every * 1000);
	addEventListener("visibilitychange", refresh);
}

// Skip an unchanged answer: no flicker, no lost focus.
addEventListener("htmx:beforeSwap", ({ detail }) => {
	const { target, xhr } = detail;
	if (target.dataset.every && target.lastAnswer === xhr.responseText) detail.shouldSwap = false;
	target.lastAnswer = xhr.responseText;
});

// A button with data-shows="id" toggles that element.
addEventListener("click", (event) => {
	const button = event.target.closest("[data-shows]");
	if (!button) return;
	const shown = document.getElementById(button.dataset.shows);
	if (shown.dataset.src && !shown.src) shown.src = shown.dataset.src;
	button.ariaPressed = shown.classList.toggle("shown");
});
