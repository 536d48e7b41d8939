/* One DataRow into its place: the hot loop of every PostgreSQL stream. */
#include <string.h>
#include "base/values.h"
#include "driver/postgres/codec.h"
#include "driver/postgres/pg.h"

static int bad_row(weir_pg_link *link, weir_pg_cursor *cursor, const char *what)
{
    int status = weir_pg_lost(link, WEIR_INTERFACE, "the server sent a malformed row: %s", what);
    link->base.error.row = cursor->base.rows + 1;
    return status;
}

static int bad_field(weir_pg_link *link, weir_pg_cursor *cursor, size_t column, int status, const char *reason)
{
    weir_error error;
    if (status == WEIR_OUT_OF_MEMORY)
        weir_error_out_of_memory(&error);
    else
        weir_error_set(&error, status, "row %lld, column '%s': %s", (long long)cursor->base.rows + 1,
                       cursor->base.columns[column].name, reason);
    error.row = cursor->base.rows + 1;
    weir_error_text(error.column, sizeof error.column, cursor->base.columns[column].name, strlen(cursor->base.columns[column].name));
    weir_error_keep(&link->group_error, &error);
    return status;
}

static inline int32_t read_length(const uint8_t *p)
{
    uint32_t n;
    memcpy(&n, p, 4);
    return (int32_t)__builtin_bswap32(n);
}

/* ---- short ways ---------------------------------------------------------------------------------------------------------------- */
/* What the fields of nearly all columns are, taken without a call: into a cell, into a member, or into one that may be without a value. */
enum way { BY_CELL, INT64_OF_8, INT64_OF_4, INT32_OF_4, DOUBLE_OF_8, BOOL_OF_1, MOMENT_OF_8, TEXT, JSONB,
           OPT_OF_8, OPT_INT64_OF_4, OPT_INT32_OF_4, OPT_BOOL_OF_1, OPT_MOMENT_OF_8 };
enum { SHORT_TEXT = 32 };

static enum way way_to_cell(const weir_step *step)
{
    static const struct { weir_decode_fn decode; enum way way; } ways[] = {
        { weir_pg_decode_int8, INT64_OF_8 }, { weir_pg_decode_int4, INT32_OF_4 }, { weir_pg_decode_text, TEXT }, { weir_pg_decode_jsonb, JSONB },
        { weir_pg_decode_float8, DOUBLE_OF_8 }, { weir_pg_decode_bool, BOOL_OF_1 }, { weir_pg_decode_timestamp, MOMENT_OF_8 },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (step->decode == ways[i].decode)
            return ways[i].way;
    return BY_CELL;
}

/* `least`: bytes of a field that is always there. */
static enum way way_to_member(const weir_step *step, int64_t *least)
{
    static const struct { weir_direct_kind kind; weir_decode_fn decode; enum way way; uint8_t least; weir_type type; } ways[] = {
        { WEIR_DIRECT_INT64, weir_pg_decode_int8, INT64_OF_8, 8, 0 }, { WEIR_DIRECT_INT64, weir_pg_decode_int4, INT64_OF_4, 4, 0 },
        { WEIR_DIRECT_INT32, weir_pg_decode_int4, INT32_OF_4, 4, 0 }, { WEIR_DIRECT_DOUBLE, weir_pg_decode_float8, DOUBLE_OF_8, 8, 0 },
        { WEIR_DIRECT_TEXT, weir_pg_decode_text, TEXT, 0, 0 }, { WEIR_DIRECT_TEXT, weir_pg_decode_jsonb, JSONB, 0, 0 },
        { WEIR_DIRECT_OPT_INT64, weir_pg_decode_int8, OPT_OF_8, 0, 0 }, { WEIR_DIRECT_OPT_INT64, weir_pg_decode_int4, OPT_INT64_OF_4, 0, 0 },
        { WEIR_DIRECT_OPT_INT32, weir_pg_decode_int4, OPT_INT32_OF_4, 0, 0 }, { WEIR_DIRECT_OPT_DOUBLE, weir_pg_decode_float8, OPT_OF_8, 0, 0 },
        { WEIR_DIRECT_OPT_BOOL, weir_pg_decode_bool, OPT_BOOL_OF_1, 0, 0 },
        { WEIR_DIRECT_OPT_TIMESTAMP, weir_pg_decode_timestamp, OPT_MOMENT_OF_8, 0, WEIR_T_TIMESTAMP },
        { WEIR_DIRECT_OPT_TIMESTAMPTZ, weir_pg_decode_timestamp, OPT_MOMENT_OF_8, 0, WEIR_T_TIMESTAMPTZ },
    };
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (step->direct.kind == ways[i].kind && step->decode == ways[i].decode && (!ways[i].type || ways[i].type == step->type)) {
            *least += ways[i].least;
            return ways[i].way;
        }
    return BY_CELL;
}

void weir_pg_plan_direct(weir_pg_cursor *cursor)
{
    cursor->in_place = true;
    cursor->least = 0;
    for (size_t i = 0; i < cursor->base.column_count; i++) {
        weir_step *step = &cursor->base.steps[i];
        cursor->in_place = cursor->in_place && step->decode != weir_pg_decode_array && step->decode != weir_pg_decode_numeric;
        cursor->least += 4;
        step->way = (int)way_to_cell(step);
        step->direct.way = (int)way_to_member(step, &cursor->least);
    }
}

/* As weir_pg_decode_timestamp; false: that one has to look. */
static inline bool read_moment(const uint8_t *source, int64_t *usec)
{
    *usec = (int64_t)weir_pg_load64(source);
    bool usual = *usec > INT64_MIN && *usec < INT64_MAX - WEIR_PG_EPOCH_USEC;
    *usec += usual ? WEIR_PG_EPOCH_USEC : 0;
    return usual;
}

/* ---- straight into the sink's object ------------------------------------------------------------------------------------------- */
static __attribute__((noinline)) bool put_by_cell(weir_arena *arena, const weir_step *step, const uint8_t *source, int32_t length, void *object)
{
    weir_value cell = { .type = WEIR_T_NULL };
    if (length >= 0) {
        weir_decode decode;
        decode.arena = arena;
        decode.borrow = false;
        if (step->decode(&decode, step, source, (size_t)length, &cell) != WEIR_OK)
            return false;
    }
    return step->direct.store(&step->direct, object, &cell);
}

static __attribute__((noinline)) bool put_any_text(weir_arena *arena, const uint8_t *source, size_t length, void *target)
{
    weir_text text = { weir_arena_bytes(arena, length + 1), length };
    char *bytes = (char *)(uintptr_t)text.ptr;
    if (!bytes)
        return false;
    memcpy(bytes, source, length);
    bytes[length] = 0;
    memcpy(target, &text, sizeof text);
    return weir_text_is_utf8(text);
}

/* Most texts are short: four words are copied, and their bytes looked at, without a call, where so many can be read. */
static inline bool put_text(weir_arena *arena, const uint8_t *source, size_t length, const uint8_t *readable, void *target)
{
    static const uint64_t high = UINT64_C(0x8080808080808080);
    char *bytes = arena->next;
    if (length >= SHORT_TEXT || readable - source < SHORT_TEXT || arena->end - bytes < SHORT_TEXT)
        return put_any_text(arena, source, length, target);
    uint64_t words[SHORT_TEXT / 8];
    memcpy(words, source, sizeof words);
    memcpy(bytes, words, sizeof words);
    bytes[length] = 0;
    arena->next = bytes + length + 1;
    weir_text text = { bytes, length };
    memcpy(target, &text, sizeof text);
    return !((words[0] | words[1] | words[2] | words[3]) & high) || weir_text_is_utf8(text);
}

static inline void put_value(char *at, const void *value, size_t size, size_t present)
{
    memcpy(at, value, size);
    at[present] = true;
}

/* A member that may be without a value. False: the field is not as its type wants it. */
static inline bool put_optional(enum way way, const uint8_t *source, int32_t length, char *at)
{
    _Static_assert(offsetof(weir_opt_double, present) == 8 && offsetof(weir_opt_timestamp, present) == 8 && offsetof(weir_opt_timestamptz, present) == 8 &&
                   offsetof(weir_opt_int64, present) == 8 && sizeof(weir_opt_int64) == sizeof(weir_opt_timestamptz), "one way for all of eight bytes");
    int64_t usec;
    switch (way) {
    case OPT_OF_8:
        if (length == 8)
            put_value(at, &(uint64_t){ weir_pg_load64(source) }, 8, 8);
        else if (length < 0)
            memset(at, 0, sizeof(weir_opt_int64));
        return length == 8 || length < 0;
    case OPT_MOMENT_OF_8:
        if (length < 0)
            memset(at, 0, sizeof(weir_opt_timestamptz));
        else if (length == 8 && read_moment(source, &usec))
            put_value(at, &usec, 8, 8);
        else
            return false;
        return true;
    case OPT_INT64_OF_4:
        if (length == 4)
            put_value(at, &(int64_t){ (int32_t)weir_pg_load32(source) }, 8, 8);
        else if (length < 0)
            memset(at, 0, sizeof(weir_opt_int64));
        return length == 4 || length < 0;
    case OPT_INT32_OF_4:
        if (length == 4)
            put_value(at, &(uint32_t){ weir_pg_load32(source) }, 4, offsetof(weir_opt_int32, present));
        else if (length < 0)
            memset(at, 0, sizeof(weir_opt_int32));
        return length == 4 || length < 0;
    default:
        if (length == 1)
            put_value(at, &(bool){ *source != 0 }, 1, offsetof(weir_opt_bool, present));
        else if (length < 0)
            memset(at, 0, sizeof(weir_opt_bool));
        return length == 1 || length < 0;
    }
}

/* False: the row has something that is not for the object, or that only the other way can name. What was done then does not matter.
 * `spare`: bytes of the row beyond those that it has at least, so that only what is longer needs a look at its end. */
static inline bool read_direct(const weir_pg_cursor *cursor, weir_sink *sink, const uint8_t *next, const uint8_t *end,
                               const uint8_t *readable)
{
    char *object = sink->object;
    const weir_step *step = cursor->base.steps, *last = step + cursor->base.column_count;
    int64_t spare = end - next - cursor->least;
    if (spare < 0)
        return false;
    for (; step != last; step++) {
        int32_t length = read_length(next);
        const uint8_t *source = next + 4;
        char *at = object + step->direct.offset;
        if (step->direct.way == INT64_OF_8) {   /* what most columns are made of comes first */
            if (length != 8)
                return false;
            memcpy(at, &(uint64_t){ weir_pg_load64(source) }, 8);
            next = source + 8;
            continue;
        }
        enum way way = (enum way)step->direct.way;
        switch (way) {
        case INT32_OF_4:
            if (length != 4)
                return false;
            memcpy(at, &(uint32_t){ weir_pg_load32(source) }, 4);
            next = source + 4;
            continue;
        case INT64_OF_4:
            if (length != 4)
                return false;
            memcpy(at, &(int64_t){ (int32_t)weir_pg_load32(source) }, 8);
            next = source + 4;
            continue;
        case DOUBLE_OF_8:
            if (length != 8)
                return false;
            memcpy(at, &(uint64_t){ weir_pg_load64(source) }, 8);
            next = source + 8;
            continue;
        default:
            break;
        }
        next = source + (length > 0 ? length : 0);
        if (length < -1 || (length > 0 && (spare -= length) < 0))
            return false;
        if (way >= OPT_OF_8) {
            if (!put_optional(way, source, length, at))
                return false;
        } else if (way == BY_CELL || (length < 0 && !step->direct.nullable)) {
            if (!put_by_cell(sink->arena, step, source, length, object))
                return false;
        } else if (length < 0) {
            memset(at, 0, sizeof(weir_text));
        } else if (way == TEXT) {
            if (!put_text(sink->arena, source, (size_t)length, readable, at))
                return false;
        } else if (length < 1 || *source != 1 || !put_text(sink->arena, source + 1, (size_t)length - 1, readable, at)) {
            return false;
        }
    }
    return next == end && sink->took(sink);
}

/* ---- into cells --------------------------------------------------------------------------------------------------------------------- */
/* As weir_pg_decode_text, of a row that is not borrowed: short texts are copied by words, without a call. */
static inline bool put_text_cell(weir_arena *arena, const uint8_t *source, size_t length, const uint8_t *readable, weir_text *target)
{
    char *bytes = arena->next;
    if (length < SHORT_TEXT && readable - source >= SHORT_TEXT && arena->end - bytes >= SHORT_TEXT) {
        memcpy(bytes, source, SHORT_TEXT);
        arena->next = bytes + length + 1;
    } else if ((bytes = weir_arena_bytes(arena, length + 1)) != NULL) {
        memcpy(bytes, source, length);
    } else {
        return false;
    }
    bytes[length] = 0;
    *target = (weir_text){ bytes, length };
    return true;
}

/* What nearly all rows are: those that find their place, and whose fields are as their types want them. False: the other way finds out why
 * not. What was done then does not matter. `spare`: bytes of the row behind the field, less the lengths of those to come. */
static inline bool read_plain(const weir_pg_cursor *cursor, weir_sink *sink, weir_decode *decode, const uint8_t *next, const uint8_t *end,
                              const uint8_t *readable)
{
    char *place = sink->next;
    int64_t usec;
    const weir_step *step = cursor->base.steps, *last = step + cursor->base.column_count;
    int64_t spare = end - next - 4 * (int64_t)cursor->base.column_count;
    if (place == sink->end || sink->came || spare < 0)
        return false;
    for (; step != last; step++) {
        int32_t length = read_length(next);
        const uint8_t *source = next + 4;
        weir_value *target = (weir_value *)(void *)(place + step->offset);
        if (step->way == INT64_OF_8 && length == 8) {       /* what most columns are made of comes first */
            if ((spare -= 8) < 0)
                return false;
            target->type = WEIR_T_INT64;
            target->as.i = (int64_t)weir_pg_load64(source);
            next = source + 8;
            continue;
        }
        if (length == -1) {
            target->type = WEIR_T_NULL;
            next = source;
            continue;
        }
        if (length < 0)
            return false;
        next = source + length;
        if ((spare -= length) < 0)
            return false;
        switch ((enum way)step->way) {
        case TEXT:
            target->type = step->type;
            if (!put_text_cell(sink->arena, source, (size_t)length, readable, &target->as.text))
                return false;
            continue;
        case INT32_OF_4:
            if (length != 4)
                return false;
            target->type = WEIR_T_INT32;
            target->as.i = (int32_t)weir_pg_load32(source);
            continue;
        case DOUBLE_OF_8:
            if (length != 8)
                return false;
            target->type = WEIR_T_DOUBLE;
            memcpy(&target->as.d, &(uint64_t){ weir_pg_load64(source) }, sizeof target->as.d);
            continue;
        case BOOL_OF_1:
            if (length != 1)
                return false;
            target->type = WEIR_T_BOOL;
            target->as.b = *source != 0;
            continue;
        case MOMENT_OF_8:
            if (length != 8 || !read_moment(source, &usec))
                return false;
            target->type = step->type;
            target->as.timestamptz.usec = usec;
            continue;
        case JSONB:
            target->type = step->type;
            if (length < 1 || *source != 1 || !put_text_cell(sink->arena, source + 1, (size_t)length - 1, readable, &target->as.text))
                return false;
            continue;
        default:
            break;
        }
        if (step->decode(decode, step, source, (size_t)length, target) != WEIR_OK)
            return false;
    }
    if (spare != 0)
        return false;
    sink->next += sink->stride;
    sink->count++;
    return true;
}

/* A field that cannot be decoded fails the batch, not the connection: the rest of the group is read and dropped. */
static int read_cells(weir_pg_link *link, weir_pg_cursor *cursor, uint8_t *body, size_t length, bool borrow)
{
    weir_sink *sink = cursor->base.sink;
    const uint8_t *next = body + 2, *end = body + length;
    const weir_step *step = cursor->base.steps;
    size_t columns = cursor->base.column_count;
    char *place = weir_sink_row(sink);
    if (!place && weir_sink_ends(sink, WEIR_OUT_OF_MEMORY))
        return WEIR_PG_FULL;
    if (!place)
        return weir_error_keep(&link->group_error, &(weir_error){ .status = WEIR_OUT_OF_MEMORY, .message = "no memory for a row" });
    weir_decode decode;
    decode.arena = sink->arena;
    decode.borrow = borrow;
    int status = WEIR_OK;
    int32_t field = columns && end - next >= 4 ? read_length(next) : 0;
    for (size_t i = 0; i < columns; i++, step++) {
        if (end - next < 4)
            return bad_row(link, cursor, "it ends inside a field's length");
        const uint8_t *source = next + 4;
        if (field > end - source)
            return bad_row(link, cursor, "a field is longer than its row");
        if (field < -1)
            return bad_row(link, cursor, "a field of impossible length");
        next = field > 0 ? source + field : source;
        /* the next length first: a borrowed text gets its NUL where that length stands */
        int32_t following = end - next >= 4 ? read_length(next) : 0;
        weir_value *target = (weir_value *)(void *)(place + step->offset);
        if (field < 0)
            target->type = WEIR_T_NULL;
        else if ((status = step->decode(&decode, step, source, (size_t)field, target)) != WEIR_OK) {
            weir_sink_take_back(sink);
            if (weir_sink_ends(sink, status)) {
                sink->full = true;
                return WEIR_PG_FULL;
            }
            return bad_field(link, cursor, i, status, decode.reason);
        }
        field = following;
    }
    if (next != end)
        return bad_row(link, cursor, "it is longer than its fields");
    if (sink->came) {
        sink->came(sink);
        if (sink->full)
            return WEIR_PG_FULL;
    }
    return WEIR_OK;
}

int weir_pg_read_row(weir_pg_link *link, weir_pg_cursor *cursor, uint8_t *body, size_t length, bool borrow)
{
    if (length < 2 || weir_pg_load16(body) != cursor->base.column_count)
        return bad_row(link, cursor, "another number of columns than described");
    int status = read_cells(link, cursor, body, length, borrow);
    if (status != WEIR_OK)
        return status;
    cursor->base.rows++;
    cursor->base.bytes += (int64_t)length;
    if (cursor->base.widest < (int64_t)length)
        cursor->base.widest = (int64_t)length;
    return WEIR_OK;
}

/* ---- many rows ---------------------------------------------------------------------------------------------------------------------- */
/* Those in the window up to the first that is not here as a whole, or needs a closer look. */
static void read_quickly(weir_pg_link *link, weir_pg_cursor *cursor)
{
    weir_sink *sink = cursor->base.sink;
    const uint8_t *from = link->in + link->in_start, *end = link->in + link->in_end, *at = from;
    int64_t rows = 0, widest = cursor->base.widest;
    weir_decode decode;
    decode.arena = sink->arena;
    decode.borrow = false;
    while (end - at >= 7 && at[0] == 'D') {
        int64_t length = weir_pg_load32(at + 1);
        const uint8_t *fields = at + 7, *behind = at + 1 + length;
        if (length < 6 || length >= end - at || weir_pg_load16(at + 5) != cursor->base.column_count)
            break;
        if (!(sink->object ? read_direct(cursor, sink, fields, behind, end) : read_plain(cursor, sink, &decode, fields, behind, end)))
            break;
        at = behind;
        rows++;
        widest = length - 4 > widest ? length - 4 : widest;
    }
    link->in_start += (size_t)(at - from);
    cursor->base.rows += rows;
    cursor->base.bytes += at - from - 5 * rows;
    cursor->base.widest = widest;
}

/* Not while the server's clock runs on in a wait for us to read on (RULES W5). */
bool weir_pg_has_slice(const weir_pg_cursor *cursor)
{
    const weir_cursor *base = &cursor->base;
    return base->slice && base->may_prefetch && base->sink->count > 0 &&
           (size_t)(base->bytes - cursor->bytes_from) + base->sink->count * base->sink->stride >= base->slice;
}

int weir_pg_read_rows(weir_pg_link *link)
{
    weir_pg_cursor *cursor = link->cursor;
    for (;;) {
        read_quickly(link, cursor);
        uint8_t *at = link->in + link->in_start;
        size_t here = link->in_end - link->in_start, length = here >= 5 ? weir_pg_load32(at + 1) : 0;
        if (here >= 5 && at[0] == 'D' && weir_pg_has_slice(cursor))
            link->row_waits = true;
        if (link->row_waits || here < 5 || at[0] != 'D' || length < 4 || length >= here)
            return WEIR_OK;
        int status = weir_pg_read_row(link, cursor, at + 5, length - 4, false);
        if (status == WEIR_PG_FULL) {
            link->row_waits = true;
            return WEIR_OK;
        }
        link->in_start += length + 1;
        if (status != WEIR_OK)
            return link->base.lost ? status : WEIR_OK;
    }
}
