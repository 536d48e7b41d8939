/* A live schema as a C header of entities: the text. */
#include <stdio.h>
#include <string.h>
#include "schema/reflect.h"
#include "schema/types.h"

enum { LONGEST_HEADER = 1 << 28 };

/* ---- the arena ------------------------------------------------------------------------------------------------------------------- */
void *weir_reflect_take(weir_reflection *r, size_t size)
{
    void *memory = weir_arena_take(&r->arena, size ? size : 1);
    if (memory)
        memset(memory, 0, size);
    else
        weir_error_out_of_memory(r->error);
    return memory;
}

const char *weir_reflect_text(weir_reflection *r, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    char *text = length < 0 ? NULL : weir_arena_bytes(&r->arena, (size_t)length + 1);
    if (text)
        vsnprintf(text, (size_t)length + 1, format, arguments);
    else
        weir_error_out_of_memory(r->error);
    va_end(arguments);
    return text;
}

/* ---- texts of the database in C --------------------------------------------------------------------------------------------------- */
/* Letters of the European scripts stay readable; the rest, among it what changes the direction of writing, is written by its bytes. */
static bool is_readable(const unsigned char *p)
{
    return (p[0] == 0xC2 && p[1] >= 0xA1) || (p[0] >= 0xC3 && p[0] <= 0xD4);
}

/* Between quotes; nothing in it ends the literal, or a comment around it, joins lines or makes a trigraph. */
static void append_escaped(weir_buffer *out, const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    for (; *p; p++) {
        if (*p >= 0x80 && is_readable(p) && (p[1] & 0xC0) == 0x80) {
            weir_buffer_append(out, p, 2);
            p++;
        } else if (*p == '"' || *p == '\\') {
            weir_buffer_byte(out, '\\');
            weir_buffer_byte(out, (char)*p);
        } else if (*p < 0x20 || *p >= 0x7F || *p == '?' || *p == '*') {
            weir_buffer_printf(out, "\\%03o", *p);
        } else {
            weir_buffer_byte(out, (char)*p);
        }
    }
}

static void append_string(weir_buffer *out, const char *text)
{
    weir_buffer_byte(out, '"');
    append_escaped(out, text);
    weir_buffer_byte(out, '"');
}

/* "public.orders" for comments. */
static void append_table(weir_buffer *out, const weir_reflected_table *table)
{
    append_string(out, table->schema);
    weir_buffer_byte(out, '.');
    append_string(out, table->name);
}

/* ---- structs ------------------------------------------------------------------------------------------------------------------------ */
static void write_enum(weir_buffer *out, const weir_reflected_enum *labels)
{
    weir_buffer_printf(out, "enum %s {", labels->tag);
    for (size_t i = 0; i < labels->label_count; i++)
        weir_buffer_printf(out, "%s%s", i ? ", " : " ", labels->enumerators[i]);
    weir_buffer_text(out, " };\n");
}

static void write_member(weir_buffer *out, const weir_reflected_column *column)
{
    char type[64];
    weir_member member = weir_reflect_member(column);
    weir_schema_c_type(&member, type, sizeof type);
    if (column->type == WEIR_M_NONE) {
        weir_buffer_text(out, "    /* column ");
        append_string(out, column->info->name);
        weir_buffer_printf(out, ": %s */\n", column->note);
        return;
    }
    if (column->type == WEIR_M_ENUM)
        weir_buffer_printf(out, "    enum %s %s;", column->labels->tag, column->member);
    else if (column->type == WEIR_M_ARRAY)
        weir_buffer_printf(out, "    const weir_array *%s;", column->member);
    else
        weir_buffer_printf(out, "    %s%s%s;", type, type[strlen(type) - 1] == '*' ? "" : " ", column->member);
    if (column->note)
        weir_buffer_printf(out, " /* %s */", column->note);
    weir_buffer_byte(out, '\n');
}

static void write_relation_member(weir_buffer *out, const weir_reflected_relation *relation)
{
    if (relation->note) {
        weir_buffer_printf(out, "    /* no relationship%s%s: ", relation->member ? " " : "", relation->member ? relation->member : "");
        append_string(out, relation->key->constraint);
        weir_buffer_text(out, " to ");
        append_string(out, relation->key->target_name);
        weir_buffer_printf(out, ": %s */\n", relation->note);
    } else if (relation->to_many) {
        weir_buffer_printf(out, "    WEIR_MANY(struct %s) %s;\n", relation->target->tag, relation->member);
    } else {
        weir_buffer_printf(out, "    struct %s *%s;\n", relation->target->tag, relation->member);
    }
}

static void write_struct(weir_buffer *out, const weir_reflected_table *table)
{
    weir_buffer_text(out, "\n/* ");
    append_table(out, table);
    weir_buffer_printf(out, " */\nstruct %s {\n", table->tag);
    for (size_t i = 0; i < table->column_count; i++)
        write_member(out, &table->columns[i]);
    for (const weir_reflected_relation *relation = table->relations; relation; relation = relation->next)
        write_relation_member(out, relation);
    weir_buffer_text(out, "};\n");
}

/* ---- entities ------------------------------------------------------------------------------------------------------------------------- */
static void write_texts(weir_buffer *out, const char *attribute, const char *text)
{
    if (!text)
        return;
    weir_buffer_printf(out, ", .%s = ", attribute);
    append_string(out, text);
}

static void write_column(weir_buffer *out, const weir_reflected_table *table, const weir_reflected_column *column)
{
    bool alone = column->key && weir_reflect_key_count(table) == 1;
    if (column->type == WEIR_M_ENUM)
        weir_buffer_printf(out, ",\n    WEIR_ENUM_COLUMN(%s, %s, %s", table->tag, column->member, column->labels->names_table);
    else
        weir_buffer_printf(out, ",\n    WEIR_COLUMN(%s, %s", table->tag, column->member);
    write_texts(out, "column", strcmp(column->member, column->info->name) ? column->info->name : NULL);
    weir_buffer_text(out, column->key ? ", .primary_key = true" : "");
    weir_buffer_text(out, column->generated ? ", .server_generated = true" : "");
    weir_buffer_text(out, column->unique && !alone ? ", .unique = true" : "");
    weir_buffer_text(out, column->indexed && !column->unique && !alone ? ", .indexed = true" : "");
    write_texts(out, "sql_type", column->sql_type);
    write_texts(out, "foreign_key", column->foreign_key);
    weir_buffer_byte(out, ')');
}

static void write_pairs(weir_buffer *out, const weir_reflected_table *table, const weir_reflected_relation *relation)
{
    const weir_reflected_key *key = relation->key;
    weir_buffer_text(out, ", .pairs = WEIR_PAIRS(");
    for (size_t i = 0; i < key->count; i++) {
        const char *near = key->near[i]->member, *far = key->far[i]->member;
        weir_buffer_printf(out, "%sWEIR_PAIR(%s, %s, %s, %s)", i ? ", " : "", table->tag, relation->to_many ? far : near, relation->target->tag,
                           relation->to_many ? near : far);
    }
    weir_buffer_text(out, "))");
}

static void write_relation(weir_buffer *out, const weir_reflected_table *table, const weir_reflected_relation *relation)
{
    const weir_reflected_key *key = relation->key;
    if (relation->note)
        return;
    bool simple = key->count == 1 && key->far[0]->key && weir_reflect_key_count(key->target) == 1;
    const char *macro = relation->between ? "MANY_TO_MANY" : simple ? relation->to_many ? "HAS_MANY" : "BELONGS_TO"
                        : relation->to_many ? "TO_MANY" : "TO_ONE";
    weir_buffer_printf(out, ",\n    WEIR_%s(%s, %s, %s", macro, table->tag, relation->member, relation->target->tag);
    if (relation->between) {
        const char *texts[] = { relation->between->spelled, key->near[0]->info->name, relation->far->near[0]->info->name };
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            weir_buffer_text(out, ", ");
            append_string(out, texts[i]);
        }
        weir_buffer_byte(out, ')');
    } else if (simple) {
        weir_buffer_printf(out, ", %s)", key->near[0]->member);
    } else {
        write_pairs(out, table, relation);
    }
}

static void write_entity(weir_buffer *out, const weir_reflected_table *table)
{
    weir_buffer_printf(out, "\nWEIR_ENTITY(%s, ", table->tag);
    append_string(out, table->spelled);
    for (size_t i = 0; i < table->column_count; i++)
        if (table->columns[i].type != WEIR_M_NONE)
            write_column(out, table, &table->columns[i]);
    for (const weir_reflected_relation *relation = table->relations; relation; relation = relation->next)
        write_relation(out, table, relation);
    weir_buffer_text(out, ");\n");
}

static void write_names(weir_buffer *out, const weir_reflected_enum *labels)
{
    weir_buffer_printf(out, "\nconst char *const %s[%zu] = {", labels->names_table, labels->label_count);
    for (size_t i = 0; i < labels->label_count; i++) {
        weir_buffer_text(out, i ? ", " : " ");
        append_string(out, labels->labels[i]);
    }
    weir_buffer_text(out, " };\n");
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------------------ */
static bool is_entity(const weir_reflected_table *table) { return !table->why && !table->between; }

static void write_left_out(const weir_reflection *r, weir_buffer *out)
{
    for (size_t i = 0; i < r->table_count; i++) {
        const weir_reflected_table *table = &r->tables[i];
        if (is_entity(table))
            continue;
        weir_buffer_text(out, "/* ");
        append_table(out, table);
        if (table->between) {
            weir_buffer_text(out, " is the table between ");
            append_table(out, table->keys->target);
            weir_buffer_text(out, " and ");
            append_table(out, table->keys->next->target);
        } else {
            weir_buffer_text(out, " is not mapped: ");
            append_escaped(out, table->why);
        }
        weir_buffer_text(out, " */\n");
    }
}

static void write_declarations(const weir_reflection *r, weir_buffer *out)
{
    weir_buffer_text(out, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for (const weir_reflected_enum *labels = r->enums; labels; labels = labels->next)
        weir_buffer_printf(out, "extern const char *const %s[%zu];\n", labels->names_table, labels->label_count);
    for (size_t i = 0; i < r->table_count; i++)
        if (is_entity(&r->tables[i]))
            weir_buffer_printf(out, "extern const weir_entity %s_entity;\n", r->tables[i].tag);
    weir_buffer_text(out, "#ifdef __cplusplus\n}\n#endif\n");
}

void weir_reflect_write(weir_reflection *r, const char *guard, weir_buffer *out)
{
    size_t length = strlen(guard);      /* SHOP_H guards, SHOP_ENTITIES defines */
    int stem = (int)(length > 2 && !strcmp(guard + length - 2, "_H") ? length - 2 : length);
    weir_buffer_printf(out,
                       "/* The entities of a %s database, written by weir reflect: run it again rather than change them here.\n"
                       " * One C file of the program defines them:\n *     #define %.*s_ENTITIES\n *     #include of this header */\n"
                       "#ifndef %s\n#define %s\n#include <weir/entity.h>\n\n",
                       r->postgresql ? "PostgreSQL" : "SQLite", stem, guard, guard, guard);
    write_left_out(r, out);
    for (const weir_reflected_enum *labels = r->enums; labels; labels = labels->next)
        write_enum(out, labels);
    for (size_t i = 0; i < r->table_count; i++)
        if (is_entity(&r->tables[i]))
            weir_buffer_printf(out, "struct %s;\n", r->tables[i].tag);
    for (size_t i = 0; i < r->table_count; i++)
        if (is_entity(&r->tables[i]))
            write_struct(out, &r->tables[i]);
    write_declarations(r, out);
    weir_buffer_printf(out, "\n#if defined %.*s_ENTITIES && !defined __cplusplus\n", stem, guard);
    for (const weir_reflected_enum *labels = r->enums; labels; labels = labels->next)
        write_names(out, labels);
    for (size_t i = 0; i < r->table_count; i++)
        if (is_entity(&r->tables[i]))
            write_entity(out, &r->tables[i]);
    weir_buffer_text(out, "\n#endif\n#endif\n");
}

static int reflect(weir_reflection *r, weir_reflect_fn fn, void *context)
{
    weir_buffer out;
    const char *guard = weir_reflect_identifier(r, NULL, r->options->guard ? r->options->guard : "reflected h", true);
    if (!guard)
        return r->error->status;
    int status = weir_reflect_read(r);
    if (status == WEIR_OK)
        status = weir_reflect_shape(r);
    if (status != WEIR_OK)
        return status;
    weir_buffer_init(&out, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, LONGEST_HEADER);
    weir_reflect_write(r, guard, &out);
    if (out.failed)
        status = weir_error_out_of_memory(r->error);
    else if ((status = fn(out.data, out.length, context)) != WEIR_OK)
        weir_error_set(r->error, status, "the header could not be written");
    weir_buffer_free(&out);
    return status;
}

int weir_schema_reflect(weir_connection *connection, const weir_reflect_options *options, weir_reflect_fn fn, void *context, weir_error *error)
{
    weir_error unread;
    weir_reflect_options none = { .struct_size = sizeof none };
    weir_reflection r = { .connection = connection, .options = options ? options : &none, .error = error ? error : &unread };
    weir_error_clear(r.error);
    if (!fn)
        return weir_error_set(r.error, WEIR_ARGUMENT, "there is no function that takes the header");
    if (r.options->struct_size != sizeof none)
        return weir_error_set(r.error, WEIR_ARGUMENT, "struct_size of the options is not set: make them by WEIR_REFLECT_OPTIONS");
    r.postgresql = weir_connection_backend_pid(connection) != 0;
    weir_arena_init(&r.arena, weir_ledger_root(), WEIR_MEMORY_STATEMENTS, 1 << 14);
    int status = reflect(&r, fn, context);
    weir_arena_free(&r.arena);
    return status;
}
