/* The tests' log collector: keeps what weir reports through its log callback. */
#include "support.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct test_log {
    pthread_mutex_t  mutex;
    size_t           count, capacity;
    test_log_entry **entries;           /* each in a block of its own: pointers to them outlive growth */
};

static void *must(void *block)
{
    if (!block)
        fail_msg("%s", "the test itself is out of memory");
    return block;
}

test_log *test_log_new(void)
{
    test_log *log = must(calloc(1, sizeof *log));
    pthread_mutex_init(&log->mutex, NULL);
    return log;
}

void test_log_clear(test_log *log)
{
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->count; i++) {
        free(log->entries[i]->message);
        free(log->entries[i]->parameters);
        free(log->entries[i]);
    }
    log->count = 0;
    pthread_mutex_unlock(&log->mutex);
}

void test_log_free(test_log *log)
{
    if (!log)
        return;
    test_log_clear(log);
    free(log->entries);
    pthread_mutex_destroy(&log->mutex);
    free(log);
}

void test_log_write(const weir_log_event *event, void *context)
{
    test_log *log = context;
    test_log_entry *entry = must(calloc(1, sizeof *entry));
    *entry = (test_log_entry){ event->kind, must(strdup(event->message)), must(strdup(event->parameters)),
                               event->rows, event->connection };
    pthread_mutex_lock(&log->mutex);
    if (log->count == log->capacity) {
        log->capacity = log->capacity ? log->capacity * 2 : 64;
        log->entries = must(realloc(log->entries, log->capacity * sizeof *log->entries));
    }
    log->entries[log->count++] = entry;
    pthread_mutex_unlock(&log->mutex);
}

/* The index-th of the kind whose message contains `text` (NULL: any); *found counts those that are there. */
static const test_log_entry *look(test_log *log, weir_log_kind kind, const char *text, size_t index, size_t *found)
{
    const test_log_entry *hit = NULL;
    *found = 0;
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->count; i++) {
        const test_log_entry *entry = log->entries[i];
        if (entry->kind == kind && (!text || strstr(entry->message, text)) && (*found)++ == index)
            hit = entry;
    }
    pthread_mutex_unlock(&log->mutex);
    return hit;
}

size_t test_log_count(test_log *log, weir_log_kind kind)
{
    return test_log_matching(log, kind, NULL);
}

const test_log_entry *test_log_at(test_log *log, weir_log_kind kind, size_t index)
{
    size_t found;
    return look(log, kind, NULL, index, &found);
}

size_t test_log_matching(test_log *log, weir_log_kind kind, const char *text)
{
    size_t found;
    look(log, kind, text, 0, &found);
    return found;
}

size_t test_log_fetches(test_log *log, int64_t *rows, size_t capacity)
{
    size_t count = 0;
    const test_log_entry *entry;
    for (size_t i = 0; (entry = test_log_at(log, WEIR_LOG_ROUND_TRIP, i)) != NULL; i++) {
        if (strcmp(entry->message, "open") != 0 && strcmp(entry->message, "fetch") != 0)
            continue;
        if (count < capacity)
            rows[count] = entry->rows;
        count++;
    }
    return count;
}

void test_log_print(test_log *log)
{
    pthread_mutex_lock(&log->mutex);
    for (size_t i = 0; i < log->count; i++) {
        const test_log_entry *entry = log->entries[i];
        fprintf(stderr, "log: kind %d, connection %lld, rows %lld: %s {%s}\n", (int)entry->kind, (long long)entry->connection,
                (long long)entry->rows, entry->message, entry->parameters);
    }
    pthread_mutex_unlock(&log->mutex);
}
