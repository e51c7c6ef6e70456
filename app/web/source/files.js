// Which files the page offers for what it shows.

import { jsonCommand, photoCommand, save } from "./downloads.js";

/**
 * The groups of downloads.
 *
 * @param {object} shown
 * @param {Service} shown.service
 * @param {{file: File, options: object}} shown.photo
 * @param {Set<string>} shown.loaded - Capabilities that answered for the photo, and `mesh`.
 * @param {() => object} shown.parameters - Betas and pose of the body on the screen.
 * @param {() => string} shown.csv
 */
export function filesOf({ service, photo, loaded, parameters, csv }) {
  const withKey = Boolean(service.key);
  const ofPhoto = (path, name, formats, options = {}) =>
    formats.map(([format, wanted = format.toLowerCase()]) => {
      const target = `${name}.${wanted}`;
      return {
        format,
        get: async () => save(await service.photo(path, photo.file, { options, format: wanted }), target),
        command: () => photoCommand(path, wanted, target, photo.file.name || "photo.jpg", { options, withKey }),
      };
    });
  const groups = [];
  if (loaded.has("silhouette")) {
    groups.push({ what: "Confidence map", files: ofPhoto("confidence", "confidence", [["PNG"], ["NPY"], ["JSON"]]) });
    groups.push({
      what: "Weighted photo",
      files: ofPhoto("confidence/weighted-image", "weighted", [["PNG"], ["NPY"]]),
    });
  }
  if (loaded.has("clothing")) {
    groups.push({ what: "Garments", files: ofPhoto("clothing", "garments", [["PNG"], ["NPY"], ["JSON"]]) });
  }
  if (loaded.has("reconstruction")) {
    groups.push({
      what: "Reconstruction",
      files: ofPhoto("reconstruct", "person", [["JSON"], ["NPZ"], ["GLB"], ["PNG"]], photo.options),
    });
  }
  if (loaded.has("mesh")) {
    groups.push({
      what: "Body on the screen",
      files: [
        ["GLB", "mesh?rig=true", "glb"],
        ["OBJ", "mesh", "obj"],
        ["PLY", "mesh", "ply"],
        ["NPZ", "mesh", "npz"],
      ].map(([format, path, wanted]) => ({
        format,
        get: async () => save(await service.json(path, parameters(), { format: wanted }), `body.${wanted}`),
        command: () => jsonCommand(path, wanted, `body.${wanted}`, parameters(), { withKey }),
      })),
    });
  }
  if (loaded.has("measurements")) {
    groups.push({
      what: "Measurements",
      files: [{
        format: "CSV",
        get: async () => save(new Blob([csv()], { type: "text/csv" }), "measurements.csv"),
        command: () => jsonCommand("measurements", "", "measurements.json", { betas: parameters().betas }, { withKey }),
      }],
    });
  }
  return groups;
}
