// Makes one file of shiki-lean.js and what it imports, at the path that is given. `make console-vendor` runs it.
// The file begins with the packages in it, their versions and licences, and a digest of what it was made from.

import { createHash } from "node:crypto";
import { readFile, readdir, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const SOURCES = ["build.mjs", "package-lock.json", "package.json", "shiki-lean.js"];

const here = (path) => new URL(path, import.meta.url);
const read = (path) => readFile(here(path), "utf8");

async function licence(folder) {
  const name = (await readdir(here(folder))).find((each) => /^licen[cs]e/i.test(each));
  return (await read(`${folder}/${name}`)).trim();
}

const { outputFiles, metafile } = await build({
  absWorkingDir: here(".").pathname,
  entryPoints: ["shiki-lean.js"],
  bundle: true,
  format: "esm",
  legalComments: "none",
  metafile: true,
  minify: true,
  target: "es2024",
  write: false,
});
const digest = createHash("sha256");
for (const name of SOURCES) digest.update(await read(name));
const lock = JSON.parse(await read("package-lock.json")).packages;
const [{ inputs }] = Object.values(metafile.outputs);
const used = Object.keys(inputs).filter((path) => inputs[path].bytesInOutput);
const folders = [...new Set(used.flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/) ?? []))].sort();
const packages = folders.map((folder) => `${folder.replace(/^.*node_modules\//, "")} ${lock[folder].version}`);
const licences = new Set(await Promise.all(folders.map(licence)));
const head = [
  "Made by `make console-vendor`; do not edit.",
  `Sources: sha256 ${digest.digest("hex")}`,
  ...packages,
  "The grammar of Lean is from vscode-lean4, Copyright the Lean 4 contributors, Apache License, Version 2.0.",
  ...[...licences].map((text) => `\n${text}`),
];
await writeFile(process.argv[2], `/*!\n${head.join("\n")}\n*/\n${outputFiles[0].text}`);
