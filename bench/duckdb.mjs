// Reads weir's Parquet file and writes one of its own from the same rows. usage: node duckdb.mjs FOLDER_OF_READERS FILE ITS_FILE EXPRESSIONS
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const [readers, file, its, sums] = process.argv.slice(2);
const require = createRequire(path.join(readers, 'node_modules', 'x'));
const { DuckDBInstance } = await import(pathToFileURL(require.resolve('@duckdb/node-api')));
const connection = await (await DuckDBInstance.create(':memory:')).connect();
await connection.run(`COPY (FROM '${file}') TO '${its}' (FORMAT parquet, COMPRESSION zstd)`);
const rows = await connection.runAndReadAll(`SELECT ${sums} FROM '${file}'`);
console.log(JSON.stringify(rows.getRows()[0].map(String)));
