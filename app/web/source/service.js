// The HTTP API of the server that sent this page.

import { stagesOf } from "./timing.js";

/** An error that the server explained, or that the page explains in its place. */
export class Problem extends Error {
  constructor({ title = "Error", detail = "", status = 0, code = null }) {
    super(detail || title);
    Object.assign(this, { title, detail: detail || title, status, code });
  }
}

/** Where the API is: the folder of the page, which a proxy may serve under a prefix. */
export const ROOT = new URL(".", location.href).href;

export class Service {
  /** Sent as X-API-Key where it is not empty. It is kept in memory only. */
  key = "";
  /** Called with {label, total, stages} after every answer. */
  onTiming = () => {};

  /** The capabilities by name: loaded or not, and why. */
  async capabilities() {
    const { capabilities } = await this.#json("models", {});
    return new Map(capabilities.map((state) => [state.name, state]));
  }

  /** Send a photo; options are texts of the form, such as height_m. */
  async photo(path, file, { options = {}, ...request } = {}) {
    const body = new FormData();
    body.append("image", file, file.name || "photo");
    for (const [name, value] of Object.entries(options)) {
      if (value != null) body.append(name, value);
    }
    return this.#answer(path, { method: "POST", body, ...request });
  }

  /** Send JSON. */
  async json(path, contents, request = {}) {
    const headers = { "Content-Type": "application/json" };
    return this.#answer(path, { method: "POST", body: JSON.stringify(contents), headers, ...request });
  }

  async #json(path, request) {
    return this.#answer(path, request);
  }

  /** The parsed JSON of an answer, or a Blob of anything else. */
  async #answer(path, { label, headers = {}, format, ...request }) {
    const started = performance.now();
    const sent = { ...headers, Accept: format ? "*/*" : "application/json" };
    if (this.key) sent["X-API-Key"] = this.key;
    const target = new URL(path, ROOT);
    if (format) target.searchParams.set("format", format);
    let response;
    try {
      response = await fetch(target, { ...request, headers: sent, credentials: "omit" });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new Problem({
        title: "No answer",
        detail: "The server did not answer. It may have stopped, or have refused a large file.",
      });
    }
    if (!response.ok) throw await problemOf(response);
    const contents = format ? await response.blob() : await response.json();
    if (label) {
      this.onTiming({
        label,
        total: performance.now() - started,
        stages: stagesOf(response.headers.get("Server-Timing")),
      });
    }
    return contents;
  }
}

async function problemOf(response) {
  const fallback = { title: response.statusText, status: response.status };
  // A proxy in front answers with pages of its own.
  const isDocument = response.headers.get("Content-Type")?.includes("problem+json");
  return new Problem(isDocument ? { ...fallback, ...(await response.json()) } : fallback);
}
