/* Entities of tables with hostile names: that it compiles is half of the test, that it finds all columns the other one. */
#define HOSTILE_ENTITIES
#include "hostile.h"
#include <assert.h>
#include <stdio.h>
#include <weir/weir.h>

static void tell(const weir_difference *difference, void *context)
{
    (void)context;
    puts(difference->message);
}

int main(int count, char **words)
{
    const weir_entity *const all[] = { &a_b_int_x_entity, &x_int_entity, &x_int_2_entity, &x_weir_value_entity, &x_while_entity, &u1f600_entity, &x_entity,
                                       &nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn1_entity, &nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn2_entity, NULL };
    weir_engine *engine = NULL;
    weir_error error;
    assert(count == 2 && weir_engine_open(&engine, words[1], NULL) == WEIR_OK);
    int64_t differences = weir_schema_check(engine, all, tell, NULL, &error);
    if (differences)
        printf("%d differences: %s\n", (int)differences, differences < 0 ? error.message : "");
    weir_engine_close(&engine);
    return differences != 0;
}
