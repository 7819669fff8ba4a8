/* What a reader may choose: kept in this browser, the key only as long as the tab. */
const $ = (id) => document.getElementById(id);
const root = document.documentElement;

const store = (place, name, value) => { try { place.setItem(`foldscribe.${name}`, value); } catch { /* private windows */ } };
const stored = (place, name) => { try { return place.getItem(`foldscribe.${name}`); } catch { return null; } };

export const LATENCIES_MS = [0, 200, 400, 600, 1000, 1500, 2500]; // 0: as the server does

export class Settings {
  /** dialled(): depth or latency is another. named(channel, name): a speaker was called so. */
  constructor({ dialled, named }) {
    this.named = named;
    this.deepest = 1;
    for (const id of ["theme", "size", "depth", "latency", "source"]) {
      const value = stored(localStorage, id);
      if (value !== null && (id !== "source" || [...$("source").options].some((o) => o.value === value))) $(id).value = value;
      $(id).addEventListener("input", () => store(localStorage, id, $(id).value));
    }
    for (const id of ["channels", "keys-on"]) {
      const value = stored(localStorage, id);
      if (value !== null) $(id).checked = value === "true";
      $(id).addEventListener("change", () => store(localStorage, id, $(id).checked));
    }
    $("key").value = stored(sessionStorage, "key") ?? "";
    $("key").addEventListener("input", () => store(sessionStorage, "key", this.key));
    $("theme").addEventListener("input", () => this.paint());
    $("size").addEventListener("input", () => this.paint());
    for (const id of ["depth", "latency"])
      $(id).addEventListener("input", () => { this.sayDials(); dialled(); });
    $("settings").onclick = () => $("panel").showModal();
    $("panel-close").onclick = () => $("panel").close();
    $("panel").addEventListener("click", (event) => { if (event.target === $("panel")) $("panel").close(); });
    this.lines = Number(stored(localStorage, "lines") ?? 3);
    this.paint();
    this.sayDials();
    this.askDepths();
  }

  get key() { return $("key").value.trim(); }
  get stereo() { return $("channels").checked; }
  get source() { return $("source").value; }
  get shortcuts() { return $("keys-on").checked; }

  /** As the query and Configure name them; what is left out is as the server does it. */
  get dials() {
    const depth = Number($("depth").value), latency = LATENCIES_MS[$("latency").value];
    return { ...(depth && { depth, partial_depth: depth }), ...(latency && { latency_ms: latency, partial_every_ms: latency }) };
  }

  askKey() {
    $("panel").showModal();
    $("key").focus();
  }

  paint() {
    root.dataset.theme = $("theme").value;
    root.style.setProperty("--size", $("size").value / 100);
    root.style.setProperty("--lines", this.lines);
    $("size-text").textContent = `${$("size").value} %`;
    $("lines").textContent = `${this.lines} lines`;
  }

  resize(step) {
    $("size").value = Number($("size").value) + step;
    store(localStorage, "size", $("size").value);
    this.paint();
  }

  toggleLines() {
    this.lines = this.lines === 3 ? 2 : 3;
    store(localStorage, "lines", this.lines);
    this.paint();
  }

  setDepth(depth) {
    if (depth > this.deepest) return;
    $("depth").value = depth;
    $("depth").dispatchEvent(new Event("input"));
  }

  sayDials() {
    const depth = Number($("depth").value), latency = LATENCIES_MS[$("latency").value];
    const deep = depth ? `${depth} of ${this.deepest}` : "auto", late = latency ? `${(latency / 1000).toFixed(1)} s` : "auto";
    $("depth-text").textContent = deep;
    $("latency-text").textContent = late;
    $("depth").setAttribute("aria-valuetext", depth ? `depth ${deep}` : "as the server chooses");
    $("latency").setAttribute("aria-valuetext", latency ? late.replace(" s", " seconds") : "as the server chooses");
  }

  /* How deep this server goes. */
  async askDepths() {
    try {
      const { data } = await (await fetch("v1/models")).json();
      this.deepest = data[0].depth.max;
      $("depth").max = this.deepest;
      $("depth").value = stored(localStorage, "depth") ?? 0;
    } catch { /* it is away; a later start says so */ }
    this.sayDials();
  }

  /** Microphones by name, once the browser tells them. */
  async listDevices() {
    const devices = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "audioinput" && d.deviceId && d.label);
    const list = $("source"), chosen = list.value;
    list.querySelectorAll("option[value^='microphone:']").forEach((option) => option.remove());
    if (devices.length > 1)
      devices.filter((d) => d.deviceId !== "default").forEach((d) => list.add(new Option(d.label, `microphone:${d.deviceId}`), list.options[1]));
    if ([...list.options].some((option) => option.value === chosen)) list.value = chosen;
  }

  /** Fields for the names of the speakers of a take; [""]: one, without a name. */
  showSpeakers(names) {
    const list = $("speakers");
    list.hidden = names.length < 2;
    list.replaceChildren(list.firstElementChild);
    names.forEach((name, channel) => {
      const known = (names.length > 1 && stored(localStorage, `speaker.${name}`)) || name;
      this.named(channel, known);
      const label = document.createElement("label"), input = document.createElement("input");
      label.className = `field speaker-${channel}`;
      label.append(name, input);
      input.value = known;
      input.addEventListener("input", () => {
        this.named(channel, input.value.trim() || name);
        store(localStorage, `speaker.${name}`, input.value.trim());
      });
      list.append(label);
    });
  }
}
