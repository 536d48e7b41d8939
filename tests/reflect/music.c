/* The entities that weir reflect made of music.sqlite.sql: they fit the live tables, and lead from one to the other. */
#define MUSIC_ENTITIES
#include "music.h"
#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>

static void tell(const weir_difference *difference, void *context)
{
    (void)context;
    puts(difference->message);
}

static void check_music(weir_session *session)
{
    struct Track *track = WEIR_GET(Track, session, 1);
    assert(track && track->Milliseconds == 5000000000 && track->Explicit && track->half.value == 2500000000);
    assert(track->UnitPrice > 0.98 && track->UnitPrice < 1 && track->Discount.value > 1.5);
    assert(track->Listed.len == 6 && !memcmp(track->Listed.ptr, "0.9900", 6) && track->Bought.present);
    assert(weir_load(track, Album) == WEIR_OK && !strcmp(track->Album->Title, "One"));
    assert(weir_load(track->Album, Artist) == WEIR_OK && !strcmp(track->Album->Artist->Name, "Helm"));
    assert(weir_load(track->Album->Artist, Album) == WEIR_OK && track->Album->Artist->Album.count == 2);
    assert(weir_load(track->Album->Artist, FavouriteAlbum) == WEIR_OK && track->Album->Artist->FavouriteAlbum == track->Album);
    assert(weir_load(track, GenreCode_Genre) == WEIR_OK && !strcmp(track->GenreCode_Genre->Name, "Rock"));
    struct Playlist *list = WEIR_GET(Playlist, session, 1);
    assert(weir_load(list, Track_by_PlaylistTrack) == WEIR_OK && list->Track_by_PlaylistTrack.count == 2);
    assert(weir_load(list, Track_by_HiddenTrack) == WEIR_OK && list->Track_by_HiddenTrack.count == 1);
    struct Employee *bob = WEIR_GET(Employee, session, 2);
    assert(weir_load(bob, ReportsTo_Employee) == WEIR_OK && !strcmp(bob->ReportsTo_Employee->LastName, "Ada"));
    assert(weir_load(bob, Customer) == WEIR_OK && bob->Customer.count == 1);
    struct InvoiceLine *line = WEIR_GET(InvoiceLine, session, 1, 2);
    assert(weir_load(line, Refund) == WEIR_OK && line->Refund.count == 1);
    struct Refund *refund = line->Refund.items[0];
    assert(weir_load(refund, InvoiceLine) == WEIR_OK && refund->InvoiceLine == line);
    struct Loose *loose = WEIR_GET(Loose, session, 1, "x");
    assert(loose && loose->A.value == 1);
}

int main(int count, char **words)
{
    const weir_entity *const all[] = { &Album_entity, &Artist_entity, &Customer_entity, &Employee_entity, &Genre_entity, &Invoice_entity,
        &InvoiceLine_entity, &Loose_entity, &MediaType_entity, &Playlist_entity, &Refund_entity, &Track_entity, &Wrong_entity, NULL };
    weir_engine *engine = NULL;
    weir_error error;
    assert(count == 2 && weir_engine_open(&engine, words[1], NULL) == WEIR_OK);
    int64_t differences = weir_schema_check(engine, all, tell, NULL, &error);
    if (differences)
        printf("%d differences: %s\n", (int)differences, differences < 0 ? error.message : "");
    weir_session *session = weir_session_open(engine);
    check_music(session);
    int status = weir_session_close(&session);
    weir_engine_close(&engine);
    return differences || status ? 1 : 0;
}
