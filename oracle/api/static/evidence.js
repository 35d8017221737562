// The evidence by hand: one picture over the other, two players that keep together, key points.

// A homography of relative coordinates as CSS has it, for a box of this size.
function matrix([a, b, c, d, e, f, g, h, i], width, height) {
  return `matrix3d(${a},${d * height / width},0,${g / width},${b * width / height},${e},0,${h / height},0,0,1,0,${c * width},${f * height},0,${i})`;
}

for (const overlay of document.querySelectorAll("[data-overlay]")) {
  const laid = overlay.querySelector(".laid"), [under, over] = laid.querySelectorAll("img");
  const alignment = overlay.dataset.overlay.split(" ").map(Number);
  const place = () => { if (laid.clientWidth) over.style.transform = matrix(alignment, laid.clientWidth, laid.clientHeight); };
  overlay.hidden = false;
  under.addEventListener("load", place);
  new ResizeObserver(place).observe(laid);
  overlay.querySelector("input[type=range]").addEventListener("input", (event) => { over.style.opacity = event.target.value / 100; });
  overlay.querySelector(".difference").addEventListener("change", (event) => {
    laid.classList.toggle("difference", event.target.checked);
    over.style.opacity = event.target.checked ? 1 : overlay.querySelector("input[type=range]").value / 100;
  });
  overlay.querySelector(".lines").addEventListener("click", async (event) => {
    const said = overlay.querySelector("[role=status]");
    event.target.disabled = true;
    said.textContent = "Looking…";
    const answer = await fetch(overlay.dataset.lines);
    if (!answer.ok) { event.target.disabled = false; said.textContent = "It did not work; try again."; return; }
    const lines = await answer.json();
    said.textContent = `${lines.length} key points where both agree.`;
    drawLines(overlay, under, over, lines);
  });
}

function drawLines(overlay, under, over, lines) {
  const name = "http://www.w3.org/2000/svg", gap = 20;
  const [w, h, W, H] = [under.naturalWidth, under.naturalHeight, over.naturalWidth, over.naturalHeight];
  const svg = document.createElementNS(name, "svg");
  const add = (tag, attributes) => {
    const made = document.createElementNS(name, tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    svg.append(made);
  };
  svg.setAttribute("viewBox", `0 0 ${w + gap + W} ${Math.max(h, H)}`);
  svg.setAttribute("width", w + gap + W);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${lines.length} lines between the same points of both pictures`);
  add("image", {href: under.src, width: w, height: h});
  add("image", {href: over.src, x: w + gap, width: W, height: H});
  for (const [x, y, X, Y] of lines) add("line", {x1: x * w, y1: y * h, x2: w + gap + X * W, y2: Y * H});
  overlay.append(svg);
}

for (const both of document.querySelectorAll("[data-players]")) {
  const section = both.closest("section"), [here, there] = both.querySelectorAll("video, audio");
  const bands = [...section.querySelectorAll("[data-spans]")].map((band) => [band, band.dataset.spans.split(" ").map(Number)]);
  const row = section.querySelector(".both");
  if (!here || !there || !bands.length) continue;
  let [, spans] = bands[0];
  // Where the earlier work is at a moment of this one, on the stretch that is played.
  const partner = (second) => {
    const [start, , from, to, speed] = spans;
    return speed < 0 ? to + speed * (second - start) : from + speed * (second - start);
  };
  const follow = () => {
    const at = Math.min(Math.max(partner(here.currentTime), 0), there.duration || Infinity);
    if (Math.abs(there.currentTime - at) > 0.25) there.currentTime = at;
  };
  const begin = (chosen) => { spans = chosen; here.currentTime = spans[0]; follow(); };
  here.addEventListener("play", () => { follow(); there.muted = here.tagName === "AUDIO"; there.playbackRate = Math.min(Math.max(Math.abs(spans[4]), 0.25), 4); there.play(); });
  here.addEventListener("pause", () => there.pause());
  here.addEventListener("seeking", follow);
  here.addEventListener("timeupdate", follow);
  for (const [band, chosen] of bands) band.addEventListener("click", () => begin(chosen));
  row.hidden = false;
  row.querySelector("button").addEventListener("click", () => { begin(spans); here.play(); });
}
