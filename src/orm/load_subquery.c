/* Subquery loading. The article promises it for streams, so the statement's own criteria cannot stand in the subquery, where each
 * batch would run them again over the whole table: the keys of the batch take their place (semantics AVS-4). What remains is a
 * load by keys, and its results are select-in's. The forms differ in how many statements they send: of a stream one for each batch,
 * in groups as select-in; of a buffered result one for all parents, as long as the database takes that many parameters. */
#include "orm/load.h"

int64_t weir_load_subquery_group(const weir_load_work *work) { return work->whole ? INT64_MAX : WEIR_LOAD_GROUP; }
