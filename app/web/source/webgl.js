// Whether and how this browser shows 3D.

import { SRGBColorSpace, WebGLRenderer } from "three";

/** A renderer for a canvas, with a clear background; null where the browser has no WebGL 2. */
export function rendererFor(canvas) {
  // Smooth edges take a graphics processor; in software they take most of the time of a frame.
  const context =
    canvas.getContext("webgl2", { antialias: true, failIfMajorPerformanceCaveat: true }) ??
    canvas.getContext("webgl2", { antialias: false });
  // three.js would log an error.
  if (!context) return null;
  const renderer = new WebGLRenderer({ canvas, context });
  renderer.outputColorSpace = SRGBColorSpace;
  renderer.setClearColor(0x000000, 0);
  return renderer;
}

/** Fit the drawing to the size of its canvas on the page; false while that is hidden. */
export function fitToCanvas(renderer) {
  const { clientWidth, clientHeight } = renderer.domElement;
  if (!clientWidth || !clientHeight) return false;
  // More than two pixels for one of the page are not seen, and cost time.
  const ratio = Math.min(devicePixelRatio, 2);
  const size = renderer.domElement;
  const [width, height] = [Math.round(clientWidth * ratio), Math.round(clientHeight * ratio)];
  if (size.width !== width || size.height !== height) {
    renderer.setPixelRatio(ratio);
    renderer.setSize(clientWidth, clientHeight, false);
  }
  return true;
}

/** A function that asks for one drawing before the next frame, however often it is called. */
export function onDemand(draw) {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    requestAnimationFrame(() => {
      isAsked = false;
      draw();
    });
  };
}
