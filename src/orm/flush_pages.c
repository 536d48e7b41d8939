/* Many rows of a flush with the same columns, as parameter sets: in pages, in the order of their keys. */
#include "engine/many.h"
#include "orm/inside.h"
#include "orm/unit.h"

static int set_columns(weir_session *session, weir_stmt *stmt, const weir_mapper *mapper, const unsigned char *columns, weir_error *error)
{
    weir_ledger *ledger = &session->store->ledger;
    size_t count = 0;
    weir_expr *items = weir_alloc_zero(ledger, WEIR_MEMORY_STATEMENTS, mapper->column_count * sizeof *items);
    const weir_expr **list = weir_alloc_zero(ledger, WEIR_MEMORY_STATEMENTS, (mapper->column_count + 1) * sizeof *list);
    for (size_t i = 0; items && list && i < mapper->column_count; i++)
        if (columns[i]) {
            items[count] = (weir_expr){ .op = WEIR_OP_COLUMN, .entity = mapper->entity, .offset = mapper->columns[i]->offset };
            list[count] = &items[count];
            count++;
        }
    int status = items && list ? WEIR_OK : weir_error_out_of_memory(error);
    if (status == WEIR_OK)
        weir_set_columns_(stmt, list);
    weir_free(items);
    weir_free(list);
    return status;
}

int weir_flush_pages(weir_session *session, weir_mapper *mapper, weir_job_kind kind, const unsigned char *columns, const void *const *structs,
                     size_t count, int64_t *matched, weir_error *error)
{
    weir_stmt *stmt = kind == WEIR_JOB_UPDATE ? weir_update(mapper->entity) : weir_delete(mapper->entity);
    int status = kind == WEIR_JOB_UPDATE ? set_columns(session, stmt, mapper, columns, error) : WEIR_OK;
    if (status == WEIR_OK) {
        *matched = weir_connection_execute_scattered(session->connection, stmt, structs, count, WEIR_MANY_OPTIONS(.count_missing = WEIR_ON));
        if (*matched < 0) {
            *error = *weir_connection_error(session->connection);
            error->row = 0;                     /* of no set that the program knows */
            status = error->status;
        }
    }
    session->statements++;
    weir_stmt_free(&stmt);
    return status;
}
