/* The dialects' tables. */
#include "sql/dialect.h"

const weir_dialect weir_dialect_postgresql = {
    .name = "postgresql",
    .placeholder = '$',
    .dollar_quotes = true,
    .backslash_strings = true,
    .nested_comments = true,
    .row_locks = true,
    .return_ends_comment = true,
    .empty_as_array = true,
    .typed_parameters = true,
    .array_lists = true,
    .distinct_on = true,
    .ilike = true,
    .members_in_parentheses = true,
    .constraint_targets = true,
    .delete_using = true,
    .defaults_conflict = true,
    .write_ctes = true,
    .names_fold = true,
    .maximum_parameters = 65535,        /* the protocol counts them in 16 bits */
    .isolation_names = {
        [WEIR_READ_UNCOMMITTED] = "READ UNCOMMITTED",
        [WEIR_READ_COMMITTED] = "READ COMMITTED",
        [WEIR_REPEATABLE_READ] = "REPEATABLE READ",
        [WEIR_SERIALIZABLE] = "SERIALIZABLE",
        [WEIR_AUTOCOMMIT] = "AUTOCOMMIT",
    },
    .isolation_list = "AUTOCOMMIT, READ COMMITTED, READ UNCOMMITTED, REPEATABLE READ, SERIALIZABLE",
};

const weir_dialect weir_dialect_sqlite = {
    .name = "sqlite",
    .placeholder = '?',
    .brackets_quote = true,
    .lite_parameters = true,
    .trigger_bodies = true,
    .rows_as_values = true,
    .offset_needs_limit = true,
    .select_hides_conflict = true,
    .returns_written = true,
    .nulls_are_smallest = true,
    .maximum_parameters = 32766,        /* SQLITE_MAX_VARIABLE_NUMBER as it is built everywhere */
    .isolation_names = {
        [WEIR_READ_UNCOMMITTED] = "READ UNCOMMITTED",
        [WEIR_SERIALIZABLE] = "SERIALIZABLE",
        [WEIR_AUTOCOMMIT] = "AUTOCOMMIT",
    },
    .isolation_list = "READ UNCOMMITTED, SERIALIZABLE, AUTOCOMMIT",
};
