// Results as files, and the commands that make the same files.

import { make } from "./dom.js";
import { ROOT } from "./service.js";

/** Let the browser save a Blob. */
export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = make("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  // Some browsers begin to read it a moment later.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** `curl` that sends a photo. */
export function photoCommand(path, format, name, file, { options = {}, withKey }) {
  const parts = [`-F image=@${quoted(file)}`];
  for (const [option, value] of Object.entries(options)) parts.push(`-F ${quoted(`${option}=${value}`)}`);
  return command(path, format, name, parts, withKey);
}

/** `curl` that sends JSON. */
export function jsonCommand(path, format, name, contents, { withKey }) {
  const parts = ["-H 'content-type: application/json'", `-d ${quoted(JSON.stringify(contents))}`];
  return command(path, format, name, parts, withKey);
}

function command(path, format, name, parts, withKey) {
  const url = new URL(path, ROOT);
  if (format) url.searchParams.set("format", format);
  // The key itself is never shown.
  const key = withKey ? ['-H "X-API-Key: $HABITUS_API_KEY"'] : [];
  return ["curl", ...key, ...parts, quoted(url.href), `-o ${quoted(name)}`].join(" \\\n  ");
}

/** A word that a shell takes as it is. */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * Fill the list of downloads.
 *
 * @param {Element} list
 * @param {{what: string, files: {format: string, get: Function, command?: string}[]}[]} groups
 * @param {Function} showCommand - Called with the command of the file that is chosen.
 */
export function showDownloads(list, groups, showCommand) {
  list.replaceChildren(
    ...groups.map(({ what, files }) =>
      make(
        "li", {},
        make("span", { class: "what" }, what),
        make("span", { class: "formats" }, ...files.map((file) => button(what, file, showCommand))),
      ),
    ),
  );
}

function button(what, { format, get, command: text }, showCommand) {
  const element = make("button", { type: "button", class: "format", "aria-label": `Download ${what} as ${format}` }, format);
  const show = () => text && showCommand(text());
  element.addEventListener("focus", show);
  element.addEventListener("pointerenter", show);
  element.addEventListener("click", async () => {
    element.disabled = true;
    try {
      await get();
    } finally {
      element.disabled = false;
      element.focus();
    }
  });
  return element;
}
