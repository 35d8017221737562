// What pages do beyond forms and links: files by drop, progress of uploads, and of judgements.

function prepare(form) {
  const input = form.querySelector("input[type=file]"), drop = input.closest(".drop");
  const bar = form.querySelector("progress"), state = form.querySelector(".state");
  const newKey = () => crypto.randomUUID ? crypto.randomUUID() : String(Math.random());
  let key = newKey();
  input.addEventListener("change", () => { key = newKey(); });  // another file is another request

  drop.addEventListener("dragover", (event) => { event.preventDefault(); drop.classList.add("over"); });
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) { input.files = event.dataTransfer.files; key = newKey(); }
  });

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const page = new URL(form.action).pathname !== "/upload";
    const request = new XMLHttpRequest();
    request.open("POST", page ? form.action : form.action + "?wait_s=0");
    request.setRequestHeader("Idempotency-Key", key);
    if (page) request.setRequestHeader("Accept", "text/html");
    const say = (text, bad) => {
      bar.hidden = true;
      state.classList.toggle("bad", Boolean(bad));
      state.textContent = text;
    };
    say("Sending…");
    bar.hidden = false;
    request.upload.onprogress = ({loaded, total}) => {
      bar.value = loaded / total;
      if (loaded === total) { say(page ? "It has arrived. Comparing it…" : "It has arrived."); bar.hidden = false; bar.removeAttribute("value"); }
    };
    request.onerror = () => say("The oracle cannot be reached. Nothing was sent; try again.", true);
    const failed = () => `No answer of the oracle came back (status ${request.status}). Try again.`;
    request.onload = () => {
      const isPage = (request.getResponseHeader("Content-Type") || "").startsWith("text/html");
      if (isPage) {
        const answer = new DOMParser().parseFromString(request.responseText, "text/html");
        const main = answer.querySelector("main");
        if (request.status >= 400 || !main) return say(main?.querySelector(".lead")?.textContent ?? failed(), true);
        document.querySelector("main").replaceWith(document.importNode(main, true));
        document.querySelector("main").focus();
        document.querySelectorAll("main form[data-upload]").forEach(prepare);
        return;
      }
      let body = null;
      try { body = JSON.parse(request.responseText); } catch { /* a proxy's answer */ }
      if (request.status < 400 && body?.links?.page) location = body.links.page;
      else say(body?.detail ?? failed(), true);
    };
    request.send(new FormData(form));
  });
}
document.querySelectorAll("form[data-upload]").forEach(prepare);

// A page that shows something under way comes again when it has changed.
const waiting = document.querySelector("[data-events]");
if (waiting) {
  const {events, status, attestation} = waiting.dataset;
  new EventSource(events).addEventListener("progress", (event) => {
    const now = JSON.parse(event.data), state = document.getElementById("state"), bar = document.getElementById("bar");
    const running = now.status === "queued" || now.status === "running";
    if (!running && (now.status !== status || (now.attestation ?? "") !== attestation)) location.reload();
    else if (running && state) {
      state.textContent = now.total > 1 ? `${now.stage}, ${now.done + 1} of ${now.total}` : now.stage;
      if (now.total > 1) bar.value = now.done / now.total;
    }
  });
}
