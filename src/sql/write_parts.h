/* What the builders of inserts, updates and deletes share. */
#ifndef WEIR_SQL_WRITE_PARTS_H
#define WEIR_SQL_WRITE_PARTS_H
#include "sql/tree.h"
#include "sql/write.h"

enum {
    WEIR_KINDS_INSERT = 1 << WEIR_STMT_INSERT,
    WEIR_KINDS_UPDATE = 1 << WEIR_STMT_UPDATE,
    WEIR_KINDS_DELETE = 1 << WEIR_STMT_DELETE
};
/* Whether `call` may change a statement of one of these kinds; a mistake is kept. */
bool weir_write_ready(weir_stmt *stmt, const char *call, unsigned kinds);
/* Gives a new statement what it writes, an empty one; a mistake is kept. */
bool weir_write_begin(weir_stmt *stmt, const weir_entity *entity);
/* Adds column = value, with copies; a mistake is kept. */
void weir_write_assign(weir_stmt *stmt, const char *call, weir_assignments *list, const weir_expr *column, const weir_expr *value);
#endif
