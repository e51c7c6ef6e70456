// How a photo comes in: dropped, pasted, chosen, taken by the camera, or an example.

import { byId } from "./dom.js";
import { hasCamera, takePhoto } from "./camera.js";

/** Call `take(file)` for every photo that a person gives. */
export function onPhoto(take) {
  const input = byId("file");
  for (const id of ["choose", "choose-again"]) {
    byId(id).addEventListener("click", () => input.click());
  }
  input.addEventListener("change", () => {
    if (input.files.length) take(input.files[0]);
    // The same file chosen again is a change too.
    input.value = "";
  });
  for (const id of ["camera", "camera-again"]) {
    const button = byId(id);
    button.hidden = !hasCamera();
    button.addEventListener("click", async () => {
      const photo = await takePhoto();
      if (photo) take(photo);
    });
  }
  for (const button of document.querySelectorAll("[data-example]")) {
    button.addEventListener("click", async () => {
      const { src } = button.querySelector("img");
      const picture = await (await fetch(src)).blob();
      take(new File([picture], button.dataset.example, { type: picture.type }));
    });
  }
  document.addEventListener("paste", (event) => {
    const file = pictureOf(event.clipboardData);
    if (file) take(file);
  });
  onDrop(take);
}

/** A file may be dropped anywhere on the page: a miss would leave the page for the file. */
function onDrop(take) {
  let depth = 0;
  const mark = (change) => {
    depth = Math.max(0, depth + change);
    document.body.classList.toggle("dragging", depth > 0);
  };
  document.addEventListener("dragenter", (event) => {
    if (event.dataTransfer?.types.includes("Files")) mark(1);
  });
  document.addEventListener("dragleave", (event) => {
    if (event.dataTransfer?.types.includes("Files")) mark(-1);
  });
  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    mark(-depth);
    const file = event.dataTransfer?.files[0];
    if (file) take(file);
  });
}

function pictureOf(clipboard) {
  return [...(clipboard?.files ?? [])].find((file) => file.type.startsWith("image/"));
}
