// weir export --format arrow, read back by Apache Arrow's JavaScript package.
import { existsSync, readFileSync } from 'node:fs';
import { exported, file, holds, load, postgresql, refused, runTests, same, sql, weir } from './readers.mjs';

const { tableFromIPC } = await load('apache-arrow');
const read = (name) => tableFromIPC(readFileSync(name));

// As texts that show each type's value in full.
function plain(value) {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (value instanceof Int32Array || value instanceof Uint32Array) return Array.from(value);
  if (typeof value === 'bigint') return value.toString();
  return typeof value === 'object' && value[Symbol.iterator] ? Array.from(value, plain) : value;
}
const column = (table, i) => Array.from({ length: table.numRows }, (_, row) => plain(table.getChildAt(i).get(row)));
const kind = (field) => `${field.type}${[...field.metadata].map(([, value]) => ` ${value}`).join('')}`;

const types = {
  boolean: ['Bool', [['true', true], ['false', false]]],
  smallint: ['Int16', [['-32768', -32768], ['32767', 32767]]],
  integer: ['Int32', [['-2147483648', -2147483648], ['0', 0]]],
  bigint: ['Int64', [['-9223372036854775808', '-9223372036854775808'], ['9223372036854775807', '9223372036854775807']]],
  real: ['Float32', [['0.5', 0.5], ["'-Infinity'", -Infinity]]],
  'double precision': ['Float64', [['0.1', 0.1], ['5e-324', 5e-324], ["'NaN'", NaN]]],
  'numeric(10,2)': ['Decimal[10e+2]', [['-12.5', [4294966046, 4294967295, 4294967295, 4294967295]], ['99999999.99', [1410065407, 2, 0, 0]], ['0', [0, 0, 0, 0]]]],
  'numeric(2,-3)': ['Decimal[5e0]', [['99000', [99000, 0, 0, 0]]]],
  'numeric(2,4)': ['Decimal[4e+4]', [['0.0099', [99, 0, 0, 0]]]],
  'numeric(60,2)': ['Utf8', [['1.50', '1.50']]],
  numeric: ['Utf8', [['123456789012345678901234567890.123', '123456789012345678901234567890.123'], ["'NaN'", 'NaN']]],
  text: ['Utf8', [["''", ''], ["'äöü €, 𝄞'", 'äöü €, 𝄞'], ["repeat('long ', 1000)", 'long '.repeat(1000)]]],
  bytea: ['Binary', [["'\\x'", ''], ["'\\x00ff80'", '00ff80']]],
  date: ['Date32<DAY>', [["'1970-01-02'", 86400000], ["'0044-03-15 BC'", Date.UTC(-43, 2, 15)]]],
  time: ['Time64<MICROSECOND>', [["'00:00'", '0'], ["'23:59:59.999999'", '86399999999']]],
  timestamp: ['Timestamp<MICROSECOND>', [["'1970-01-01 00:00:01'", 1000], ["'1969-12-31 23:59:59'", -1000]]],
  timestamptz: ['Timestamp<MICROSECOND, UTC>', [["'1970-01-01 00:00:01+00'", 1000]]],
  interval: ['Interval<MONTH_DAY_NANO>', [["'1 year 2 mons 3 days 4 seconds'", [14, 3, 4000000000 % 4294967296 | 0, 0]]]],
  timetz: ['Utf8', [["'12:30:00.5+02'", '12:30:00.5+02:00']]],
  uuid: ['FixedSizeBinary[16] arrow.uuid', [["'01234567-89ab-cdef-0123-456789abcdef'", '0123456789abcdef0123456789abcdef']]],
  jsonb: ['Utf8 arrow.json', [[`'{"a":1}'`, '{"a": 1}']]],
  inet: ['Utf8', [["'::1'", '::1']]],
  'integer[]': ['List<Int32>', [["'{1,NULL,3}'", [1, null, 3]], ["'{}'", []]]],
  'integer[][]': ['List<List<Int32>>', [["'{{1,NULL},{3,4}}'", [[1, null], [3, 4]]], ["'{}'", []], ["'{{5}}'", [[5]]]]],
  'text[][][]': ['List<List<List<Utf8>>>', [["'{{{a},{b}},{{c},{NULL}}}'", [[['a'], ['b']], [['c'], [null]]]]]],
  'text[]': ['List<Utf8>', [[`'{"a b","",NULL}'`, ['a b', '', null]]]],
};

const mine = postgresql ? {
  async every_type() {
    for (const [type, [told, values]] of Object.entries(types)) {
      const written = [['NULL', null], ...values.flatMap((v) => [v, ['NULL', null]])];
      const rows = written.map(([text], i) => `(${i}, (${text})::${type})`);
      const table = read(exported(`SELECT v FROM (VALUES ${rows.join(', ')}) AS t(i, v) ORDER BY i`, 'type.arrows'));
      same(kind(table.schema.fields[0]), told, type);
      same(column(table, 0), written.map((v) => v[1]), type);
    }
  },

  async what_no_column_holds_is_refused() {
    for (const [value, reason] of [["'infinity'::timestamp", 'infinite timestamps'], ["'infinity'::date", 'infinite dates'], ["'24:00'::time", '24:00:00'],
      ["'NaN'::numeric(4,2)", 'NaN']]) {
      const done = weir(`SELECT 1 AS n, (CASE WHEN i = 3 THEN ${value} END)::${value.split('::')[1]} AS bad FROM generate_series(1, 5) AS i ORDER BY i`, file('bad.arrows'));
      refused(done, 'row 3, column bad: ');
      holds(done.err, reason);
      same(existsSync(file('bad.arrows')), false, 'no file is left');
    }
  },

  async lists_of_another_depth_are_refused() {
    refused(weir("SELECT CASE i WHEN 3 THEN '{{1}}'::int[] ELSE '{1}' END AS a FROM generate_series(1, 5) i", file('bad.arrows')), 'row 3, column a: an array of 2 dimensions in a column of 1');
  },

  // Each part is a stream of its own, with the same schema: what the first part's values decided holds for all.
  async parts() {
    const lists = "SELECT i, CASE WHEN i = 7 THEN '{{1,2},{3,4}}'::int[] WHEN i % 5 = 0 THEN '{}' END AS a FROM generate_series(1, 2500) i";
    same(weir(lists, file('parts'), '--format', 'arrow', '--partition-rows', '1000').code, 0);
    for (const [part, rows] of [[0, 1000], [1, 1000], [2, 500]]) {
      const table = read(file(`parts/part-0000${part}.arrows`));
      same([table.numRows, String(table.schema.fields[1].type)], [rows, 'List<List<Int32>>']);
      same(column(table, 0).every((v, i) => v === part * 1000 + i + 1), true, 'each number');
    }
  },

  async standard_output() {
    const done = weir('SELECT i FROM generate_series(1, 10) AS i', '-', '--format', 'arrow');
    same(done.code, 0);
    same(column(tableFromIPC(done.out), 0), Array.from({ length: 10 }, (_, i) => i + 1));
  },
} : {
  async every_type() {
    sql(`CREATE TABLE t (i INTEGER PRIMARY KEY, b BOOLEAN, r REAL, d DECIMAL(10,2), t TEXT, x BLOB, day DATE, none);
      INSERT INTO t VALUES (1, 1, 0.1, 12.5, 'ä', x'00ff', '1970-01-02', 5), (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, 0, 2.0, -7, '', x'', '1970-01-01', 6)`);
    const table = read(exported('SELECT *, i + 1 AS n, NULL AS never FROM t ORDER BY i', 'lite.arrows'));
    same(column(table, 0), ['1', '2', '3']);
    same(column(table, 1), [true, null, false]);
    same(column(table, 2), [0.1, null, 2]);
    same([kind(table.schema.fields[3]), column(table, 3)], ['Decimal[10e+2]', [[1250, 0, 0, 0], null, [4294966596, 4294967295, 4294967295, 4294967295]]]);
    same(column(table, 4), ['ä', null, '']);
    same(column(table, 5), ['00ff', null, '']);
    same(column(table, 6), [86400000, null, 0]);
    same(column(table, 7), ['5', null, '6']);
    same(column(table, 8), ['2', '3', '4']);
    same(column(table, 9), [null, null, null]);
  },
};

runTests({
  ...mine,

  // Batches by bytes and by rows; NULLs in the later ones alone; wide rows.
  async many_batches() {
    const series = postgresql ? 'generate_series(1, 150000) AS g(i)' : '(WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < 150000) SELECT i FROM g) AS g';
    const table = read(exported(`SELECT i, CASE WHEN i < 100000 THEN 'text ' || i END AS t FROM ${series} ORDER BY i`, 'many.arrows'));
    same(table.numRows, 150000);
    same(table.batches.length > 2, true, 'several batches');
    same(column(table, 0).every((v, i) => Number(v) === i + 1), true, 'each number once');
    same(column(table, 1).every((v, i) => v === (i + 1 < 100000 ? `text ${i + 1}` : null)), true, 'each text');
    const wide = postgresql ? "repeat('x', 3000000)" : "printf('%3000000s', 'x')";
    const rows = read(exported(`SELECT i, ${wide} AS w FROM ${series} WHERE i < 6 ORDER BY i`, 'wide.arrows'));
    same(rows.batches.length > 1, true, 'wide rows come in small batches');
    same(column(rows, 1).map((v) => v.length), [3000000, 3000000, 3000000, 3000000, 3000000]);
  },

  async empty() {
    const table = read(exported(postgresql ? 'SELECT 1 AS a, ARRAY[1] AS b WHERE false' : "SELECT 1 AS a, 'b' AS b WHERE 0", 'empty.arrows'));
    same(table.numRows, 0);
    same(table.schema.fields.map((f) => f.name), ['a', 'b']);
  },
});
