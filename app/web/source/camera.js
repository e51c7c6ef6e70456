// Takes a photo with the camera of the device.

import { byId } from "./dom.js";

/** Browsers give cameras to pages of localhost and of https only. */
export function hasCamera() {
  return Boolean(navigator.mediaDevices?.getUserMedia);
}

/** Let the person take a photo; null where they close the window or refuse. */
export async function takePhoto() {
  const dialog = byId("camera-dialog");
  const video = byId("camera-video");
  const message = byId("camera-message");
  message.textContent = "Waiting for the camera.";
  dialog.showModal();
  let stream = null;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      video: { facingMode: { ideal: "environment" }, width: { ideal: 1920 }, height: { ideal: 1080 } },
    });
    video.srcObject = stream;
    await video.play();
    message.textContent = "";
  } catch (error) {
    message.textContent = `The camera cannot be used: ${error.message}`;
  }
  const isTaken = await closed(dialog);
  const photo = isTaken && stream ? await frameOf(video) : null;
  // The camera's light goes off.
  for (const track of stream?.getTracks() ?? []) track.stop();
  video.srcObject = null;
  return photo;
}

function closed(dialog) {
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "take"), { once: true });
    dialog.returnValue = "";
  });
}

async function frameOf(video) {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const picture = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 });
  return new File([picture], "camera.jpg", { type: "image/jpeg" });
}
