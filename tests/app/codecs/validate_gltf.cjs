// Prints the Khronos validator's report on a GLB: node validate_gltf.cjs PACKAGE FILE
const fs = require("fs");
const [folder, file] = process.argv.slice(2);
require(folder)
  .validateBytes(new Uint8Array(fs.readFileSync(file)))
  .then((report) => console.log(JSON.stringify(report.issues)));
