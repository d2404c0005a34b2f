// Bundles the editor and the pages' following of what happens into a file each, whose first line says which sources
// it was made of, and collects the licences of what they are made of beside them.

import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const TARGET = "../tracsync/static/tracsync";

const hash = createHash("sha256");
for (const name of ["package-lock.json", ...readdirSync("src").sort().map((file) => `src/${file}`)]) {
  hash.update(readFileSync(name));
}

const { metafile } = await build({
  entryPoints: { editor: "src/main.js", live: "src/live.js" },
  outdir: TARGET,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  legalComments: "none",
  metafile: true,
  banner: {
    js: `/* A part of tracsync, made by editor/build.mjs of sources ${hash.digest("hex")}. Licences: third-party.txt */`,
  },
});

const PACKAGE = /^node_modules\/((?:@[^/]+\/)?[^/]+)\//;
const inputs = Object.values(metafile.outputs).flatMap((output) => Object.entries(output.inputs));
const packages = new Set(inputs.filter(([, { bytesInOutput }]) => bytesInOutput).map(([name]) => PACKAGE.exec(name)?.[1]));
packages.delete(undefined);

const texts = [...packages].sort().map((name) => {
  const { version, license } = JSON.parse(readFileSync(`node_modules/${name}/package.json`));
  const file = `node_modules/${name}/LICENSE`;
  if (!existsSync(file)) throw new Error(`${name} has no licence text`);
  return `${name} ${version} (${license})\n\n${readFileSync(file, "utf8").trim()}\n`;
});
const head = "editor.js and live.js are made of tracsync's own code (MIT, see LICENSE) and of these packages:\n";
writeFileSync(`${TARGET}/third-party.txt`, [head, ...texts].join(`\n${"-".repeat(80)}\n\n`));
