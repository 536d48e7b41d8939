/* Members of entities by what can be compared with what. */
#ifndef WEIR_SQL_ENTITY_H
#define WEIR_SQL_ENTITY_H
#include "sql/select.h"

typedef enum weir_member_family {
    WEIR_FAMILY_NONE = 0,
    WEIR_FAMILY_BOOL, WEIR_FAMILY_INTEGER, WEIR_FAMILY_FLOATING, WEIR_FAMILY_TEXT, WEIR_FAMILY_BLOB, WEIR_FAMILY_NUMERIC,
    WEIR_FAMILY_ARRAY, WEIR_FAMILY_DATE, WEIR_FAMILY_TIME, WEIR_FAMILY_TIMETZ, WEIR_FAMILY_TIMESTAMP, WEIR_FAMILY_TIMESTAMPTZ,
    WEIR_FAMILY_INTERVAL, WEIR_FAMILY_UUID
} weir_member_family;

weir_member_family weir_family_of(const weir_member *member);
/* Whether its column may be NULL: the C type says, and no primary key is. */
bool weir_member_has_null(const weir_member *member);

/* A path of foreign keys between two entities, as members of the one and of the other. */
typedef struct weir_key_path {
    size_t              count;
    const weir_member **near, **far;
} weir_key_path;
/* What leads from `near` to `far`: WEIR_OK, WEIR_NO_FOREIGN_KEYS, WEIR_AMBIGUOUS_FOREIGN_KEYS, WEIR_MAPPING (a key that names no
 * mapped column) or WEIR_OUT_OF_MEMORY. Where both are one entity `holder_is_near` says which side holds the foreign key.
 * *error is filled for the last two alone: the caller knows what the others mean. */
int weir_key_path_find(const weir_entity *near, const weir_entity *far, bool holder_is_near, weir_arena *arena, weir_key_path *out,
                       weir_error *error);
#endif
