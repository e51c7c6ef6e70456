// Bundles source/ into page/, or into the folder that is named on the command line.
import { createHash } from "node:crypto";
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const web = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(web, "page");

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });

const { metafile } = await build({
  absWorkingDir: web,
  entryPoints: ["source/main.js", "source/style.css"],
  outdir: out,
  // The name changes with the content, so that browsers may keep a file for ever.
  entryNames: "[name]-[hash]",
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  // The licences are in licences.txt.
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const names = { pictures: {} };
for (const [path, { entryPoint }] of Object.entries(metafile.outputs)) {
  names[entryPoint] = path.split("/").pop();
}
for (const folder of ["examples", "icons"]) {
  for (const name of readdirSync(join(web, "source", folder)).sort()) {
    const from = join(web, "source", folder, name);
    const digest = createHash("sha256").update(readFileSync(from)).digest("hex").slice(0, 8);
    const hashed = name.replace(".", `-${digest}.`);
    names.pictures[name] = hashed;
    cpSync(from, join(out, hashed));
  }
}

let html = readFileSync(join(web, "source", "index.html"), "utf8")
  .replace("{{main.js}}", names["source/main.js"])
  .replace("{{style.css}}", names["source/style.css"]);
for (const [name, hashed] of Object.entries(names.pictures)) {
  html = html.replaceAll(`{{${name}}}`, hashed);
}
if (html.includes("{{")) throw new Error("index.html names a file that source/ does not have");
writeFileSync(join(out, "index.html"), html);

const licence = readFileSync(join(web, "node_modules", "three", "LICENSE"), "utf8");
writeFileSync(join(out, "licences.txt"), `The page contains three.js.\n\n${licence}`);
