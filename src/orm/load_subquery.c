/* Subquery loading. The article promises it for streams, so the statement's own criteria cannot stand in the subquery, where each
 * batch would run them again over the whole table: the keys of the batch take their place (semantics AVS-4). What remains is a
 * load by keys, and its results are select-in's. The forms differ in how many statements they send: of a stream one for each batch,
 * in groups as select-in; of a buffered result one for all parents, as long as the database takes that many parameters. */
#include "orm/load.h"

int64_t weir_load_subquery_group(const weir_load_work *work) { return work->whole ? INT64_MAX : WEIR_LOAD_GROUP; }

int weir_load_subquery_refuse(const weir_load_node *node, weir_error *error)
{
    int status = WEIR_OK;
    for (size_t i = 0; i < node->mapper->relationship_count && status == WEIR_OK; i++) {
        const weir_load_step *step = &node->steps[i];
        if (step->how == WEIR_LAZY_SUBQUERY)
            status = weir_error_set(error, WEIR_INVALID_REQUEST,
                                    "Can't use yield_per with eager loaders that require uniquing or row buffering, e.g. joinedload() against "
                                    "collections or subqueryload().  Consider the selectinload() strategy for better flexibility in loading "
                                    "objects. ('%s.%s', strict_loading)", node->mapper->entity->name, step->relationship->member->name);
        else if (step->target)
            status = weir_load_subquery_refuse(step->target, error);
    }
    return status;
}
