// Short ways to find, make and fill elements.

/** The element of an id; a missing one is a mistake in index.html. */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`index.html has no #${id}`);
  return found;
}

/** Make an element. Names that begin with "on" are listeners, true and false switch attributes. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/** Call a function once the calls have stopped for a while. */
export function afterPause(milliseconds, call) {
  let timer;
  return (...parts) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...parts), milliseconds);
  };
}

/** A group of radio buttons that look like one control; `choose(value)` is called on a change. */
export function onChoice(group, choose) {
  group.addEventListener("change", (event) => choose(event.target.value));
}

/** Select a radio button without an event. */
export function setChoice(group, value) {
  for (const input of group.querySelectorAll("input")) input.checked = input.value === value;
}
