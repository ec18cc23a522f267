// Node's side of source_maps.py: node source_map_peers.mjs MODULES MAP POSITIONS [ANSWERS]
// Prints {"trace-mapping": {parse, lookups}, "source-map": …}; seconds and look-ups a second.
// With ANSWERS, writes there what trace-mapping says at every position, as rows of 32-bit integers
// (source, line, column, name), -1 for none.
import { createRequire } from "node:module";
import { readFileSync, writeFileSync } from "node:fs";

const [modules, mapPath, positionsPath, answersPath] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { TraceMap, traceSegment, originalPositionFor } = require("@jridgewell/trace-mapping");
const { SourceMapConsumer } = require("source-map");

const raw = readFileSync(positionsPath);
const positions = new Int32Array(raw.buffer, raw.byteOffset, raw.length / 4);
const SAMPLE = Math.min(positions.length / 2, 10000);
const seconds = (since) => Number(process.hrtime.bigint() - since) / 1e9;

function lookups(look) {
  const since = process.hrtime.bigint();
  for (let at = 0; at < 2 * SAMPLE; at += 2) look(positions[at], positions[at + 1]);
  return SAMPLE / seconds(since);
}

const out = {};
{
  const since = process.hrtime.bigint();
  const map = new TraceMap(JSON.parse(readFileSync(mapPath, "utf8")));
  traceSegment(map, 0, 0);
  out["trace-mapping"] = { parse: seconds(since) };
  const look = (line, column) => originalPositionFor(map, { line: line + 1, column });
  lookups(look);
  out["trace-mapping"].lookups = lookups(look);
  if (answersPath) {
    const rows = new Int32Array(2 * positions.length).fill(-1);
    for (let at = 0, row = 0; at < positions.length; at += 2, row += 4) {
      const found = traceSegment(map, positions[at], positions[at + 1]);
      if (found !== null && found.length > 1) rows.set([...found.slice(1, 4), found[4] ?? -1], row);
    }
    writeFileSync(answersPath, rows);
  }
}
{
  const since = process.hrtime.bigint();
  const map = await new SourceMapConsumer(JSON.parse(readFileSync(mapPath, "utf8")));
  map.originalPositionFor({ line: 1, column: 0 });
  out["source-map"] = { parse: seconds(since) };
  const look = (line, column) => map.originalPositionFor({ line: line + 1, column });
  lookups(look);
  out["source-map"].lookups = lookups(look);
  map.destroy();
}
process.stdout.write(JSON.stringify(out));
