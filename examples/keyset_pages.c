/* A page of a tenant's invoices, dearest first, as a service would answer a request for it: by the token that the client got with the
 * page before, or the first one. Nothing is kept between two requests.
 * usage: keyset_pages URL [TOKEN] */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

struct invoice { int64_t id, tenant_id, total_cents; const char *status; };
WEIR_ENTITY(invoice, "invoices",
    WEIR_COLUMN(invoice, id, .primary_key = true),
    WEIR_COLUMN(invoice, tenant_id, .indexed = true),
    WEIR_COLUMN(invoice, total_cents),
    WEIR_COLUMN(invoice, status));

static const char secret[] = "a service reads this from its configuration";

static void answer(const weir_keyset_page *page)
{
    printf("{\"invoices\": [\n");
    for (size_t i = 0; i < page->count; i++) {
        const struct invoice *invoice = page->instances[i];
        printf("  {\"id\": %" PRId64 ", \"total_cents\": %" PRId64 "}%s\n", invoice->id, invoice->total_cents, i + 1 < page->count ? "," : "");
    }
    printf("], \"next\": %s%s%s}\n", page->has_next ? "\"" : "", page->has_next ? page->next : "null", page->has_next ? "\"" : "");
}

/* 200, 400 or 500, as HTTP says it. */
static int get_invoices(weir_session *session, int64_t tenant_id, const char *token)
{
    weir_stmt *query = weir_select(&invoice_entity);
    weir_where(query, WEIR_EQ(WEIR_COL(invoice, tenant_id), tenant_id));
    weir_order_by(query, WEIR_DESC(WEIR_COL(invoice, total_cents)));
    weir_order_by(query, WEIR_ASC(WEIR_COL(invoice, id)));      /* without it the order would not be unique, and be refused */

    weir_keyset *keyset = weir_session_keyset(session, query, WEIR_KEYSET_OPTIONS(
        .page_size = 20, .secret = secret, .secret_length = strlen(secret)));
    const weir_keyset_page *page = weir_keyset_next(keyset, token);     /* NULL: the first page */
    if (page)
        answer(page);
    else
        printf("{\"error\": \"%s\"}\n", weir_keyset_error(keyset)->message);
    weir_stmt_free(&query);
    int status = weir_keyset_close(&keyset);
    return status == WEIR_OK ? 200 : status == WEIR_DATA ? 400 : 500;   /* a token that a client made up is the client's mistake */
}

int main(int argc, char **argv)
{
    weir_engine *engine;
    int status = weir_engine_open(&engine, argc > 1 ? argv[1] : "sqlite:///billing.db", NULL);
    weir_session *session = weir_session_open(engine);
    int code = status == WEIR_OK ? get_invoices(session, 42, argc > 2 ? argv[2] : NULL) : 500;
    int closed = weir_session_close(&session);
    weir_engine_close(&engine);
    return code == 200 && closed == WEIR_OK ? 0 : code == 400 ? 2 : 1;
}
