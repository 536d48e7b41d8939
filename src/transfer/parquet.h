/* The Parquet writer inside. Values are gathered column by column as the format's plain bytes; about a megabyte of a column becomes a
 * page: encoded, compressed and kept until the row group is written, since a group's columns lie one behind the other in the file. */
#ifndef WEIR_TRANSFER_PARQUET_H
#define WEIR_TRANSFER_PARQUET_H
#include <weir/value.h>
#include "base/values.h"
#include "transfer/format.h"
#include "transfer/kept.h"
#include "transfer/parquet_encode.h"
#include "transfer/parquet_thrift.h"

enum {
    WEIR_PARQUET_PAGE = 1024 * 1024,            /* plain bytes of a page, about */
    WEIR_PARQUET_GROUP_ROWS = 1024 * 1024,      /* most rows of a row group */
    WEIR_PARQUET_GROUP_BYTES = 16 * 1024 * 1024,/* most memory of a row group, by default */
    WEIR_PARQUET_DICTIONARY = 1024 * 1024,      /* plain bytes of a dictionary; a larger one is given up */
    WEIR_PARQUET_BOUND = 64,                    /* bytes of a least or greatest value in the statistics */
    WEIR_PARQUET_KEPT = 4 * 1024 * 1024,        /* footer data in memory; the rest goes to a temporary file */
    WEIR_PARQUET_FOOTER = 64 * 1024 * 1024,     /* of one file: then it is full. Common readers take 100 MB */
    WEIR_PARQUET_GROUPS = 32767,                /* row groups of one file: some readers count them in 16 bits */
    WEIR_PARQUET_PRECISION = 38,                /* of a decimal, at most: 16 bytes */
    WEIR_PARQUET_DEPTH = 6                      /* dimensions of an array, as PostgreSQL has them */
};

/* ---- types: as numbered by the format ----------------------------------------------------------------------------------- */
typedef enum weir_parquet_physical {
    WEIR_PHYSICAL_BOOLEAN = 0, WEIR_PHYSICAL_INT32 = 1, WEIR_PHYSICAL_INT64 = 2, WEIR_PHYSICAL_FLOAT = 4, WEIR_PHYSICAL_DOUBLE = 5,
    WEIR_PHYSICAL_BYTES = 6, WEIR_PHYSICAL_FIXED = 7
} weir_parquet_physical;

typedef enum weir_parquet_encoding {
    WEIR_ENCODING_PLAIN = 0, WEIR_ENCODING_RLE = 3, WEIR_ENCODING_DELTA = 5, WEIR_ENCODING_DICTIONARY = 8
} weir_parquet_encoding;

typedef enum weir_parquet_codec { WEIR_CODEC_NONE = 0, WEIR_CODEC_SNAPPY = 1, WEIR_CODEC_ZSTD = 6 } weir_parquet_codec;

/* What the values of a column are: one row of the table in parquet_schema.c. */
typedef enum weir_parquet_leaf {
    WEIR_LEAF_UNKNOWN = 0,                      /* until the first value that is not NULL says it (SQLite's expressions) */
    WEIR_LEAF_BOOL, WEIR_LEAF_INT16, WEIR_LEAF_INT32, WEIR_LEAF_INT64, WEIR_LEAF_FLOAT, WEIR_LEAF_DOUBLE, WEIR_LEAF_DECIMAL,
    WEIR_LEAF_STRING, WEIR_LEAF_JSON, WEIR_LEAF_BLOB, WEIR_LEAF_DATE, WEIR_LEAF_TIME, WEIR_LEAF_TIMESTAMP, WEIR_LEAF_TIMESTAMPTZ,
    WEIR_LEAF_UUID,
    WEIR_LEAVES_
} weir_parquet_leaf;

typedef struct weir_parquet_type {
    weir_parquet_leaf     leaf;
    weir_parquet_physical physical;
    uint32_t              width;                /* bytes of a plain value; 0: four bytes of length and then so many */
    int32_t               precision, scale;     /* of a decimal */
} weir_parquet_type;

/* ---- pages --------------------------------------------------------------------------------------------------------------- */
/* The least or the greatest value, or, where it is too long, a shorter one below or above it. */
typedef struct weir_parquet_bound {
    uint8_t length;
    bool    exact;
    char    bytes[WEIR_PARQUET_BOUND];
} weir_parquet_bound;

typedef struct weir_parquet_bounds {
    bool    valid;                              /* there are values, and both are told */
    bool    beyond;                             /* they say too little: the greatest is too long, and nothing short is greater; NaN */
    weir_parquet_bound least, greatest;
    int64_t nulls, not_numbers;
} weir_parquet_bounds;

typedef struct weir_parquet_page weir_parquet_page;
struct weir_parquet_page {
    weir_parquet_page    *next;
    weir_parquet_encoding encoding;
    int64_t               first_row;            /* in the row group */
    int64_t               entries;              /* values, NULLs among them */
    int64_t               uncompressed;         /* bytes, the header's too */
    weir_parquet_bounds   bounds;
    size_t                length;
    char                  bytes[];              /* the header and the compressed page */
};

/* Distinct values of a column chunk, and a number for each. */
typedef struct weir_parquet_dictionary {
    bool        dropped;                        /* given up in this chunk */
    bool        used;                           /* some page has numbers of it */
    uint32_t    count;
    weir_buffer plain;                          /* the values, as the dictionary's page has them */
    weir_buffer places;                         /* of values of any length: where each begins in plain */
    weir_buffer marks;                          /* of each value: the page in which it was seen last */
    uint32_t   *slots;                          /* open addressing: number + 1, or 0 */
    size_t      mask;
} weir_parquet_dictionary;

/* ---- columns -------------------------------------------------------------------------------------------------------------- */
typedef struct weir_parquet_column {
    weir_text         name;
    weir_parquet_type type;
    weir_type         from;                     /* what the values are that can be taken as they are */
    bool              database_json;            /* JSON that a database vouches for */
    bool              list;
    int               depth;                    /* of lists in lists; 0: no list, or not known yet */
    /* the page under way */
    weir_buffer       values;                   /* plain */
    weir_buffer       definitions;              /* levels; of a column that is no list only from the first NULL of the page on */
    weir_buffer       repetitions;              /* of lists */
    int64_t           entries, nulls;           /* values, NULLs among them; of them NULLs, empty lists and the like */
    int64_t           count;                    /* values that are there: entries less nulls */
    int64_t           first_row;
    /* the chunk under way */
    weir_parquet_page *pages, **last_page;
    uint32_t           page_count;
    size_t             page_bytes;              /* of memory */
    bool               decided;                 /* how numbers are encoded when not by the dictionary: `deltas` */
    bool               deltas;
    weir_parquet_dictionary dictionary;
} weir_parquet_column;

typedef int (*weir_snappy_compress)(const char *raw, size_t length, char *packed, size_t *packed_length);     /* 0: done */
typedef size_t (*weir_snappy_bound)(size_t length);
typedef struct weir_parquet {
    weir_sheet          *sheet;
    weir_parquet_column *columns;
    size_t               column_count;
    weir_parquet_codec   codec;
    bool                 dictionaries;
    int32_t              precision, scale;      /* of numerics whose own is not known; 0: strings */
    size_t               group_bytes;
    weir_buffer          pairs;                 /* key/value metadata, encoded */
    size_t               pair_count;
    int64_t              group_rows;            /* of the row group under way */
    int64_t              offset;                /* bytes written to this file */
    size_t               block_rows;            /* rows to be taken before memory is looked at again */
    size_t               taken;                 /* of them */
    size_t               wide_bytes;            /* in them, of columns that have values of any length: wide[0], … */
    size_t              *wide, wide_count;
    size_t               plain_before;          /* values that waited for their page at the last look */
    /* of the file under way */
    int64_t              file_rows, total_uncompressed;     /* of the file; of the row group being written */
    int32_t              groups;
    weir_kept            metadata, indexes, locations;      /* of column chunks, of their pages' values, of their pages' places */
    char                *directory;             /* for temporary files */
    /* shared by all columns */
    weir_buffer          raw, trial, packed, numbers, header;
    void                *zstd_memory, *zstd;    /* its context, in memory of the ledger */
    void                *snappy;                /* the library, if it was loaded */
    weir_snappy_compress snappy_compress;
    weir_snappy_bound    snappy_bound;
    weir_crc_table       crc;
} weir_parquet;

/* ---- parquet_schema.c: columns and their types ------------------------------------------------------------------------------ */
int weir_parquet_make_columns(weir_parquet *parquet);
/* The type for a column of which nothing is known but this value's type. */
void weir_parquet_decide(weir_parquet *parquet, weir_parquet_column *column, weir_type type);
/* The end of a file: what no value decided is decided now, so that the next file is like this one. */
void weir_parquet_settle(weir_parquet *parquet);
/* What was decided of each column, and the way back; false: that text says something else. */
void weir_parquet_remember(const weir_parquet *parquet, weir_buffer *text);
bool weir_parquet_recall(weir_parquet *parquet, const char *text);
/* The file's schema as a list of SchemaElements, field 2 of FileMetaData. */
void weir_parquet_put_schema(const weir_parquet *parquet, weir_thrift *thrift);
void weir_parquet_put_path(const weir_parquet_column *column, weir_thrift *thrift, int id);
static inline int weir_parquet_most_definition(const weir_parquet_column *column)
{
    return column->list ? 2 * (column->depth ? column->depth : 1) + 1 : 1;
}

/* ---- parquet_values.c: values into columns ---------------------------------------------------------------------------------- */
/* `rows` values of one column: values[0], values[stride], … A status. */
int weir_parquet_put(weir_parquet *parquet, size_t column, const weir_value *const *values, size_t stride, size_t rows);

/* ---- parquet_dictionary.c ------------------------------------------------------------------------------------------------------ */
void weir_parquet_dictionary_init(weir_parquet_dictionary *dictionary, weir_ledger *ledger);
void weir_parquet_dictionary_free(weir_parquet_dictionary *dictionary);      /* and ready for the next chunk */
size_t weir_parquet_dictionary_bytes(const weir_parquet_dictionary *dictionary);
/* Numbers of the page's values into `numbers` (uint32_t), new values into the dictionary; of bytes also the bounds of those seen into
 * *bounds. False: it would grow too large, is not worth it, or there is no memory, and it has no values but those of pages before. */
bool weir_parquet_dictionary_take(weir_parquet_dictionary *dictionary, const weir_parquet_column *column, weir_buffer *numbers,
                                  weir_parquet_bounds *bounds);

/* ---- parquet_bounds.c: statistics ------------------------------------------------------------------------------------------------ */
/* Those of plain values of a fixed width. bounds->nulls is not touched. */
void weir_parquet_bounds_of(const weir_parquet_type *type, const char *values, size_t length, size_t count, weir_parquet_bounds *bounds);
/* Widens *bounds by one value, or by other bounds. */
void weir_parquet_bounds_add(const weir_parquet_type *type, weir_parquet_bounds *bounds, const char *value, size_t length);
void weir_parquet_bounds_join(const weir_parquet_type *type, weir_parquet_bounds *bounds, const weir_parquet_bounds *other);
/* Whether bounds are written for such columns at all. */
bool weir_parquet_has_bounds(const weir_parquet_type *type);
int weir_parquet_bound_compare(const weir_parquet_type *type, const weir_parquet_bound *a, const weir_parquet_bound *b);
/* Statistics of a chunk, field `id` of its metadata. distinct < 0: not known. */
void weir_parquet_put_statistics(weir_thrift *thrift, int id, const weir_parquet_type *type, const weir_parquet_bounds *bounds,
                                 int64_t distinct);

/* ---- parquet_page.c: pages and chunks ----------------------------------------------------------------------------------------- */
/* Ends the page under way of a column, if it has rows. In a task on a worker thread. */
int weir_parquet_end_page(weir_parquet *parquet, weir_parquet_column *column);
/* The dictionary's page; NULL: none is needed, or no memory (the sheet's error says so). The caller's. */
weir_parquet_page *weir_parquet_dictionary_page(weir_parquet *parquet, weir_parquet_column *column);

/* ---- parquet_codec.c ------------------------------------------------------------------------------------------------------------ */
int weir_parquet_codec_open(weir_parquet *parquet);
void weir_parquet_codec_begin(weir_parquet *parquet);       /* of a file: its bytes do not depend on what was compressed before */
void weir_parquet_codec_close(weir_parquet *parquet);
const char *weir_parquet_zstd_version(void);
/* parquet->raw, compressed: *out is raw itself or parquet->packed. texts: plain ones, or other bytes of any length. */
int weir_parquet_compress(weir_parquet *parquet, const weir_buffer *raw, bool texts, const weir_buffer **out);

/* ---- parquet_footer.c: what stands behind the row groups ----------------------------------------------------------------------- */
/* What the footer will say of a chunk that was just written at `offset`; dictionary may be NULL. */
int weir_parquet_keep_chunk(weir_parquet *parquet, const weir_parquet_column *column, int64_t offset,
                            const weir_parquet_page *dictionary);
int weir_parquet_keep_group(weir_parquet *parquet, int64_t offset);         /* all chunks of the row group were kept */
int weir_parquet_put_footer(weir_parquet *parquet);
void weir_parquet_footer_reset(weir_parquet *parquet);                          /* for the next file */
bool weir_parquet_footer_full(const weir_parquet *parquet);
void weir_parquet_write(weir_parquet *parquet, const void *bytes, size_t length);   /* to the output; counts the offset */
#endif
