/* COPY into a table: giving it rows, from structs, values, rows and whole results. */
#include <stddef.h>
#include <string.h>
#include "engine/copy.h"
#include "engine/result.h"

enum { SLICE = 16384 };                 /* rows between two looks at progress; on SQLite one piece of blocking work */

/* ---- feeding ------------------------------------------------------------------------------------------------------------------ */
static int put_on_link(weir_copy *copy, const weir_feed *feed, size_t *done, weir_error *error)
{
    weir_link *link = weir_connection_link(copy->connection);
    if (copy->in.inside) {
        int64_t before = copy->in.taken;
        int status = weir_connection_drive(copy->connection, link->driver->copy_put(link, &copy->in, feed), NULL, error);
        *done = (size_t)(copy->in.taken - before);
        return status;
    }
    weir_page_run run = { .write = copy->cursor, .feed = feed };
    int status = weir_connection_drive(copy->connection, link->driver->run_page(link, &run), NULL, error);
    *done = run.done;
    copy->in.taken += (int64_t)run.done;
    copy->in.refused = run.refused;
    if (status != WEIR_OK && *done < feed->count)
        error->row = copy->in.taken + 1;
    return status;
}

static void tell_progress(weir_copy *copy)
{
    if (!copy->progress || copy->in.taken - copy->told < SLICE)
        return;
    copy->told = copy->in.taken;
    copy->progress(copy->in.taken, copy->progress_context);
}

/* All sets of the feed. *done: how many were taken, also when the next one was refused. */
static int feed_all(weir_copy *copy, weir_feed feed, size_t *done)
{
    weir_error error;
    size_t count = feed.count;
    int status = WEIR_OK;
    for (*done = 0; *done < count && status == WEIR_OK; ) {
        size_t taken = 0;
        feed.count = count - *done < SLICE ? count - *done : SLICE;
        weir_error_clear(&error);
        status = put_on_link(copy, &feed, &taken, &error);
        *done += taken;
        feed.first += taken;
        tell_progress(copy);
    }
    if (status == WEIR_OK)
        return WEIR_OK;
    if (!copy->in.refused)
        return weir_copy_fail(copy, &error);
    copy->error = error;
    return status;
}

/* A mistake of the caller, or a value that cannot be sent: the COPY goes on. */
static int refuse(weir_copy *copy, int status, const char *message)
{
    weir_error_set(&copy->error, status, "%s", message);
    return status;
}

static int wrong_count(weir_copy *copy, size_t count)
{
    return weir_error_set(&copy->error, WEIR_ARGUMENT, "%zu values are given for the %zu columns of the COPY", count, copy->column_count);
}

static weir_lane *make_lanes(weir_copy *copy, weir_lane **kept)
{
    if (*kept)
        return *kept;
    weir_lane *lanes = weir_arena_take(&copy->arena, copy->column_count * sizeof *lanes);
    for (size_t i = 0; lanes && i < copy->column_count; i++)
        lanes[i] = (weir_lane){ .name = copy->columns[i] };
    return *kept = lanes;
}

/* ---- structs, values -------------------------------------------------------------------------------------------------------------- */
int weir_copy_structs(weir_copy *copy, const void *structs, size_t count)
{
    int status = weir_copy_usable(copy);
    size_t done;
    if (status != WEIR_OK || count == 0)
        return status;
    if (!copy->entity)
        return refuse(copy, WEIR_ARGUMENT, "a COPY into a table by name takes no structs: open it for an entity");
    bool fresh = !copy->struct_lanes;
    weir_lane *lanes = make_lanes(copy, &copy->struct_lanes);
    if (!lanes)
        return refuse(copy, WEIR_OUT_OF_MEMORY, "no memory");
    for (size_t i = 0; i < copy->column_count; i++) {
        if (fresh)
            lanes[i] = weir_lane_of_member(copy->members[i], copy->columns[i]);
        lanes[i].at = (const char *)structs + copy->members[i]->offset;
        lanes[i].stride = copy->entity->size;
    }
    return feed_all(copy, (weir_feed){ .lanes = lanes, .lane_count = copy->column_count, .count = count }, &done);
}

int weir_copy_values(weir_copy *copy, const weir_value *values, size_t count)
{
    int status = weir_copy_usable(copy);
    size_t done;
    if (status != WEIR_OK)
        return status;
    if (count != copy->column_count)
        return wrong_count(copy, count);
    weir_lane *lanes = make_lanes(copy, &copy->value_lanes);
    if (!lanes)
        return refuse(copy, WEIR_OUT_OF_MEMORY, "no memory");
    for (size_t i = 0; i < count; i++)
        lanes[i].at = (const char *)&values[i];
    return feed_all(copy, (weir_feed){ .lanes = lanes, .lane_count = count, .count = 1 }, &done);
}

/* ---- rows --------------------------------------------------------------------------------------------------------------------------- */
/* Rows have their values in cells; the view says which. */
static int look_at_rows(weir_copy *copy, const weir_row *row)
{
    const weir_view *view = row->view;
    if (view->count != copy->column_count)
        return wrong_count(copy, view->count);
    weir_lane *lanes = make_lanes(copy, &copy->row_lanes);
    if (!lanes)
        return refuse(copy, WEIR_OUT_OF_MEMORY, "no memory");
    for (size_t i = 0; i < view->count; i++)
        lanes[i].offset = offsetof(struct weir_row, cells) + weir_view_cell(view, i) * sizeof(weir_value);
    return WEIR_OK;
}

static int put_rows(weir_copy *copy, const weir_row *const *rows, size_t count, size_t *done)
{
    *done = 0;
    int status = look_at_rows(copy, rows[0]);
    if (status != WEIR_OK)
        return status;
    weir_feed feed = { .lanes = copy->row_lanes, .lane_count = copy->column_count, .count = count, .rows = (const void *const *)rows };
    return feed_all(copy, feed, done);
}

int weir_copy_row(weir_copy *copy, const weir_row *row)
{
    int status = weir_copy_usable(copy);
    size_t done;
    if (status != WEIR_OK)
        return status;
    return row ? put_rows(copy, &row, 1, &done) : refuse(copy, WEIR_ARGUMENT, "there is no row to copy");
}

/* ---- results ------------------------------------------------------------------------------------------------------------------------ */
void weir_copy_drop_rest(weir_copy *copy)
{
    if (copy->source)
        weir_result_unreference(copy->source);
    copy->source = NULL;
    copy->rest = NULL;
    copy->rest_next = copy->rest_count = 0;
}

static bool has_rest(const weir_copy *copy, const weir_result *result)
{
    return copy->source == result && copy->rest_next < copy->rest_count;
}

/* The program read on by itself: what was behind the refused row is gone, and told once. */
static int look_at_rest(weir_copy *copy, const weir_result *result)
{
    if (!has_rest(copy, result) || (copy->rest_reads == result->reads && copy->rest_taken == result->taken))
        return WEIR_OK;
    weir_error_set(&copy->error, WEIR_INVALID_REQUEST, "the result was read on: %zu rows behind the one that was refused were not copied, and are gone",
                   copy->rest_count - copy->rest_next);
    weir_copy_drop_rest(copy);
    return WEIR_INVALID_REQUEST;
}

/* The rows behind one that was refused come first, when the program goes on with the same result. Held, so that no other lies where it lay. */
static const weir_partition *next_rows(weir_copy *copy, weir_result *result)
{
    if (has_rest(copy, result))
        return copy->rest;
    weir_copy_drop_rest(copy);
    copy->rest = weir_result_fetchmany(result, 0);
    if (copy->rest) {
        weir_result_reference(result);
        copy->source = result;
        copy->rest_count = copy->rest->count;
        copy->rest_reads = result->reads;
        copy->rest_taken = result->taken;
    }
    return copy->rest;
}

int weir_copy_result(weir_copy *copy, weir_result *result)
{
    int status = weir_copy_usable(copy);
    if (status != WEIR_OK)
        return status;
    if (result->has_instances)
        return refuse(copy, WEIR_ARGUMENT, "rows of instances cannot be copied: execute the statement on a connection");
    if (look_at_rest(copy, result) != WEIR_OK)
        return copy->error.status;
    if (!has_rest(copy, result) && result->view && weir_result_column_count(result) != copy->column_count)
        return wrong_count(copy, weir_result_column_count(result));     /* before a row is taken */
    const weir_partition *rows;
    while (status == WEIR_OK && (rows = next_rows(copy, result)) != NULL) {
        size_t done;
        status = put_rows(copy, rows->rows + copy->rest_next, rows->count - copy->rest_next, &done);
        copy->rest_next += done + (status != WEIR_OK);
    }
    if (status != WEIR_OK)
        return status;
    const weir_error *error = weir_result_error(result);
    return error->status == WEIR_OK ? WEIR_OK : weir_copy_fail(copy, error);
}
