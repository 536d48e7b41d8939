/* Updates and deletes of many rows, and the instances that are in the session. */
#ifndef WEIR_ORM_BULK_SYNC_H
#define WEIR_ORM_BULK_SYNC_H
#include "orm/orm.h"
#include "sql/statement.h"
#include "sql/write.h"

/* What a condition says of one instance; WEIR_CANNOT: SQL alone can tell. */
typedef enum weir_truth { WEIR_FALSE = 0, WEIR_TRUE, WEIR_UNKNOWN, WEIR_CANNOT } weir_truth;
weir_truth weir_evaluate_condition(const weir_expr *condition, const weir_mapper *mapper, const void *object);
/* The value of an expression over the members; false: SQL alone can tell. Texts are borrowed. */
bool weir_evaluate(const weir_expr *expression, const weir_mapper *mapper, const void *object, weir_value *out);

/* Whether the statement is an update or delete of a mapped table. */
static inline bool weir_bulk_changes(const weir_stmt *stmt)
{
    return stmt->error.status == WEIR_OK && stmt->write && (stmt->kind == WEIR_STMT_UPDATE || stmt->kind == WEIR_STMT_DELETE);
}
weir_result *weir_bulk_execute(weir_session *session, const weir_stmt *stmt, const weir_execution_options *options);

/* A member has this value in the database now, by another way than a flush: it is stored unless the program changed the member, or the
 * instance expires when it cannot be. */
void weir_bulk_store(weir_instance *instance, const weir_member *member, const weir_value *value);
/* After all of an instance's are stored. */
void weir_bulk_stored(weir_instance *instance);
/* Its row is gone. */
void weir_bulk_gone(weir_session *session, weir_instance *instance);
/* The mapper, if the session has any instance of it. */
weir_mapper *weir_bulk_mapper(const weir_session *session, const weir_entity *entity);
#endif
