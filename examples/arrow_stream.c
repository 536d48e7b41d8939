/* Sums a column over Arrow record batches, as a program would that only knows Arrow's C stream interface.
 * usage: arrow_stream URL */
#include <inttypes.h>
#include <stdio.h>
#include <weir/weir.h>

/* Knows nothing of weir: two columns of int64, ids and cents. */
static int consume(struct ArrowArrayStream *stream)
{
    struct ArrowArray batch;
    int64_t rows = 0, cents = 0;
    int failed;
    while ((failed = stream->get_next(stream, &batch)) == 0 && batch.release) {
        const int64_t *values = batch.children[1]->buffers[1];
        for (int64_t i = 0; i < batch.length; i++)
            cents += values[i];
        rows += batch.length;
        batch.release(&batch);          /* a batch owns its memory: it could be kept, or given to another thread */
    }
    if (failed)
        fprintf(stderr, "%s\n", stream->get_last_error(stream));
    else
        printf("%" PRId64 " invoices, %" PRId64 " cents\n", rows, cents);
    return failed;
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    struct ArrowArrayStream stream;
    if (argc != 2 || weir_engine_open(&engine, argv[1], NULL) != WEIR_OK) {
        fprintf(stderr, "usage: arrow_stream URL: %s\n", argc == 2 ? weir_engine_error(engine)->message : "no URL");
        return 2;
    }
    weir_connection *connection = weir_engine_connect(engine);
    weir_stmt *query = weir_sql("SELECT id, total_cents FROM invoices WHERE tenant_id = 42 AND status = 'paid' ORDER BY id");
    weir_yield_per(query, 5000);
    weir_result *result = weir_connection_execute(connection, query, NULL);
    int status = weir_result_arrow(&result, NULL, &stream);     /* the result is the stream's now */
    if (status == WEIR_OK) {
        status = consume(&stream);
        stream.release(&stream);
    } else {
        fprintf(stderr, "%s\n", weir_result_error(result)->message);
        status = weir_result_close(&result);
    }
    weir_stmt_free(&query);
    int closed = weir_connection_close(&connection);
    weir_engine_close(&engine);
    return status || closed ? 1 : 0;
}
