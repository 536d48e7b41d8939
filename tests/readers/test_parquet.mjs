// weir export --format parquet, read back by DuckDB and by hyparquet, which share no code with each other or with weir.
import { openSync, closeSync, readdirSync, readFileSync, writeFileSync, existsSync, mkdirSync } from 'node:fs';
import { spawn, spawnSync } from 'node:child_process';
import { duck, duckTypes, exported, file, holds, hyparquet, metadata, pageIndexes, postgresql, refused, runTests, same, sizeOf, sql, url, weir } from './readers.mjs';

const series = (n) => postgresql ? `generate_series(1::bigint, ${n}) AS g(i)`
  : `(WITH RECURSIVE g(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM g WHERE i < ${n}) SELECT i FROM g) AS g`;
const int = postgresql ? 'bigint' : 'INTEGER';
const both = async (name, expected) => {
  same(await duck(`FROM '${name}'`), expected, 'DuckDB');
  same(await hyparquet(name), expected, 'hyparquet');
};
const one = async (query) => (await duck(query))[0];

// ---- types -----------------------------------------------------------------------------------------------------------------
// PostgreSQL: declared type, then per value: SQL, what DuckDB reads, what hyparquet reads (the same where it is missing).
const types = {
  boolean: ['BOOLEAN', [['true', true], ['false', false]]],
  smallint: ['SMALLINT', [['-32768', -32768], ['32767', 32767], ['0', 0]]],
  integer: ['INTEGER', [['-2147483648', -2147483648], ['2147483647', 2147483647]]],
  bigint: ['BIGINT', [['-9223372036854775808', '-9223372036854775808'], ['9223372036854775807', '9223372036854775807'], ['0', '0']]],
  real: ['FLOAT', [['0.5', 0.5], ["'-0'", -0], ['1.75e38', Math.fround(1.75e38)], ["'Infinity'", 'Infinity', Infinity], ["'NaN'", 'NaN', NaN]]],
  'double precision': ['DOUBLE', [['0.1', 0.1], ['5e-324', 5e-324], ['1.7976931348623157e308', 1.7976931348623157e308], ["'-Infinity'", '-Infinity', -Infinity], ["'NaN'", 'NaN', NaN]]],
  'numeric(4,2)': ['DECIMAL(4,2)', [['-99.99', '-99.99', -99.99], ['99.99', '99.99', 99.99], ['0', '0.00', 0], ['0.01', '0.01', 0.01]]],
  'numeric(9,0)': ['DECIMAL(9,0)', [['999999999', '999999999', 999999999], ['-999999999', '-999999999', -999999999]]],
  'numeric(18,4)': ['DECIMAL(18,4)', [['99999999999999.9999', '99999999999999.9999', null], ['-0.0001', '-0.0001', null]]],
  'numeric(19,2)': ['DECIMAL(19,2)', [['99999999999999999.99', '99999999999999999.99', null], ['-1', '-1.00', null], ['-99999999999999999.99', '-99999999999999999.99', null]]],
  'numeric(38,10)': ['DECIMAL(38,10)', [['1234567890123456789012345678.0123456789', '1234567890123456789012345678.0123456789', null],
    ['-9999999999999999999999999999.9999999999', '-9999999999999999999999999999.9999999999', null], ['0', '0.0000000000', null]]],
  'numeric(2,-3)': ['DECIMAL(5,0)', [['99000', '99000', 99000], ['-1000', '-1000', -1000]]],
  'numeric(2,4)': ['DECIMAL(4,4)', [['0.0099', '0.0099', 0.0099]]],
  numeric: ['VARCHAR', [['123456789012345678901234567890.123456789', '123456789012345678901234567890.123456789'], ["'NaN'", 'NaN'], ["'-Infinity'", '-Infinity'], ['-0.50', '-0.50']]],
  text: ['VARCHAR', [["''", ''], ["'plain'", 'plain'], ["'äöü €, 𝄞'", 'äöü €, 𝄞'], ["repeat('long ', 1000)", 'long '.repeat(1000)]]],
  'varchar(10)': ['VARCHAR', [["'abc'", 'abc']]],
  bytea: ['BLOB', [["'\\x'", '', ''], ["'\\x00ff80'", '\\x00\\xFF\\x80', '00ff80']]],
  date: ['DATE', [["'1970-01-01'", '1970-01-01', '1970-01-01T00:00:00.000Z'], ["'0001-01-01'", '0001-01-01', '0001-01-01T00:00:00.000Z'],
    ["'0044-03-15 BC'", '0044-03-15 (BC)', '-000043-03-15T00:00:00.000Z'], ["'9999-12-31'", '9999-12-31', '9999-12-31T00:00:00.000Z']]],
  time: ['TIME', [["'00:00'", '00:00:00', '0'], ["'23:59:59.999999'", '23:59:59.999999', '86399999999']]],
  timestamp: ['TIMESTAMP', [["'2024-05-01 12:30:00.25'", '2024-05-01 12:30:00.25', '2024-05-01T12:30:00.250Z'],
    ["'1969-12-31 23:59:59.5'", '1969-12-31 23:59:59.5', '1969-12-31T23:59:59.500Z'],
    ["'0044-03-15 12:00 BC'", '0044-03-15 (BC) 12:00:00', '-000043-03-15T12:00:00.000Z']]],
  timestamptz: ['TIMESTAMP WITH TIME ZONE', [["'2024-05-01 12:30:00.25+02'", '2024-05-01 10:30:00.25+00', '2024-05-01T10:30:00.250Z']]],
  timetz: ['VARCHAR', [["'12:30:00.5+02'", '12:30:00.5+02:00']]],
  interval: ['VARCHAR', [["'1 year 2 mons 3 days 04:05:06.5'", 'P1Y2M3DT4H5M6.5S'], ["'0'", 'PT0S']]],
  uuid: ['UUID', [["'01234567-89ab-cdef-0123-456789abcdef'", '01234567-89ab-cdef-0123-456789abcdef'], ["'ffffffff-ffff-ffff-ffff-ffffffffffff'", 'ffffffff-ffff-ffff-ffff-ffffffffffff']]],
  json: ['JSON', [[`'{"a": [1, null]}'`, '{"a": [1, null]}', { a: [1, null] }], ["'17'", '17', 17]]],
  jsonb: ['JSON', [[`'{"a":1}'`, '{"a": 1}', { a: 1 }]]],
  mood: ['VARCHAR', [["'glad'", 'glad'], ["'sad'", 'sad']]],
  inet: ['VARCHAR', [["'10.0.0.0/8'", '10.0.0.0/8'], ["'::1'", '::1']]],
  point: ['VARCHAR', [["'(1,2)'", '(1,2)']]],
  'integer[]': ['INTEGER[]', [["'{1,NULL,3}'", [1, null, 3]], ["'{}'", []], ["'{NULL}'", [null]]]],
  'bigint[]': ['BIGINT[]', [["'{9223372036854775807}'", ['9223372036854775807']]]],
  'text[]': ['VARCHAR[]', [[`'{"a b","",NULL}'`, ['a b', '', null]]]],
  'numeric(6,2)[]': ['DECIMAL(6,2)[]', [["'{1.5,-2.25}'", ['1.50', '-2.25'], [1.5, -2.25]]]],
  'integer[][]': ['INTEGER[][]', [["'{{1,2},{3,NULL}}'", [[1, 2], [3, null]]], ["'{}'", []], ["'{{7}}'", [[7]]]]],
  'text[][][]': ['VARCHAR[][][]', [["'{{{a,b},{c,d}},{{e,f},{g,NULL}}}'", [[['a', 'b'], ['c', 'd']], [['e', 'f'], ['g', null]]]]]],
  'date[]': ['DATE[]', [["'{2024-05-01}'", ['2024-05-01'], ['2024-05-01T00:00:00.000Z']]]],
};

const postgresqlOnly = postgresql ? {
  // Each type with NULLs before, between and behind its values, and a column of NULLs only.
  async every_type() {
    sql("CREATE TYPE mood AS ENUM ('sad', 'glad')");
    for (const [type, [duckType, values]] of Object.entries(types)) {
      const written = [['NULL', null, null], ...values.flatMap((v) => [v, ['NULL', null, null]])];
      const rows = written.map(([text], i) => `(${i}, (${text})::${type})`);
      const name = exported(`SELECT v FROM (VALUES ${rows.join(', ')}) AS t(i, v) ORDER BY i`, 'type.parquet');
      same(await duckTypes(name), [duckType], type);
      same((await duck(`FROM '${name}'`)).map((row) => row[0]), written.map((v) => v[1]), `${type} by DuckDB`);
      const seen = (await hyparquet(name)).map((row) => row[0]);
      written.forEach((v, i) => {
        const expected = v.length > 2 ? v[2] : v[1];
        if (type.startsWith('numeric(') && typeof expected === 'number')       // it computes them in doubles
          same(Math.abs(seen[i] - expected) < 1e-9, true, `${type} by hyparquet, value ${i}, ${seen[i]}`);
        else if (v[0] === 'NULL' || expected !== null) same(seen[i], expected, `${type} by hyparquet, value ${i}`);
      });
      same(await duckTypes(exported(`SELECT NULL::${type} AS v FROM generate_series(1, 3)`, 'nulls.parquet')),
        [duckType.replace(/(\[\])+$/, '[]')], `${type} of NULLs`);
    }
  },

  // Each row in a row group of its own: comparisons find the same rows by statistics as in a table that DuckDB made of the file.
  async statistics_of_every_type() {
    for (const [type, [duckType, values]] of Object.entries(types)) {
      if (duckType.endsWith(']') || duckType === 'JSON') continue;
      const written = ['NULL', ...values.map((v) => v[0])];
      const name = exported(`SELECT v FROM (VALUES ${written.map((v, i) => `(${i}, (${v})::${type})`).join(', ')}) AS t(i, v) ORDER BY i`, 'each.parquet', '--row-group-bytes', '1');
      same((await metadata(name)).row_groups.length, written.length, type);
      await duck(`CREATE OR REPLACE TEMP TABLE each AS FROM '${name}'`);
      for (const [, seen] of values)
        for (const operator of ['=', '<', '>', '<=', '>=', '<>']) {
          const where = `v ${operator} '${String(seen).replaceAll("'", "''")}'::${duckType}`;
          same(await duck(`SELECT v::VARCHAR FROM '${name}' WHERE ${where} ORDER BY 1`), await duck(`SELECT v::VARCHAR FROM each WHERE ${where} ORDER BY 1`), `${type}: ${where.slice(0, 80)}`);
        }
    }
  },

  async what_no_column_holds_is_refused() {
    for (const [value, reason] of [
      ["'infinity'::timestamp", 'no infinity'], ["'-infinity'::timestamptz", 'no infinity'], ["'infinity'::date", 'no infinity'],
      ["'24:00'::time", 'before 24:00:00'], ["'NaN'::numeric(4,2)", 'no finite decimal'], ["'{infinity}'::date[]", 'no infinity'],
    ]) {
      const done = weir(`SELECT 1 AS n, (CASE WHEN i = 3 THEN ${value} END)::${value.split('::')[1]} AS bad FROM ${series(5)} ORDER BY i`, file('bad.parquet'));
      refused(done, 'row 3, column bad: ');
      holds(done.err, reason);
      same(existsSync(file('bad.parquet')), false, 'no file is left');
    }
    refused(weir("SELECT CASE i WHEN 2 THEN '{{1}}'::int[] ELSE '{1}' END AS a FROM generate_series(1, 2) i", file('bad.parquet')), 'row 2, column a: an array of 2 dimensions in a column of 1');
  },

  async numerics_by_option() {
    const name = exported("SELECT v FROM (VALUES (1, 1.5), (2, NULL), (3, -12345678901234.25)) AS t(i, v) ORDER BY i", 'd.parquet', '--decimal', '18,2');
    same(await duckTypes(name), ['DECIMAL(18,2)']);
    same(await duck(`FROM '${name}'`), [['1.50'], [null], ['-12345678901234.25']]);
    refused(weir('SELECT 1.5 AS v UNION ALL SELECT 1.234', file('x.parquet'), '--decimal', '18,2'), 'row 2, column v: the value has more digits behind the point');
    refused(weir('SELECT 1.500 AS v', file('x.parquet'), '--decimal', '3,3'), 'more digits than the column');
    refused(weir('SELECT 1', file('x.parquet'), '--decimal', '39,0'), 'no precision and scale', 2);
    same(await duckTypes(exported('SELECT 1.500 AS v', 'e.parquet', '--decimal', '4,1')), ['DECIMAL(4,1)'], 'zeros behind the point are none');
  },

  // Lists of all lengths over several pages and row groups: levels at every border.
  async lists() {
    const list = 'CASE i % 7 WHEN 0 THEN NULL WHEN 1 THEN ARRAY[]::bigint[] ELSE ARRAY(SELECT CASE WHEN (i + j) % 5 = 0 THEN NULL ELSE i * 10 + j END FROM generate_series(1, i % 7) j) END';
    const name = exported(`SELECT i, ${list} AS l FROM generate_series(1, 60000) i ORDER BY i`, 'lists.parquet', '--row-group-bytes', '50000', '--compression', 'none');
    const expected = (i) => i % 7 === 0 ? null : i % 7 === 1 ? [] : Array.from({ length: i % 7 }, (_, j) => (i + j + 1) % 5 === 0 ? null : String(i * 10 + j + 1));
    const rows = Array.from({ length: 60000 }, (_, k) => [k + 1, expected(k + 1)]);
    same(await duck(`SELECT * FROM '${name}'`), rows, 'DuckDB');
    same(await hyparquet(name), rows, 'hyparquet');
    if ((await metadata(name)).row_groups.length < 3) holds('one row group', 'several');
    same(await duck(`SELECT count(*), sum(list_sum(l)) FROM '${name}' WHERE i > 30000 AND l IS NOT NULL`),
      await duck(`SELECT count(*), sum(list_sum(l)) FROM (FROM '${name}') WHERE i + 0 > 30000 AND l IS NOT NULL`));
    const h = (i) => (i * 7919 + Math.floor(i / 13) * 104729) % 1000003 % 40;
    const uneven = exported(`SELECT i, CASE WHEN h < 8 THEN NULL WHEN h < 16 THEN '{}' ELSE ARRAY(SELECT CASE WHEN (i / 40) % 3 = 0 THEN NULL ELSE j END FROM generate_series(1, h) j) END AS l
      FROM (SELECT i, ((i * 7919 + i / 13 * 104729) % 1000003 % 40)::int AS h FROM ${series(8000)}) AS x ORDER BY i`, 'uneven.parquet');
    await both(uneven, Array.from({ length: 8000 }, (_, k) => k + 1).map((i) => [String(i), h(i) < 8 ? null : h(i) < 16 ? [] : Array.from({ length: h(i) }, (_, j) => Math.floor(i / 40) % 3 === 0 ? null : j + 1)]));
    const deep = exported(`SELECT i, CASE WHEN i % 4 = 0 THEN NULL WHEN i % 4 = 1 THEN '{}' ELSE ARRAY[[i, NULL], [i + 1, i + 2]] END AS l FROM generate_series(1, 5000) i ORDER BY i`, 'deep.parquet', '--row-group-bytes', '20000');
    const deepRows = Array.from({ length: 5000 }, (_, k) => [k + 1, (k + 1) % 4 === 0 ? null : (k + 1) % 4 === 1 ? [] : [[k + 1, null], [k + 2, k + 3]]]);
    await both(deep, deepRows);
  },

  // Where NaN is, no bounds are told: the format leaves it out of them, and DuckDB, to which it is the greatest number, would skip it.
  async not_a_number_in_statistics() {
    const name = exported(`SELECT i::int AS i, CASE WHEN i % 5000 = 7 THEN 'NaN' WHEN i > 30000 THEN 'Infinity' ELSE i::float8 END AS d, CASE WHEN i < 4000 THEN 'NaN'::float8 END AS n,
      CASE WHEN i % 2 = 0 THEN '-0' ELSE '0'::float4 END AS z FROM ${series(40000)} ORDER BY i`, 'nan.parquet', '--row-group-bytes', '100000', '--no-dictionary');
    const groups = (await metadata(name)).row_groups, stats = groups.map((g) => g.columns.map((c) => c.meta_data.statistics));
    same(groups.length > 3, true, 'several row groups');
    const nan = groups.map((g, k) => (k ? groups.slice(0, k).reduce((n, h) => n + Number(h.num_rows), 0) : 0)).map((from, k) => Array.from({ length: Number(groups[k].num_rows) }, (_, i) => from + i + 1).some((i) => i % 5000 === 7));
    same(nan.includes(true) && nan.includes(false), true, 'row groups with and without');
    same(stats.map((s) => s[1].min_value === undefined && s[1].max_value === undefined), nan);
    same([stats[0][2].min_value, stats[0][2].max_value, Number(stats[0][2].null_count)], [undefined, undefined, 0]);
    same((await pageIndexes(name)).map((g) => g[1].bounds === null), nan);
    same(stats.map((s) => [Object.is(s[3].min_value, -0), Object.is(s[3].max_value, 0)]), stats.map(() => [true, true]), 'zeros');
    for (const where of ['d > 1e300', "d = 'NaN'", 'd < 2', 'd = 7', 'd <> 3', 'n > 0', 'n < 1', "n = 'NaN'", 'n IS NULL', 'z = 0', 'z < 0', 'z >= 0', 'isnan(d)', "d > 'Infinity'", 'd BETWEEN 9000 AND 9010']) {
      const unseen = where.replace(/\b([dnz])\b(?! IS)/, '($1 + 0)');
      same(await duck(`SELECT count(*), sum(i)::BIGINT FROM '${name}' WHERE ${where}`), await duck(`SELECT count(*), sum(i)::BIGINT FROM '${name}' WHERE ${unseen}`), where);
    }
  },

  // The ends of what the types hold, and what lies beyond them.
  async the_ends_of_time() {
    const name = exported(`SELECT '294247-01-10 04:00:54.775806'::timestamp AS late, '4714-11-24 BC'::timestamp AS early, '294247-01-10 04:00:54.775806+00'::timestamptz AS z, '5874897-12-31'::date AS day,
      '4714-11-24 BC'::date AS first, '00:00'::time AS midnight`, 'ends.parquet');
    same(await one(`SELECT epoch_us(late)::VARCHAR, epoch_us(early)::VARCHAR, epoch_us(z)::VARCHAR, day::VARCHAR, first::VARCHAR, midnight::VARCHAR FROM '${name}'`),
      ['9223372036854775806', '-210866803200000000', '9223372036854775806', '5874897-12-31', '4714-11-24 (BC)', '00:00:00']);
    for (const value of ["'294276-12-31 23:59:59'::timestamp", "'294276-12-31 23:59:59+00'::timestamptz", "ARRAY['294276-12-31'::timestamp]"])
      for (const format of ['parquet', 'arrows']) refused(weir(`SELECT i, CASE WHEN i = 2 THEN ${value} END AS t FROM ${series(3)} ORDER BY i`, file(`x.${format}`)), 'past what');
    const intervals = exported("SELECT v FROM (VALUES (1, '-178000000 years'::interval), (2, '178000000 years 11 mons 31 days 23:59:59.999999'), (3, '-1 mon +2 days -00:00:00.000001')) AS t(i, v) ORDER BY i", 'intervals.parquet');
    same((await duck(`FROM '${intervals}'`)).map((r) => r[0]), ['P-178000000Y', 'P178000000Y11M31DT23H59M59.999999S', 'P-1M2DT-0.000001S']);
  },

  // What is wider than any decimal is text with all its digits.
  async wide_numerics() {
    const digits = '9'.repeat(60), name = exported(`SELECT '${digits}.${digits}'::numeric AS n, '${digits}'::numeric(60,0) AS wide, '0.${'0'.repeat(45)}1'::numeric(50,46) AS small, '9e99'::numeric(39,-70) AS large, ${'9'.repeat(38)}::numeric(38,0) AS most`, 'wide-numerics.parquet');
    same(await duckTypes(name), ['VARCHAR', 'VARCHAR', 'VARCHAR', 'VARCHAR', 'DECIMAL(38,0)']);
    same(await one(`FROM '${name}'`), [`${digits}.${digits}`, digits, `0.${'0'.repeat(45)}1`, '9' + '0'.repeat(99), '9'.repeat(38)]);
    same((await hyparquet(name))[0].slice(0, 3), [`${digits}.${digits}`, digits, `0.${'0'.repeat(45)}1`]);
  },

  async names() {
    const name = exported('SELECT 1 AS a, 2 AS a, 3 AS "a_1", 4 AS "x.y ""z""", 5 AS "ß"', 'names.parquet');
    same((await duck(`SELECT column_name FROM (DESCRIBE FROM '${name}')`)).map((r) => r[0]), ['a', 'a_2', 'a_1', 'x.y "z"', 'ß']);
    await both(name, [[1, 2, 3, 4, 5]]);
    refused(weir('SELECT FROM generate_series(1, 3)', file('none.parquet')), 'without columns cannot be written');
  },
} : {
  // SQLite's values have types of their own; columns those of their declaration.
  async every_type() {
    sql(`CREATE TABLE t (i INTEGER PRIMARY KEY, b BOOLEAN, n INTEGER, r REAL, d DECIMAL(10,2), u NUMERIC, t TEXT, x BLOB, day DATE, at TIMESTAMP, j JSON, id UUID, none);
      INSERT INTO t VALUES (1, 1, 9223372036854775807, 0.1, 12.5, 1.5, 'ä', x'00ff', '2024-05-01', '2024-05-01 12:30:00.25', '{"a":1}', '01234567-89ab-cdef-0123-456789abcdef', 5),
        (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
        (3, 0, -5, 2.0, -7, 12345678901234567, '', x'', '0001-01-01', '1969-12-31T23:59:59', '[]', 'ffffffff-ffff-ffff-ffff-ffffffffffff', 6)`);
    const name = exported('SELECT * FROM t ORDER BY i', 'lite.parquet');
    same(await duckTypes(name), ['BIGINT', 'BOOLEAN', 'BIGINT', 'DOUBLE', 'DECIMAL(10,2)', 'VARCHAR', 'VARCHAR', 'BLOB', 'DATE', 'TIMESTAMP', 'JSON', 'UUID', 'BIGINT']);
    same(await duck(`FROM '${name}'`), [
      ['1', true, '9223372036854775807', 0.1, '12.50', '1.5', 'ä', '\\x00\\xFF', '2024-05-01', '2024-05-01 12:30:00.25', '{"a":1}', '01234567-89ab-cdef-0123-456789abcdef', '5'],
      ['2', null, null, null, null, null, null, null, null, null, null, null, null],
      ['3', false, '-5', 2, '-7.00', '12345678901234567', '', '', '0001-01-01', '1969-12-31 23:59:59', '[]', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '6'],
    ]);
    for (const [column, value, reason] of [['n', "'many'", 'row 4, column n'], ['b', '7', 'row 4, column b'], ['day', "'soon'", 'row 4, column day'], ['d', '1.234', 'more digits behind the point'],
      ['j', "'{'", 'the text is no JSON'], ['r', "'x'", 'row 4, column r'], ['t', "x'00'", 'a blob in a column of texts']]) {
      sql(`DELETE FROM t WHERE i = 4; INSERT INTO t (i, ${column}) VALUES (4, ${value})`);
      refused(weir('SELECT * FROM t ORDER BY i', file('bad.parquet')), reason);
    }
    sql('DELETE FROM t WHERE i = 4');
  },

  // SQLite takes any name, the empty one, too.
  async names() {
    const name = exported(`SELECT 1 AS "", 2 AS "", 3 AS "_1", 4 AS "A", 5 AS "a"`, 'names.parquet');
    same((await metadata(name)).schema.slice(1).map((e) => e.name), ['', '_2', '_1', 'A', 'a']);
    await both(name, [['1', '2', '3', '4', '5']]);
  },

  // An expression has no declared type: its first value that is not NULL decides, however late it comes.
  async types_of_expressions() {
    const name = exported(`SELECT CASE WHEN i > 40000 THEN i END AS late, CASE WHEN i > 40000 THEN i || 'x' END AS text, NULL AS never FROM ${series(40010)} ORDER BY i`, 'late.parquet', '--row-group-bytes', '20000');
    same(await duckTypes(name), ['BIGINT', 'VARCHAR', 'VARCHAR']);
    same(await one(`SELECT count(*), count(late), sum(late)::BIGINT, max(text), count(never) FROM '${name}'`), ['40010', '10', '400055', '40010x', '0']);
    same((await hyparquet(name)).slice(-1), [['40010', '40010x', null]]);
    refused(weir("SELECT CASE i WHEN 1 THEN 5 ELSE 'five' END AS v FROM " + series(2), file('mixed.parquet')), 'row 2, column v');
  },
};

// ---- size and shape -------------------------------------------------------------------------------------------------------------
const numbers = (n) => `SELECT i, i * 7919 % 1000003 AS spread, i % 1000 AS few, CASE WHEN i % 3 = 0 THEN NULL ELSE i % 50 END AS holes,
  'value ' || (i % 5) AS label, 'unique ' || (i * 7919 % 1000003) AS long FROM ${series(n)} ORDER BY i`;
const checkNumbers = async (name, n) => {
  const wrong = await one(`SELECT count(*), count(*) FILTER (i IS NULL OR spread <> i * 7919 % 1000003 OR few <> i % 1000 OR holes IS DISTINCT FROM (CASE WHEN i % 3 = 0 THEN NULL ELSE i % 50 END)
    OR label <> 'value ' || (i % 5) OR long <> 'unique ' || (i * 7919 % 1000003)), min(i), max(i), count(DISTINCT i) FROM '${name}'`);
  same(wrong.map(String), [n, 0, 1, n, n].map(String), 'rows, wrong, least, greatest, different');
};
const encodingsOf = (m, column) => [...new Set(m.row_groups.flatMap((g) => g.columns[column].meta_data.encodings))].sort();

const general = {
  async codecs_pages_and_row_groups() {
    for (const [codec, name] of [['zstd', 'ZSTD'], ['snappy', 'SNAPPY'], ['none', 'UNCOMPRESSED']]) {
      const to = exported(numbers(300000), 'numbers.parquet', '--compression', codec, '--row-group-bytes', codec === 'none' ? '3000000' : '600000');
      await checkNumbers(to, 300000);
      const m = await metadata(to);
      same([...new Set(m.row_groups.flatMap((g) => g.columns.map((c) => c.meta_data.codec)))], [name]);
      if (codec === 'zstd') {
        same(encodingsOf(m, 0).includes('DELTA_BINARY_PACKED'), true, 'ascending numbers are deltas');
        same(encodingsOf(m, 4).includes('RLE_DICTIONARY'), true, 'labels are a dictionary');
        same(encodingsOf(m, 5).includes('RLE_DICTIONARY'), false, 'different texts are not');
      }
      same(m.row_groups.length > 1, true, 'several row groups');
      same((await pageIndexes(to)).some((group) => group.some((column) => column.pages.length > 1)), true, 'several pages');
      const rows = await hyparquet(to);
      same(rows.length, 300000);
      for (const i of [1, 2, 3, 131071, 131072, 131073, 299999, 300000])
        same(rows[i - 1].map(String), [i, i * 7919 % 1000003, i % 1000, i % 3 === 0 ? null : i % 50, `value ${i % 5}`, `unique ${i * 7919 % 1000003}`].map(String), `row ${i}`);
    }
  },

  // NULLs and values in runs of all lengths, so that packed groups and runs follow each other in every way.
  async nulls_anywhere() {
    const hash = '(i * 7919 + i / 13 * 104729) % 1000003';
    const column = (share) => `CASE WHEN ${hash} % 100 < ${share} THEN NULL ELSE i END`, shares = [1, 5, 20, 50, 80, 95, 99];
    const label = `CASE WHEN ${hash} % 10 < 3 THEN NULL WHEN ${hash} % 100 < 60 THEN 'a' ELSE 'b' || (i % 300) END`;
    const name = exported(`SELECT i, ${shares.map((s) => `${column(s)} AS n${s}`).join(', ')}, ${label} AS label FROM ${series(60000)} ORDER BY i`, 'holes.parquet');
    const h = (i) => (i * 7919 + Math.floor(i / 13) * 104729) % 1000003;
    const expected = Array.from({ length: 60000 }, (_, k) => k + 1).map((i) => [String(i), ...shares.map((s) => h(i) % 100 < s ? null : String(i)),
      h(i) % 10 < 3 ? null : h(i) % 100 < 60 ? 'a' : `b${i % 300}`]);
    await both(name, expected);
  },

  // A dictionary that grows too large in the middle of a chunk: pages by its numbers, then plain ones.
  async a_dictionary_that_is_given_up() {
    const query = `SELECT CASE WHEN i <= 150000 THEN 'same text for a while ' || (i % 100) ELSE 'and then each its own, number ' || i END AS t FROM ${series(250000)} ORDER BY i`;
    const name = exported(query, 'fallback.parquet');
    const m = await metadata(name);
    same(m.row_groups.length, 1);
    same(encodingsOf(m, 0), ['PLAIN', 'RLE', 'RLE_DICTIONARY']);
    same((await one(`SELECT count(*), count(DISTINCT t), min(t), max(t) FROM '${name}'`)).map(String), ['250000', '100100', 'and then each its own, number 150001', 'same text for a while 99']);
    same((await hyparquet(name))[199999], ['and then each its own, number 200000']);
    const off = exported(query, 'plain.parquet', '--no-dictionary');
    same(encodingsOf(await metadata(off), 0), ['PLAIN', 'RLE']);
    same(await duck(`SELECT count(*) FROM (SELECT t FROM '${name}' EXCEPT ALL SELECT t FROM '${off}')`), [['0']]);
  },

  async wide() {
    const columns = Array.from({ length: 200 }, (_, c) => c % 3 === 2 ? `'text ' || (i % 7) AS c${c}` : `i * ${c + 1} AS c${c}`);
    const name = exported(`SELECT ${columns.join(', ')} FROM ${series(3000)} ORDER BY i`, 'wide.parquet', '--row-group-bytes', '1000000');
    const sums = columns.map((_, c) => c % 3 === 2 ? `count(*) FILTER (c${c} = 'text ' || (c0 % 7))` : `sum(c${c})::BIGINT`);
    same((await one(`SELECT ${sums.join(', ')} FROM '${name}'`)).map(String), columns.map((_, c) => String(c % 3 === 2 ? 3000 : 3000 * 3001 / 2 * (c + 1))));
    same((await hyparquet(name, { rowStart: 2999 })).length, 1);
  },

  async empty() {
    const name = exported(`SELECT i AS n, 'x' AS t FROM ${series(3)} WHERE i > 5`, 'empty.parquet');
    same(await duck(`FROM '${name}'`), []);
    same(await hyparquet(name), []);
    const m = await metadata(name);
    same([m.num_rows, m.row_groups.length, m.schema.length], [0n, 0, 3]);
    if (postgresql) same(await duckTypes(name), ['BIGINT', 'VARCHAR']);
  },

  // Rows as people have them: names, sentences, prices, times with and without an order, random numbers and codes. By DuckDB from the same
  // rows, with the same codec, the file is not smaller by more than a tenth.
  async size_beside_duckdb() {
    let state = 12345;
    const random = (n) => {            // mulberry32
      let t = state = state + 0x6D2B79F5 | 0;
      t = Math.imul(t ^ t >>> 15, t | 1);
      t ^= t + Math.imul(t ^ t >>> 7, t | 61);
      return Math.floor(((t ^ t >>> 14) >>> 0) / 4294967296 * n);
    };
    const letters = 'etaoinshrdlucmfwypvbgkjqxz', pick = (list) => list[random(list.length)];
    const words = Array.from({ length: 4000 }, () => Array.from({ length: 2 + random(8) }, () => letters[Math.floor(random(100) * random(100) * 26 / 10000)]).join(''));
    const at = (s) => new Date(1704067200000 + s * 1000).toISOString().slice(0, 19).replace('T', ' ');
    const quoted = (v) => v === null ? 'NULL' : `'${v}'`;
    const rows = Array.from({ length: 40000 }, (_, i) => [i, quoted(`${pick(words)} ${pick(words)}`), quoted(random(5) ? Array.from({ length: random(25) }, () => pick(words)).join(' ') : null),
      (random(300) * random(300) / 7).toFixed(2), random(1e9) / 1e9, quoted(at(i * 37 + random(37))), quoted(random(2) ? at(random(1e8)) : null), quoted(at(random(1e8)).slice(0, 10)),
      random(2147483647), random(1000) - 500, quoted(`${pick('ABCDEF')}-${10000 + random(90000)}`), quoted(pick(['open', 'paid', 'sent', 'gone']))].join(','));
    sql(`CREATE TABLE people (id ${int}, name text, note text, price ${postgresql ? 'numeric(12,2)' : 'DECIMAL(12,2)'}, share double precision, created timestamp, changed timestamp, day date, big ${int}, small integer, code text, status text);
      ${Array.from({ length: 40 }, (_, k) => `INSERT INTO people VALUES (${rows.slice(k * 1000, k * 1000 + 1000).join('),(')});`).join('\n')}`);
    const ours = exported('SELECT * FROM people ORDER BY id', 'people.parquet'), theirs = file('people-duckdb.parquet');
    await duck(`COPY (FROM '${ours}') TO '${theirs}' (FORMAT parquet, COMPRESSION zstd)`);
    same(await one(`SELECT count(*), count(note), sum(price)::VARCHAR FROM '${ours}'`), await one(`SELECT count(*), count(note), sum(price)::VARCHAR FROM '${theirs}'`));
    const ratio = sizeOf(ours) / sizeOf(theirs);
    same(ratio < 1.1, true, `${sizeOf(ours)} bytes, ${ratio.toFixed(3)} of DuckDB's ${sizeOf(theirs)}`);
  },

  async exact_row_groups() {
    const name = exported(`SELECT 1 AS one FROM ${series(1048577)}`, 'groups.parquet');
    same((await metadata(name)).row_groups.map((g) => Number(g.num_rows)), [1048576, 1]);
    same((await one(`SELECT sum(one)::INT FROM '${name}'`)), [1048577]);
  },

  // ---- statistics ------------------------------------------------------------------------------------------------------------
  async statistics() {
    sql(`CREATE TABLE s (i ${int}, n ${int}, d double precision, t text);
      INSERT INTO s SELECT i, CASE WHEN i % 10 = 0 THEN NULL ELSE i - 500 END, CASE WHEN i = 7 THEN -0.0 ELSE i * 0.5 - 3.5 END, 'k' || (100000 + i) FROM ${series(20000)}`);
    const name = exported('SELECT * FROM s ORDER BY i', 'stats.parquet', '--row-group-bytes', '200000');
    const groups = (await metadata(name)).row_groups;
    let row = 0;
    for (const group of groups) {
      const from = row + 1, to = row += Number(group.num_rows), stats = group.columns.map((c) => c.meta_data.statistics);
      const present = Array.from({ length: to - from + 1 }, (_, k) => from + k).filter((i) => i % 10 !== 0);
      same([stats[0].min_value, stats[0].max_value, stats[0].null_count].map(String), [from, to, 0].map(String));
      same([stats[1].min_value, stats[1].max_value, stats[1].null_count].map(String), [present[0] - 500, present.at(-1) - 500, to - from + 1 - present.length].map(String));
      same([stats[3].min_value, stats[3].max_value], [`k${100000 + from}`, `k${100000 + to}`]);
      same([stats[3].is_min_value_exact, stats[3].is_max_value_exact], [true, true]);
    }
    same(row, 20000);
    same(groups.length > 3, true, 'several row groups');
    // Each filter with its statistics and without them (of values that are computed there are none).
    for (const where of ['i = 9999', 'i < 17', 'n = -499', 'n >= 19000', 'n IS NULL', 'd < -2', 'd = 0', "t = 'k104711'", "t > 'k119990'", "t < 'k1'", 'i BETWEEN 5000 AND 5010']) {
      const unseen = where.replace(/\b([ind])\b(?! IS)/, '($1 + 0)').replace(/\bt\b(?= )/, "(t || '')");
      same(await duck(`SELECT * FROM '${name}' WHERE ${where} ORDER BY i`), await duck(`SELECT * FROM '${name}' WHERE ${unseen} ORDER BY i`), where);
    }
    for (const group of await pageIndexes(name))
      for (const column of group) same(column.bounds.null_pages.length, column.pages.length);
  },

  async long_texts_in_statistics() {
    const long = (c) => c.repeat(100);
    const cases = [[long('b'), 'b'.repeat(64), 'b'.repeat(63) + 'c'], [long('é'), 'é'.repeat(32), 'é'.repeat(31) + 'ê'], ['zz' + long('\u{10FFFF}'), 'zz' + '\u{10FFFF}'.repeat(15), 'z{'],
      [long('\u{D7FF}'), '\u{D7FF}'.repeat(21), '\u{D7FF}'.repeat(20) + '\u{E000}']];
    for (const [text, least, greatest] of cases) {
      const name = exported(`SELECT '${text}' AS t`, 'long.parquet');
      const s = (await metadata(name)).row_groups[0].columns[0].meta_data.statistics;
      same([s.min_value, s.max_value, s.is_min_value_exact, s.is_max_value_exact], [least, greatest, false, false]);
      same(await duck(`SELECT count(*) FROM '${name}' WHERE t = '${text}'`), [['1']]);
      same(await duck(`SELECT count(*) FROM '${name}' WHERE t > '${greatest}' OR t < '${least}'`), [['0']]);
    }
    const none = exported(`SELECT '${long('\u{10FFFF}')}' AS t`, 'none.parquet');
    same((await metadata(none)).row_groups[0].columns[0].meta_data.statistics.max_value, undefined, 'nothing is greater');
    same((await pageIndexes(none))[0][0].bounds, null);
    same(await duck(`SELECT count(*) FROM '${none}'  WHERE t = '${long('\u{10FFFF}')}'`), [['1']]);
  },

  async checksums_of_pages() {
    const name = exported(numbers(150000), 'crc.parquet'), bytes = readFileSync(name);
    let checked = 0;
    for (const group of await pageIndexes(name))
      for (const column of group)
        for (const page of column.pages) {
          const at = Number(page.offset), { crc, end } = headerOf(bytes, at);
          same(crc32(bytes.subarray(end, at + page.compressed_page_size)), crc, `page at ${at}`);
          checked++;
        }
    same(checked > 6, true, 'pages were checked');
  },

  async metadata_of_the_file() {
    const name = exported('SELECT 1 AS n', 'kv.parquet', '--metadata', 'source=shop', '--metadata', 'note=a = b, ü', '--metadata', 'empty=');
    const m = await metadata(name);
    same(m.key_value_metadata, [{ key: 'source', value: 'shop' }, { key: 'note', value: 'a = b, ü' }, { key: 'empty', value: '' }]);
    holds(m.created_by, 'weir version ');
    refused(weir('SELECT 1', file('x.parquet'), '--metadata', 'nothing'), 'give KEY=VALUE', 2);
  },

  // ---- files -------------------------------------------------------------------------------------------------------------------
  async standard_output_and_pipes() {
    const done = weir(numbers(20000), '-', '--format', 'parquet');
    same(done.code, 0);
    writeFileSync(file('stdout.parquet'), done.out);
    await checkNumbers(file('stdout.parquet'), 20000);
    refused(weir(numbers(200000), '/dev/full', '--format', 'parquet'), 'the disk is full');
    const command = process.argv[3];
    const broken = spawnSync('bash', ['-c', `"$0" export "$1" --query "$2" --to - --format parquet --compression none --quiet | head -c 10 > /dev/null; exit "\${PIPESTATUS[0]}"`, command, url, numbers(300000)]);
    same(broken.status, 1);
    holds(broken.stderr.toString(), 'closed the pipe early');
  },

  async parts() {
    const directory = file('parts');
    same(weir(numbers(25000), directory, '--format', 'parquet', '--partition-rows', '10000').code, 0);
    same(readdirSync(directory).sort(), ['part-00000.parquet', 'part-00001.parquet', 'part-00002.parquet']);
    same((await Promise.all(readdirSync(directory).sort().map((n) => metadata(`${directory}/${n}`)))).map((m) => Number(m.num_rows)), [10000, 10000, 5000]);
    await checkNumbers(`${directory}/*.parquet`, 25000);
    refused(weir(numbers(5), directory, '--format', 'parquet', '--partition-rows', '10000'), 'holds parts already');
    same(weir(numbers(20000), file('even'), '--format', 'parquet', '--partition-rows', '10000').code, 0);
    same(readdirSync(file('even')).length, 2, 'no empty part at the end');
    same(weir('SELECT 1 AS n WHERE 1 = 0', file('nothing'), '--format', 'parquet', '--partition-rows', '10').code, 0);
    same(await duck(`FROM '${file('nothing')}/part-00000.parquet'`), [], 'no rows: one part with the schema');
    same(weir(numbers(250), file('csv'), '--format', 'csv', '--partition-rows', '100').code, 0);
    same((await one(`SELECT count(*), sum(i)::INT FROM read_csv('${file('csv')}/*.csv')`)).map(String), ['250', String(250 * 251 / 2)], 'parts of CSV have a header each');
    same(weir(numbers(250), file('jsonl'), '--format', 'jsonl', '--partition-rows', '100').code, 0);
    same((await one(`SELECT count(*), sum(i)::INT FROM read_json('${file('jsonl')}/*.jsonl')`)).map(String), ['250', String(250 * 251 / 2)]);
    refused(weir('SELECT 1', '-', '--format', 'parquet', '--partition-rows', '10'), 'needs a directory', 2);
    // Parts that are finished stay; the one under way does not.
    mkdirSync(file('broken'));
    const fails = postgresql ? 'SELECT 10 / (2501 - i) AS n FROM generate_series(1, 5000) i' : `SELECT i, CASE WHEN i > 2500 THEN 'x' ELSE 1 END AS n FROM ${series(5000)}`;
    same(weir(fails, file('broken'), '--format', 'parquet', '--partition-rows', '1000', '--yield-per', '100').code, 1);
    same(readdirSync(file('broken')).sort(), ['part-00000.parquet', 'part-00001.parquet']);
  },

  // A file may have 32,767 row groups: what comes then goes into another one.
  async roll_over() {
    const name = exported(`SELECT i FROM ${series(40000)} ORDER BY i`, 'rolled.parquet', '--row-group-bytes', '1', '--no-dictionary');
    const groups = [(await metadata(name)).row_groups.length, (await metadata(file('rolled-00001.parquet'))).row_groups.length];
    same([groups[0] > 30000, groups[0] <= 32767, groups[0] + groups[1]], [true, true, 40000]);
    same((await one(`SELECT count(*), sum(i)::BIGINT, count(DISTINCT i) FROM '${file('rolled*.parquet')}'`)).map(String), ['40000', '800020000', '40000']);
  },

  // Footer data of 15 MB, of which 4 MB are in memory at a time.
  async a_footer_that_does_not_stay_in_memory() {
    const columns = Array.from({ length: 1000 }, (_, c) => `i + ${c} AS a_column_with_a_rather_long_name_${c}`), name = file('footer.parquet');
    const done = weir(`SELECT ${columns.join(', ')} FROM ${series(120)} ORDER BY i`, name, '--row-group-bytes', '1', '--yield-per', '10', '--stats', 'json');
    same(done.code, 0, done.err);
    same((await metadata(name)).row_groups.length, 120);
    const footer = readFileSync(name).readUInt32LE(sizeOf(name) - 8), peak = JSON.parse(done.err).peak_ledger_bytes;
    same([footer > 12e6, peak < 9.8e6], [true, true], `a footer of ${footer} bytes, a peak of ${peak}`);
    same((await one(`SELECT count(*), sum(a_column_with_a_rather_long_name_0)::INT, sum(a_column_with_a_rather_long_name_999)::INT FROM '${name}'`)).map(String), ['120', '7260', String(7260 + 120 * 999)]);
    for (const group of await pageIndexes(name))
      same([group.length, group[999].pages.length, group[999].bounds.min_values.length], [1000, 1, 1]);
  },

  async options_are_checked() {
    refused(weir('SELECT 1', file('x.parquet'), '--compression', 'gzip'), 'there are zstd, snappy, none', 2);
    refused(weir('SELECT 1', file('x.csv'), '--compression', 'zstd'), 'options of parquet', 2);
    refused(weir('SELECT 1', file('x.parquet'), '--null', 'NULL'), 'an option of csv', 2);
    same(readdirSync(file('.')).filter((n) => n.startsWith('x.')), []);
  },

  // A value of 50 MB is a page and a row group of its own, between narrow rows; nothing is kept of its size.
  async a_huge_value() {
    const huge = postgresql ? "repeat('x', 50000000)" : "replace(printf('%50000000s', ''), ' ', 'x')";
    const done = weir(`SELECT i, CASE WHEN i = 3000 THEN ${huge} ELSE 'text ' || i END AS t FROM ${series(6000)} ORDER BY i`, file('huge.parquet'), '--yield-per', '10', '--stats', 'json');
    same(done.code, 0, done.err);
    same(await duck(`SELECT i, length(t), t = repeat('x', 50000000) FROM '${file('huge.parquet')}' WHERE length(t) > 100`), [['3000', '50000000', true]]);
    same((await one(`SELECT count(*), sum(i)::BIGINT, count(*) FILTER (t = 'text ' || i) FROM '${file('huge.parquet')}'`)).map(String), ['6000', '18003000', '5999']);
    const groups = (await metadata(file('huge.parquet'))).row_groups.map((g) => Number(g.num_rows));
    same([groups.length, groups[0] < 3300], [2, true], `row groups of ${groups}`);
    same((await hyparquet(file('huge.parquet'), { rowStart: 2999, rowEnd: 3000 }))[0][1].length, 50000000);
    const peak = JSON.parse(done.err).peak_ledger_bytes;
    same(peak < 230e6, true, `the peak is ${peak}`);
  },

  // The memory of a row group is bounded however many rows come.
  async memory_is_bounded() {
    const query = (n) => `SELECT i, 'a text that is different in each row, number ' || (i * 7919) AS t FROM ${series(n)}`;
    const peak = (n) => JSON.parse(weir(query(n), file('m.parquet'), '--row-group-bytes', '1000000', '--compression', 'none', '--stats', 'json').err).peak_ledger_bytes;
    const small = peak(300000), large = peak(900000);
    same(large < 12e6, true, `the peak is ${large}`);
    same(Math.abs(large - small) < 200e3, true, `peaks of ${small} and ${large}`);
  },

  // A hundred columns, with dictionaries of some thousand texts each that count, too.
  async memory_of_many_columns_is_bounded() {
    const columns = Array.from({ length: 100 }, (_, c) => `'a text of column ${c}, number ' || ((i * ${7919 + 2 * c}) % 3001) AS c${c}`);
    const name = file('columns.parquet');
    const done = weir(`SELECT ${columns.join(', ')} FROM ${series(6000)} ORDER BY i`, name, '--row-group-bytes', '6000000', '--yield-per', '50', '--stats', 'json');
    const peak = JSON.parse(done.err).peak_ledger_bytes;
    same(peak < 8.9e6, true, `the peak is ${peak}`);
    const budget = weir(`SELECT ${columns.join(', ')} FROM ${series(6000)} ORDER BY i`, file('budget.parquet'), '--memory', '6M', '--stats', 'json');
    const bounded = JSON.parse(budget.err).peak_ledger_bytes;     // beside the budget: compression, and footer data of many small row groups
    same(bounded < 6e6 + 3e6, true, `with a budget of 6M the peak is ${bounded}`);
    same((await one(`SELECT count(*), count(DISTINCT c0)::INT, count(DISTINCT c99)::INT FROM '${name}'`)).map(String), ['6000', '3001', '3001']);
  },
};

// The checksum of a page header, and where the header ends: compact Thrift, as far as weir writes it.
function headerOf(bytes, at) {
  let crc, id = 0, depth = 0;
  const ids = [];
  const varint = () => { let v = 0n, shift = 0n, b; do { b = bytes[at++]; v |= BigInt(b & 127) << shift; shift += 7n; } while (b & 128); return v; };
  const zigzag = () => { const v = varint(); return (v >> 1n) ^ -(v & 1n); };
  for (;;) {
    const head = bytes[at++], type = head & 15;
    if (head === 0) { if (depth-- === 0) return { crc, end: at }; id = ids.pop(); continue; }
    id = head >> 4 ? id + (head >> 4) : Number(zigzag());
    if (type === 12) { ids.push(id); id = 0; depth++; continue; }
    const value = zigzag();
    if (depth === 0 && id === 4) crc = Number(BigInt.asUintN(32, value));
  }
}
function crc32(bytes) {
  let c = 0xFFFFFFFF;
  for (const byte of bytes) { c ^= byte; for (let bit = 0; bit < 8; bit++) c = c & 1 ? c >>> 1 ^ 0xEDB88320 : c >>> 1; }
  return ~c >>> 0;
}

await runTests({ ...postgresqlOnly, ...general });
