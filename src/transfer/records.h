/* Records read from a file: fields by column, whatever the format. A format is a struct of functions in one table (records.c). */
#ifndef WEIR_TRANSFER_RECORDS_H
#define WEIR_TRANSFER_RECORDS_H
#include "base/arena.h"
#include "base/buffer.h"
#include "base/values.h"
#include "transfer/input.h"

typedef enum weir_field_kind {
    WEIR_FIELD_NULL = 0,                /* also a key that a JSON record lacks */
    WEIR_FIELD_TEXT, WEIR_FIELD_NUMBER, WEIR_FIELD_TRUE, WEIR_FIELD_FALSE,
    WEIR_FIELD_JSON                     /* an object or array of JSON, as it stands there */
} weir_field_kind;

/* raw: of JSON, the value as it stands in the record. */
typedef struct weir_field { weir_field_kind kind; const char *ptr; size_t length; weir_text raw; } weir_field;

typedef struct weir_record_format weir_record_format;
typedef struct weir_records {
    weir_ledger *ledger;
    weir_input   input;
    const weir_record_format *format;
    bool         header;                /* CSV: the first line has the columns' names */
    char         delimiter;
    const char  *null_text;             /* CSV; NULL: nothing between two delimiters */
    weir_arena   names;
    const char **columns;
    size_t       column_count;
    weir_field  *fields;                /* of the record that was read; column_count of them */
    weir_text    raw;                   /* the record as it stands in the file */
    int64_t      line;                  /* where it begins */
    weir_buffer  scratch;               /* what fields point to when they are not the record's bytes */
    char         reason[WEIR_REASON_SIZE];      /* why a record is none */
} weir_records;

struct weir_record_format {
    const char *name;
    const char *suffixes[4];            /* NULL-terminated */
    bool        quotes;                 /* see weir_input */
    /* Whether a line without anything to read is to be passed over. */
    bool      (*is_blank)(weir_text record);
    /* Names the columns from the first record, by weir_records_name; true when that record is only names. WEIR_OK or a status. */
    int       (*name_columns)(weir_records *records, weir_text record, bool *only_names, weir_error *error);
    /* Fills records->fields from the record; false with records->reason. scratch has room for the record's length. */
    bool      (*parse)(weir_records *records, weir_text record);
};

/* format NULL: by the path's suffix, else csv. columns: NULL-terminated, copied; NULL: they are in the file. header, delimiter and
 * null_text are to be set before the first read. */
int weir_records_open(weir_records *records, weir_ledger *ledger, const char *path, const char *format, const char *const *columns,
                      size_t maximum, weir_error *error);
void weir_records_close(weir_records *records);
/* Finds out the columns. WEIR_DATA: the first record does not tell them; an empty file has none (column_count 0). */
int weir_records_begin(weir_records *records, weir_error *error);
/* WEIR_RECORD: fields are filled. WEIR_RECORD_BAD: reason says why it is none; raw is the record, empty when it is too long.
 * WEIR_RECORD_END, or a negative status. */
enum { WEIR_RECORD_BAD = 3 };
int weir_records_next(weir_records *records, weir_error *error);
/* Parses a record that was kept: fields are filled, or false with a reason. */
bool weir_records_parse(weir_records *records, weir_text record);

/* ---- for formats ---- */
int weir_records_name(weir_records *records, const char *name, size_t length, weir_error *error);
bool weir_records_reject(weir_records *records, const char *format, ...) WEIR_PRINTF_(2, 3);   /* false */
/* Of `count` bytes that were appended to scratch last. */
static inline const char *weir_records_scratch(const weir_records *records, size_t count)
{
    return records->scratch.data + records->scratch.length - count;
}

extern const weir_record_format weir_records_csv, weir_records_jsonl;
#endif
