// What the tests of files for other programs share: databases, the command, the readers, comparing.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { isDeepStrictEqual } from 'node:util';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [readers, weirCommand, database] = process.argv.slice(2);
const require = createRequire(path.join(readers, 'node_modules', 'x'));
export const load = async (name) => import(pathToFileURL(require.resolve(name)));

export { database };
export const postgresql = database === 'postgresql';
export const work = mkdtempSync(path.join(tmpdir(), 'weir-readers.'));
export const file = (name) => path.join(work, name);
const schema = `readers_${process.pid}`;
const base = process.env.WEIR_TEST_PG;
export const url = postgresql ? `${base}&options=-csearch_path%3D${schema}` : `sqlite:////${file('test.db').slice(1)}`;

// ---- the database, by its own client ----
export function sql(text) {
  const words = postgresql ? ['psql', [base, '-qAtX', '-v', 'ON_ERROR_STOP=1']] : ['sqlite3', ['-bail', file('test.db')]];
  const before = postgresql ? `CREATE SCHEMA IF NOT EXISTS ${schema}; SET search_path TO ${schema};\n` : '';
  return execFileSync(words[0], words[1], { input: before + text, encoding: 'utf8', stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, PGOPTIONS: '-c client_min_messages=warning' } }).trim();
}

// ---- the command ----
export function weir(query, to, ...options) {
  const done = spawnSync(weirCommand, ['export', url, '--query', query, '--to', to, '--quiet', ...options], { encoding: 'buffer', maxBuffer: 1 << 30 });
  return { code: done.status, out: done.stdout, err: done.stderr.toString() };
}
export function exported(query, name, ...options) {
  const to = file(name), done = weir(query, to, ...options);
  if (done.code !== 0) throw new Error(`weir export: exit code ${done.code}: ${done.err}`);
  return to;
}

// ---- the readers ----
const { DuckDBInstance } = await load('@duckdb/node-api');
const { parquetReadObjects, parquetMetadataAsync, parquetSchema, readColumnIndex, readOffsetIndex } = await load('hyparquet');
const { compressors } = await load('hyparquet-compressors');
const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
await duckdb.run("SET TimeZone = 'UTC'");

// Rows as arrays; values as DuckDB writes them in JSON: large integers and decimals as texts.
export async function duck(query) { return (await duckdb.runAndReadAll(query)).getRowsJson(); }
export async function duckTypes(name) { return (await duck(`SELECT column_type FROM (DESCRIBE SELECT * FROM '${name}')`)).map((row) => row[0]); }

function bufferOf(name) {
  const bytes = readFileSync(name), all = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  return { byteLength: all.byteLength, slice: (from, to) => all.slice(from, to) };
}
function plain(value) {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  return value === undefined ? null : value;
}
// Rows as arrays, in the pure JavaScript reader's eyes: integers of 64 bits as texts, times as ISO 8601, bytes in hexadecimals.
export async function hyparquet(name, options = {}) {
  const rows = await parquetReadObjects({ file: bufferOf(name), compressors, utf8: false, ...options });
  return rows.map((row) => Object.values(row).map(plain));
}
export async function metadata(name) { return parquetMetadataAsync(bufferOf(name)); }
// Of each row group and column: { bounds, pages } as the page index tells.
export async function pageIndexes(name) {
  const buffer = bufferOf(name), m = await parquetMetadataAsync(buffer);
  const view = async (at, length) => ({ view: new DataView(await buffer.slice(Number(at), Number(at) + length)), offset: 0 });
  const elements = parquetSchema(m);
  return Promise.all(m.row_groups.map((group) => Promise.all(group.columns.map(async (chunk, i) => ({
    bounds: chunk.column_index_offset === undefined ? null
      : readColumnIndex(await view(chunk.column_index_offset, chunk.column_index_length), leaf(elements.children[i]).element),
    pages: readOffsetIndex(await view(chunk.offset_index_offset, chunk.offset_index_length)).page_locations,
  })))));
}
function leaf(node) { return node.children.length ? leaf(node.children[0]) : node; }

// ---- telling ----
let failures = 0, current = '';
function fail(text) { failures++; console.log(`${current}: ${text}`); }
const show = (value) => JSON.stringify(value, (_, v) => typeof v === 'bigint' ? v.toString() : v);
export function same(got, expected, what = '') {
  if (isDeepStrictEqual(got, expected)) return;
  if (Array.isArray(got) && Array.isArray(expected) && got.length === expected.length) {
    const i = got.findIndex((g, at) => !isDeepStrictEqual(g, expected[at]));
    return same(got[i], expected[i], `${what}[${i}]`);
  }
  fail(`${what}: expected ${show(expected)?.slice(0, 600)}, got ${show(got)?.slice(0, 600)}`);
}
export function holds(text, part) { if (!String(text).includes(part)) fail(`expected something with [${part}], got [${text}]`); }
export function refused(done, part, code = 1) { same(done.code, code, `the exit code (${done.err})`); holds(done.err, part); }

export async function runTests(tests) {
  for (const [name, test] of Object.entries(tests)) {
    const before = failures;
    current = name;
    try { await test(); } catch (e) { fail(e.stack ?? String(e)); }
    console.log(`${failures === before ? 'ok' : 'FAILED'} ${name} (${database})`);
  }
  if (postgresql) sql(`DROP SCHEMA ${schema} CASCADE`);
  rmSync(work, { recursive: true, force: true });
  process.exit(failures ? 1 : 0);
}
export const sizeOf = (name) => statSync(name).size;
