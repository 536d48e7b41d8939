/* What the server's settings mean for a long stream. */
#include "transfer/advise.h"

/* Settings that this server does not know are NULL: transaction_timeout came with PostgreSQL 17. */
static const char question[] =
    "WITH s AS (SELECT name, setting FROM pg_catalog.pg_settings) "
    "SELECT coalesce((SELECT setting::bigint FROM s WHERE name = 'statement_timeout'), 0), "
    "coalesce((SELECT setting::bigint FROM s WHERE name = 'transaction_timeout'), 0), "
    "coalesce((SELECT setting::bigint FROM s WHERE name = 'idle_in_transaction_session_timeout'), 0), "
    "coalesce((SELECT setting::bigint FROM s WHERE name = 'max_standby_streaming_delay'), -1), "
    "coalesce((SELECT setting = 'on' FROM s WHERE name = 'hot_standby_feedback'), false), pg_is_in_recovery()";

int weir_server_settings_read(weir_connection *connection, weir_server_settings *out, weir_error *error)
{
    weir_stmt *stmt = weir_sql(question);
    weir_result *result = weir_connection_execute(connection, stmt, NULL);
    const weir_row *row = weir_result_next(result);
    *out = (weir_server_settings){ .standby_delay = -1 };
    if (row)
        *out = (weir_server_settings){
            .statement_timeout = weir_row_int64_at(row, 0), .transaction_timeout = weir_row_int64_at(row, 1),
            .idle_in_transaction_timeout = weir_row_int64_at(row, 2), .standby_delay = weir_row_int64_at(row, 3),
            .standby_feedback = weir_row_bool_at(row, 4), .in_recovery = weir_row_bool_at(row, 5),
        };
    *error = *weir_result_error(result);
    weir_stmt_free(&stmt);
    int closed = weir_result_close(&result);
    weir_connection_rollback(connection);
    return error->status != WEIR_OK ? error->status : closed;
}

/* As long as the whole, or nobody knows. */
static bool may_outlast(int64_t milliseconds, double seconds) { return seconds < 0 || seconds * 1000 >= (double)milliseconds; }

static void remark_on_statements(weir_remarks *remarks, int64_t timeout, double seconds, double longest_batch)
{
    char limit[WEIR_GROUPED_SIZE], batch[WEIR_GROUPED_SIZE], whole[WEIR_GROUPED_SIZE] = "an unknown time";
    bool batch_may_fail = longest_batch * 2000 >= (double)timeout;
    if (timeout <= 0 || !(batch_may_fail || may_outlast(timeout, seconds)))
        return;
    weir_duration(limit, (double)timeout);
    weir_duration(batch, longest_batch * 1000);
    if (seconds >= 0)
        weir_duration(whole, seconds * 1000);
    weir_remark_add(remarks, "statement-timeout", WEIR_REMARK_WARNING, 0,
                    "set statement_timeout=0 for this connection (connect_args, or ?options=-c%20statement_timeout%3D0 in the URL)",
                    "statement_timeout is %s and the whole stream is estimated to take %s: %s (the slowest batch of the trial took %s). A batch "
                    "has a clock of its own, a buffered fetch has one for all, and batches are not asked for ahead", limit, whole,
                    batch_may_fail ? "a batch may be cancelled" : "read whole it would be cancelled", batch);
}

void weir_remarks_of_settings(weir_remarks *remarks, const weir_server_settings *settings, double seconds, double longest_batch)
{
    char limit[WEIR_GROUPED_SIZE];
    remark_on_statements(remarks, settings->statement_timeout, seconds, longest_batch);
    if (settings->transaction_timeout > 0 && may_outlast(settings->transaction_timeout, seconds))
        weir_remark_add(remarks, "transaction-timeout", WEIR_REMARK_WARNING, 0,
                        "set transaction_timeout=0 for this connection, or stream by keyset, without one long transaction",
                        "transaction_timeout is %s: the server ends the connection in mid-stream, however fast batches are",
                        weir_duration(limit, (double)settings->transaction_timeout));
    if (settings->idle_in_transaction_timeout > 0)
        weir_remark_add(remarks, "idle-timeout", WEIR_REMARK_NOTE, 0,
                        "hand slow work to a queue, or set idle_in_transaction_session_timeout=0 for this connection",
                        "idle_in_transaction_session_timeout is %s: a reader that takes longer for a batch loses the connection",
                        weir_duration(limit, (double)settings->idle_in_transaction_timeout));
    if (settings->in_recovery && settings->standby_delay >= 0 && may_outlast(settings->standby_delay, seconds))
        weir_remark_add(remarks, "standby-conflict", settings->standby_feedback ? WEIR_REMARK_NOTE : WEIR_REMARK_WARNING, 0,
                        "raise max_standby_streaming_delay on the standby (-1: for ever) or turn hot_standby_feedback on; or stream by keyset",
                        "this server is a standby that waits %s (max_standby_streaming_delay) for a query that conflicts with what it replays, "
                        "and cancels it then%s", weir_duration(limit, (double)settings->standby_delay),
                        settings->standby_feedback ? "; hot_standby_feedback makes such conflicts rare" : "");
}
