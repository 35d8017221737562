#!/usr/bin/env node
// Makes what the npm package adds to the sources: the licence, each ABI as JSON, and all of them as constants in JavaScript with
// their types. The ABIs are those of the Python package (`make contracts`), so that both say the same. `npm pack` runs it.
import { copyFileSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = join(dirname(fileURLToPath(import.meta.url)), "..");
const from = join(here, "..", "oracle", "chain", "abi");
const to = join(here, "abi");

rmSync(to, { recursive: true, force: true });
mkdirSync(to);
copyFileSync(join(here, "..", "LICENSE"), join(here, "LICENSE"));
const constants = [];
for (const file of readdirSync(from).sort()) {
  if (file === "manifest.json") continue;
  const { contractName, abi } = JSON.parse(readFileSync(join(from, file), "utf8"));
  const name = contractName ?? file.replace(".json", "");
  writeFileSync(join(to, `${name}.json`), JSON.stringify(abi, null, 1) + "\n");
  constants.push([`${name[0].toLowerCase()}${name.slice(1)}Abi`, JSON.stringify(abi)]);
}
// `as const` keeps every name and type, as viem and wagmi infer from them.
writeFileSync(join(to, "index.mjs"), constants.map(([name, abi]) => `export const ${name} = ${abi};\n`).join(""));
writeFileSync(join(to, "index.d.mts"), constants.map(([name, abi]) => `export declare const ${name}: ${literal(abi)};\n`).join(""));

function literal(json) {
  return JSON.stringify(JSON.parse(json)).replaceAll("[", "readonly [").replaceAll('"readonly [', '"[');
}
