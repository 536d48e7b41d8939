/* The entities that weir reflect made of films.postgresql.sql: they fit the live tables, and lead from one to the other. */
#define FILMS_ENTITIES
#include "films.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static void tell(const weir_difference *difference, void *context)
{
    (void)context;
    puts(difference->message);
}

static void check_labels(void)
{
    assert(MPAA_RATING_G == 0 && MPAA_RATING_NC_17_2 == 5);
    assert(!strcmp(x_class_names[2], "M\xC3\xBCll */ ?" "?/") && !*x_class_names[3]);
}

static void check_films(weir_session *session)
{
    struct film *film = WEIR_GET(film, session, 1);
    assert(film && !strcmp(film->title, "Metropolis") && film->length.present && film->length.value == 153);
    assert(film->condition == X_CLASS_USED_AS_IS && !strcmp(film->rating, "PG-13") && film->scores->count == 1);
    assert(weir_load(film, language) == WEIR_OK && !strncmp(film->language->name, "German", 6));
    assert(weir_load(film, original_language) == WEIR_OK && !film->original_language);
    assert(weir_load(film, actor) == WEIR_OK && film->actor.count == 2);
    assert(weir_load(film, film_sequel_by_sequel) == WEIR_OK && film->film_sequel_by_sequel.count == 1);
    assert(film->film_sequel_by_sequel.items[0]->film_id == 2);
    struct store *store = WEIR_GET(store, session, 1);
    assert(weir_load(store, manager) == WEIR_OK && !strcmp(store->manager->name, "Ada"));
    assert(weir_load(store->manager, staff_by_reports_to) == WEIR_OK && store->manager->staff_by_reports_to.count == 1);
    struct inventory *copy = WEIR_GET(inventory, session, 1, 7);
    assert(weir_load(copy, rental) == WEIR_OK && copy->rental.count == 2);
    struct rental *rental = copy->rental.items[1];
    assert(weir_load(rental, inventory) == WEIR_OK && rental->inventory == copy);
    assert(weir_load(store, address) == WEIR_OK && weir_load(store->address, city) == WEIR_OK);
    assert(!strcmp(store->address->Strasse_und_Nr, "Domstr. 1") && store->address->city->country_id == 49);
}

int main(int count, char **words)
{
    const weir_entity *const all[] = { &actor_entity, &address_entity, &category_entity, &city_entity, &country_entity, &film_entity,
        &film_category_entity, &inventory_entity, &language_entity, &payment_entity, &rental_entity, &staff_entity, &store_entity,
        &Groessen_film_entity, NULL };
    weir_engine *engine = NULL;
    weir_error error;
    assert(count == 2 && weir_engine_open(&engine, words[1], NULL) == WEIR_OK);
    int64_t differences = weir_schema_check(engine, all, tell, NULL, &error);
    if (differences)
        printf("%d differences: %s\n", (int)differences, differences < 0 ? error.message : "");
    check_labels();
    weir_session *session = weir_session_open(engine);
    check_films(session);
    int status = weir_session_close(&session);
    weir_engine_close(&engine);
    return differences || status ? 1 : 0;
}
