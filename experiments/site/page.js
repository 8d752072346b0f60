// Draws a chart when it comes near the window, in the colours of the reader's scheme.
"use strict";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const specs = read("specs");
const themes = read("themes");
const dark = matchMedia("(prefers-color-scheme: dark)");
const drawn = new Map();

function themed(id) {
  const theme = themes[dark.matches ? "dark" : "light"];
  const spec = structuredClone(specs[id]);
  for (const parameter of spec.params ?? []) {
    if (parameter.name in theme.colours) parameter.value = theme.colours[parameter.name];
    const chooser = chooserOf(id);
    if (parameter.name === "row" && chooser) parameter.value = Number(chooser.value);
  }
  return [spec, theme.config];
}

function chooserOf(id) {
  const name = document.getElementById(id).dataset.chooser;
  return name ? document.getElementById(name) : null;
}

async function draw(id) {
  const place = document.getElementById(id);
  const [spec, config] = themed(id);
  drawn.get(id)?.finalize();
  drawn.set(id, null); // under way
  const options = {
    config,
    renderer: "svg",
    actions: false,
    tooltip: { theme: dark.matches ? "dark" : "light" },
  };
  drawn.set(id, await vegaEmbed(place, spec, options));
  place.dataset.drawn = "";
}

const places = document.querySelectorAll(".chart");
const nearing = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      nearing.unobserve(entry.target);
      draw(entry.target.id);
    }
  },
  { rootMargin: "400px" },
);
places.forEach((place) => nearing.observe(place));

dark.addEventListener("change", () => drawn.forEach((_, id) => draw(id)));
addEventListener("beforeprint", () => places.forEach((place) => drawn.has(place.id) || draw(place.id)));

for (const chooser of document.querySelectorAll("select[data-charts]")) {
  chooser.addEventListener("change", () => {
    for (const id of chooser.dataset.charts.split(" ")) {
      drawn.get(id)?.view.signal("row", Number(chooser.value)).runAsync();
    }
  });
}
