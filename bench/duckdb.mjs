// Reads weir's Parquet file and writes one of its own from the same rows. usage: node duckdb.mjs FOLDER_OF_READERS HOME
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [readers, home] = process.argv.slice(2);
const require = createRequire(path.join(readers, 'node_modules', 'x'));
const { DuckDBInstance } = await import(pathToFileURL(require.resolve('@duckdb/node-api')));
const connection = await (await DuckDBInstance.create(':memory:')).connect();
const file = path.join(home, 'zstd.parquet');
await connection.run(`COPY (FROM '${file}') TO '${path.join(home, 'duckdb.parquet')}' (FORMAT parquet, COMPRESSION zstd)`);
const rows = await connection.runAndReadAll(`SELECT count(*), sum(id), sum(tenant_id), count(DISTINCT status) FROM '${file}'`);
console.log(JSON.stringify(rows.getRows()[0].map(String)));
