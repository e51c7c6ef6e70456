// What is being computed, and a way to stop it.

import { byId, make } from "./dom.js";

export class Progress {
  #controller = new AbortController();

  constructor() {
    byId("cancel").addEventListener("click", () => this.stop());
  }

  /** Stop what runs. */
  stop() {
    this.#controller.abort();
  }

  /**
   * Run steps at the same time, and show which have ended.
   *
   * @param {{name: string, run: (signal: AbortSignal) => Promise}[]} steps
   * @returns {Promise<Error[]>} What went wrong; a cancelled step is no error.
   */
  async run(steps) {
    this.stop();
    const controller = new AbortController();
    this.#controller = controller;
    byId("progress").hidden = false;
    byId("cancel").hidden = false;
    const items = steps.map(({ name }) => make("li", { class: "running" }, name));
    byId("steps").replaceChildren(...items);
    const errors = [];
    await Promise.all(
      steps.map(async ({ name, run }, index) => {
        const end = (state, told) => {
          items[index].className = state;
          items[index].setAttribute("aria-label", `${name}: ${told}`);
        };
        try {
          await run(controller.signal);
          end("done", "ready");
        } catch (error) {
          end("failed", controller.signal.aborted ? "cancelled" : "failed");
          if (error.name !== "AbortError") errors.push(error);
        }
      }),
    );
    // A later run has the list now.
    if (this.#controller === controller) {
      byId("cancel").hidden = true;
      if (!errors.length) byId("progress").hidden = true;
    }
    return errors;
  }
}
