/* Owners with items, and items with notes: the entities of tests that stream and load what lies in tables of their own making. */
#ifndef TEST_OWNERS_H
#define TEST_OWNERS_H
#include <weir/weir.h>

WEIR_ENTITY_DECLARE(owner);
WEIR_ENTITY_DECLARE(item);
WEIR_ENTITY_DECLARE(note);
struct owner { int64_t id; weir_text name; WEIR_MANY(struct item) items; };
struct item { int64_t id, owner_id; weir_text text; weir_opt_int64 number; struct owner *owner; WEIR_MANY(struct note) notes; };
struct note { int64_t id, item_id; weir_text text; };
WEIR_ENTITY(owner, "owners",
    WEIR_COLUMN(owner, id, .primary_key = true),
    WEIR_COLUMN(owner, name),
    WEIR_HAS_MANY(owner, items, item, owner_id, .order_by = "id"));
WEIR_ENTITY(item, "items",
    WEIR_COLUMN(item, id, .primary_key = true),
    WEIR_COLUMN(item, owner_id),
    WEIR_COLUMN(item, text),
    WEIR_COLUMN(item, number),
    WEIR_BELONGS_TO(item, owner, owner, owner_id),
    WEIR_HAS_MANY(item, notes, note, item_id, .order_by = "id"));
WEIR_ENTITY(note, "notes",
    WEIR_COLUMN(note, id, .primary_key = true),
    WEIR_COLUMN(note, item_id),
    WEIR_COLUMN(note, text));
#endif
