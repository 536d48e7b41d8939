/* Keysets: handles over a connection, a session or an engine; their pages; rows and instances through all pages. */
#include <string.h>
#include <weir/keyset.h>
#include "base/digest.h"
#include "base/error.h"
#include "base/values.h"
#include "engine/connection.h"
#include "transfer/page_read.h"
#include "transfer/page_token.h"

enum { DEFAULT_PAGE = 100, LARGEST_PAGE = 1000000, SHORTEST_SECRET = 16 };

/* Where a page lies: keys of its first and last row, or of the place of an empty one; NULL: none. */
typedef struct weir_keyset_place_keys { weir_value *first, *last, *empty; } weir_keyset_place_keys;

struct weir_keyset {
    weir_keyset_home home;
    weir_order      *order;             /* NULL: it only carries an error */
    weir_error       error;
    int64_t          page_size;
    weir_token_secret secret;
    /* the page that was read last */
    weir_page_rows   read;
    weir_arena       arena;             /* of its tokens and keys */
    weir_arena       place_arena;       /* of the place that was asked for last */
    weir_keyset_place_keys place;
    weir_keyset_page page;
    bool             any;               /* there is one */
    size_t           handed;            /* of its rows, one by one */
};

static const weir_keyset closed_keyset = {
    .error = { .status = WEIR_RESOURCE_CLOSED, .message = "This keyset is closed." },
};
static const weir_keyset keyset_without_memory = {
    .error = { .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a keyset" },
};

static bool is_constant(const weir_keyset *keyset) { return keyset == &closed_keyset || keyset == &keyset_without_memory; }

/* ---- making ---- */

static int check_options(const weir_keyset_options *options, weir_error *error)
{
    if (options->struct_size < sizeof options->struct_size || options->struct_size > sizeof *options)
        return weir_error_set(error, WEIR_ARGUMENT, "struct_size of the keyset options is %s: make them by WEIR_KEYSET_OPTIONS",
                              options->struct_size > sizeof *options ? "too large" : "not set");
    return WEIR_OK;
}

static int take_options(weir_keyset *keyset, const weir_keyset_options *given, weir_keyset_options *options)
{
    *options = (weir_keyset_options){ .struct_size = sizeof *options };
    if (given && check_options(given, &keyset->error) != WEIR_OK)
        return keyset->error.status;
    if (given)
        memcpy(options, given, given->struct_size);
    keyset->page_size = options->page_size ? options->page_size : DEFAULT_PAGE;
    if (keyset->page_size < 1 || keyset->page_size > LARGEST_PAGE)
        return weir_error_set(&keyset->error, WEIR_ARGUMENT, "a page has from 1 to %d rows, not %lld", LARGEST_PAGE,
                              (long long)keyset->page_size);
    if (options->complete < WEIR_UNSET || options->complete > WEIR_OFF)
        return weir_error_set(&keyset->error, WEIR_ARGUMENT, ".complete has the unknown value %d", (int)options->complete);
    if (!options->secret && !options->secret_length)
        return WEIR_OK;
    if (!options->secret || options->secret_length < SHORTEST_SECRET)
        return weir_error_set(&keyset->error, WEIR_ARGUMENT, "the secret of page tokens has %d bytes or more, not %zu", SHORTEST_SECRET,
                              options->secret ? options->secret_length : 0);
    void *secret = weir_alloc(NULL, WEIR_MEMORY_HANDLES, options->secret_length);
    if (!secret)
        return weir_error_out_of_memory(&keyset->error);
    keyset->secret = (weir_token_secret){ memcpy(secret, options->secret, options->secret_length), options->secret_length };
    return WEIR_OK;
}

static weir_keyset *make(const weir_keyset_home *home, const char *dialect, const weir_error *error, const weir_stmt *stmt,
                         const weir_keyset_options *given)
{
    weir_keyset_options options;
    weir_keyset *keyset = weir_alloc_zero(NULL, WEIR_MEMORY_HANDLES, sizeof *keyset);
    if (!keyset)
        return (weir_keyset *)&keyset_without_memory;
    keyset->home = *home;
    weir_arena_init(&keyset->arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 0);
    weir_arena_init(&keyset->place_arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 0);
    weir_page_rows_init(&keyset->read);
    if (weir_error_keep(&keyset->error, error) != WEIR_OK || take_options(keyset, given, &options) != WEIR_OK)
        return keyset;
    const weir_order_options how = {
        .dialect = strcmp(dialect, weir_dialect_sqlite.name) ? &weir_dialect_postgresql : &weir_dialect_sqlite,
        .text = options.order, .complete = options.complete == WEIR_ON, .unchecked = true,
    };
    keyset->order = weir_order_of(stmt, &how, weir_ledger_root(), &keyset->error);
    if (keyset->order)
        weir_page_prepare(keyset->order, &keyset->home, &keyset->error);
    if (keyset->error.status != WEIR_OK) {
        weir_order_free(keyset->order);
        keyset->order = NULL;
    }
    return keyset;
}

weir_keyset *weir_connection_keyset(weir_connection *connection, const weir_stmt *stmt, const weir_keyset_options *options)
{
    weir_error error = { 0 };
    weir_connection_usable(connection, &error);
    const char *dialect = connection->core ? connection->core->driver->dialect->name : "";
    return make(&(const weir_keyset_home){ .connection = connection }, dialect, &error, stmt, options);
}

weir_keyset *weir_stream_by_keyset(weir_engine *engine, const weir_stmt *stmt, const weir_keyset_options *options)
{
    return make(&(const weir_keyset_home){ .engine = engine, .ends = true }, weir_engine_dialect(engine), weir_engine_error(engine), stmt,
                options);
}

static weir_keyset *make_of_session(weir_session *session, const weir_stmt *stmt, const weir_keyset_options *options, bool ends)
{
    const char *dialect = weir_session_dialect(session);
    weir_error error = { 0 };
    if (!*dialect)
        error = *weir_session_error(session);
    return make(&(const weir_keyset_home){ .session = session, .ends = ends }, dialect, &error, stmt, options);
}

weir_keyset *weir_session_keyset(weir_session *session, const weir_stmt *stmt, const weir_keyset_options *options)
{
    return make_of_session(session, stmt, options, false);
}

weir_keyset *weir_session_stream_by_keyset(weir_session *session, const weir_stmt *stmt, const weir_keyset_options *options)
{
    return make_of_session(session, stmt, options, true);
}

const weir_error *weir_keyset_error(const weir_keyset *keyset) { return &keyset->error; }

int weir_keyset_close(weir_keyset **handle)
{
    if (!handle || !*handle)
        return WEIR_OK;
    weir_keyset *keyset = *handle;
    *handle = (weir_keyset *)&closed_keyset;
    if (is_constant(keyset))
        return keyset == &keyset_without_memory ? WEIR_OUT_OF_MEMORY : WEIR_OK;
    int status = keyset->error.status;
    weir_page_rows_free(&keyset->read);
    weir_order_free(keyset->order);
    weir_arena_free(&keyset->arena);
    weir_arena_free(&keyset->place_arena);
    if (keyset->secret.length) {
        void *secret = (void *)(uintptr_t)keyset->secret.bytes;
        weir_wipe(secret, keyset->secret.length);
        weir_free(secret);
    }
    weir_free(keyset);
    return status;
}

/* ---- a page ---- */

/* Where a page is wanted: behind the key, or in front of it; NULL: from the end that lies there. */
typedef struct wanted { const weir_value *key; bool at, backwards; } wanted;

static weir_value *copy_key(weir_keyset *keyset, const weir_value *key)
{
    size_t count = weir_order_count(keyset->order);
    weir_value *copy = weir_arena_take(&keyset->arena, count * sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        if (weir_value_copy(&keyset->arena, &key[i], &copy[i]) != WEIR_OK)
            copy = NULL;
    if (!copy)
        weir_error_out_of_memory(&keyset->error);
    return copy;
}

static const char *token_of(weir_keyset *keyset, const weir_value *key, bool at)
{
    return weir_page_token(keyset->order, key, at, keyset->secret, &keyset->arena, &keyset->error);
}

/* An empty page lies between the place that was given and the end: both its tokens are of that place. */
static bool describe_empty(weir_keyset *keyset, const wanted *w)
{
    weir_keyset_page *page = &keyset->page;
    if (!w->key)
        return true;
    page->has_previous = !w->backwards;
    page->has_next = w->backwards;
    keyset->place.empty = copy_key(keyset, w->key);
    if (!keyset->place.empty)
        return false;
    /* What the page leaves out, the other side has: the place's own row is on one of the two. */
    page->next = token_of(keyset, keyset->place.empty, w->backwards ? !w->at : w->at);
    page->previous = page->next ? token_of(keyset, keyset->place.empty, w->backwards ? w->at : !w->at) : NULL;
    return page->previous;
}

static bool describe(weir_keyset *keyset, const wanted *w, bool more)
{
    weir_keyset_page *page = &keyset->page;
    *page = (weir_keyset_page){ .count = keyset->read.count, .rows = keyset->read.rows, .instances = keyset->read.instances };
    if (!page->count)
        return describe_empty(keyset, w);
    page->has_next = w->backwards ? w->key != NULL : more;
    page->has_previous = w->backwards ? more : w->key != NULL;
    weir_keyset_place_keys *place = &keyset->place;
    place->first = copy_key(keyset, keyset->read.first);
    place->last = place->first ? copy_key(keyset, keyset->read.last) : NULL;
    page->next = place->last ? token_of(keyset, place->last, false) : NULL;
    page->previous = page->next ? token_of(keyset, place->first, false) : NULL;
    return page->previous;
}

/* The page could not be read: the rows before it are gone, their place stays, so that it can be tried again. */
static void keep_place(weir_keyset *keyset, const weir_keyset *before)
{
    weir_arena_free(&keyset->arena);
    keyset->arena = before->arena;
    keyset->place = before->place;
    keyset->any = before->any;
    keyset->page = before->page;
    keyset->page.count = keyset->handed = 0;
    keyset->page.rows = NULL;
    keyset->page.instances = NULL;
    keyset->page.has_next = keyset->page.has_previous = true;
    weir_page_rows_free(&keyset->read);
}

/* Reads the page; the key may lie in the page that is there, which ends here. */
static const weir_keyset_page *read_page(weir_keyset *keyset, const wanted *w)
{
    bool more;
    weir_keyset before = *keyset;
    const weir_order_range range = { .after = w->key, .at = w->at, .backwards = w->backwards, .limit = keyset->page_size };
    weir_arena_init(&keyset->arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 0);
    keyset->place = (weir_keyset_place_keys){ .first = NULL };
    keyset->handed = 0;
    int status = weir_page_read(keyset->order, &keyset->home, &range, &keyset->read, &more, &keyset->error);
    keyset->any = status == WEIR_OK && describe(keyset, w, more);
    if (keyset->any) {
        weir_arena_free(&before.arena);
        return &keyset->page;
    }
    keep_place(keyset, &before);
    return NULL;
}

/* Whether the keyset can read. The error of the last call is forgotten. */
static bool begin(weir_keyset *keyset)
{
    if (!keyset->order)
        return false;
    weir_error_clear(&keyset->error);
    return true;
}

static const weir_keyset_page *read_from_token(weir_keyset *keyset, const char *token, bool backwards)
{
    weir_arena arena;
    weir_arena_init(&arena, weir_ledger_root(), WEIR_MEMORY_HANDLES, 0);
    wanted w = { .backwards = backwards };
    const weir_keyset_page *page = NULL;
    weir_value *key = weir_arena_take(&arena, weir_order_count(keyset->order) * sizeof *key);
    if (!key)
        weir_error_out_of_memory(&keyset->error);
    else if (weir_page_token_read(keyset->order, token, keyset->secret, &arena, key, &w.at, &keyset->error) == WEIR_OK) {
        w.key = key;
        page = read_page(keyset, &w);
    }
    weir_arena_free(&arena);
    return page;
}

static const weir_keyset_page *turn(weir_keyset *keyset, bool backwards)
{
    if (keyset->any && keyset->place.empty)
        return read_from_token(keyset, backwards ? keyset->page.previous : keyset->page.next, backwards);
    return read_page(keyset, &(const wanted){ .backwards = backwards, .key = backwards ? keyset->place.first : keyset->place.last });
}

const weir_keyset_page *weir_keyset_first(weir_keyset *keyset)
{
    return begin(keyset) ? read_page(keyset, &(const wanted){ .key = NULL }) : NULL;
}

const weir_keyset_page *weir_keyset_last(weir_keyset *keyset)
{
    return begin(keyset) ? read_page(keyset, &(const wanted){ .backwards = true }) : NULL;
}

const weir_keyset_page *weir_keyset_next(weir_keyset *keyset, const char *token)
{
    if (!begin(keyset))
        return NULL;
    return token ? read_from_token(keyset, token, false) : turn(keyset, false);
}

const weir_keyset_page *weir_keyset_previous(weir_keyset *keyset, const char *token)
{
    if (!begin(keyset))
        return NULL;
    return token ? read_from_token(keyset, token, true) : turn(keyset, true);
}

/* ---- one after the other ---- */

/* Makes sure that the page has a row that was not handed out: false at the end, or on an error. */
static bool has_more(weir_keyset *keyset)
{
    if (!begin(keyset))
        return false;
    if (keyset->any && keyset->handed < keyset->page.count)
        return true;
    if (keyset->any && !keyset->page.has_next)
        return false;
    return turn(keyset, false) && keyset->page.count > 0;
}

const weir_row *weir_keyset_next_row(weir_keyset *keyset)
{
    return has_more(keyset) ? keyset->page.rows[keyset->handed++] : NULL;
}

void *weir_keyset_next_instance(weir_keyset *keyset, const weir_entity *expected)
{
    if (!has_more(keyset))
        return NULL;
    if (!keyset->page.instances || keyset->home.delivers != expected) {
        weir_error_set(&keyset->error, WEIR_INVALID_REQUEST, "this keyset delivers %s%s, not instances of %s",
                       keyset->page.instances ? "instances of " : "rows", keyset->page.instances ? keyset->home.delivers->name : "",
                       expected ? expected->name : "nothing");
        return NULL;
    }
    return keyset->page.instances[keyset->handed++];
}

const char *weir_keyset_place(weir_keyset *keyset)
{
    if (!keyset->any || (!keyset->handed && keyset->page.count))
        return NULL;
    if (keyset->handed == keyset->page.count)
        return keyset->page.next;
    weir_arena_reset(&keyset->place_arena, SIZE_MAX);
    weir_value *key = weir_arena_take(&keyset->place_arena, weir_order_count(keyset->order) * sizeof *key);
    if (!key)
        weir_error_out_of_memory(&keyset->error);
    else if (weir_page_key(keyset->order, &keyset->home, &keyset->read, keyset->handed - 1, key, &keyset->error) == WEIR_OK)
        return weir_page_token(keyset->order, key, false, keyset->secret, &keyset->place_arena, &keyset->error);
    return NULL;
}
