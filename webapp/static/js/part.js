// Page of a part: its marks, which the form sends once they were changed.

import { Marker } from "./marks.js";

const element = document.querySelector(".stage");
const image = element.querySelector("img");
image.decode().then(() => element.style.setProperty("--ratio", image.naturalWidth / image.naturalHeight), () => null);
const field = document.querySelector("[name=marks]");
const marker = new Marker(field ? element : new EventTarget());
marker.show({ element, marks: JSON.parse(element.dataset.marks) });
marker.addEventListener("mark", () => (field.value = marker.past.length ? JSON.stringify(marker.part.marks) : ""));
addEventListener("keydown", ({ key }) => key === "Escape" && marker.takeBack());
