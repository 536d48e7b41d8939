/* Options of a command: parsing, help, and what is said about a wrong one. */
#include "options.h"
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "failure.h"
#include "text.h"

const char *options_nearest(const char *word, size_t count, options_name_fn name_at, const void *context)
{
    const char *best = NULL;
    size_t nearest = strlen(word) < 6 ? 2 : 3;      /* farther than that is no slip of the finger */
    for (size_t i = 0; i < count; i++) {
        size_t distance = text_distance(word, name_at(i, context));
        if (distance < nearest || (distance == nearest && !best)) {
            nearest = distance;
            best = name_at(i, context);
        }
    }
    return best;
}

static const char *option_name(size_t index, const void *context) { return ((const option_row *)context)[index].name; }

static int unknown_option(const command_spec *command, const char *word, size_t length)
{
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)length, word);
    const char *meant = options_nearest(name, command->option_count, option_name, command->options);
    if (meant)
        return failure_say(EXIT_USAGE, "unknown option %s: there is no such option; did you mean %s?", name, meant);
    return failure_say(EXIT_USAGE, "unknown option %s: there is no such option; see weir help %s", name, command->name);
}

static bool is_choice(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (strcspn(p, "|") == length && !strncmp(p, value, length))
            return true;
    return false;
}

static int store_count(const option_row *row, const char *value, int64_t *out)
{
    char *end = NULL;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno || end == value || *end || number < 0 || number > INT32_MAX)
        return failure_say(EXIT_USAGE, "wrong value for %s: \"%s\" is not a number from 0 to %d; give digits only", row->name,
                           value, INT32_MAX);
    *out = number;
    return 0;
}

/* "256M", "64MiB", "1g", "1000" */
static int store_size(const option_row *row, const char *value, int64_t *out)
{
    static const char units[] = "KMGT";
    char *end = NULL;
    errno = 0;
    double number = strtod(value, &end), factor = 1;
    const char *unit = *end & ~0x20 ? strchr(units, *end & ~0x20) : NULL;      /* not a space, nor the end */
    for (const char *u = units; unit && u <= unit; u++)
        factor *= 1024;
    const char *rest = unit ? end + 1 : end;
    bool ends = !*rest || !strcmp(rest, "B") || !strcmp(rest, "b") || (unit && (!strcmp(rest, "iB") || !strcmp(rest, "ib")));
    if (errno || end == value || !ends || !(number * factor >= 1 && number * factor < 9e18))
        return failure_say(EXIT_USAGE, "wrong value for %s: \"%s\" is no size; give one like 256M or 1G", row->name, value);
    *out = (int64_t)(number * factor);
    return 0;
}

static int store(const option_row *row, const char *value, void *settings)
{
    void *member = (char *)settings + row->offset;
    if (row->choices && !is_choice(row->choices, value))
        return failure_say(EXIT_USAGE, "wrong value for %s: \"%s\" is unknown; give %s", row->name, value, row->choices);
    switch (row->kind) {
    case OPTION_TEXT:  *(const char **)member = value; break;
    case OPTION_LIST:  text_list_add(member, value); break;
    case OPTION_COUNT: return store_count(row, value, member);
    case OPTION_SIZE:  return store_size(row, value, member);
    case OPTION_ON:    *(bool *)member = true; break;
    case OPTION_OFF:   *(bool *)member = false; break;
    case OPTION_HELP:  break;
    }
    return 0;
}

/* One option and, where it takes one, its value: behind "=" or the next word. *index moves over what was used. */
static int parse_option(const command_spec *command, int count, char **words, int *index, void *settings)
{
    const char *word = words[*index], *equals = strchr(word, '=');
    size_t length = equals ? (size_t)(equals - word) : strlen(word);
    const option_row *row = NULL;
    for (size_t i = 0; i < command->option_count && !row; i++)
        if (strlen(command->options[i].name) == length && !strncmp(command->options[i].name, word, length))
            row = &command->options[i];
    if (!row)
        return unknown_option(command, word, length);
    if (row->kind == OPTION_HELP) {
        options_help(command);
        return OPTIONS_HELP_SHOWN;
    }
    if (!row->value && equals)
        return failure_say(EXIT_USAGE, "wrong use of %s: it takes no value; leave \"%s\" away", row->name, equals);
    const char *value = equals ? equals + 1 : "";
    if (row->value && !equals) {
        if (*index + 1 >= count)
            return failure_say(EXIT_USAGE, "wrong use of %s: its value is missing; give %s %s", row->name, row->name, row->value);
        value = words[++*index];
    }
    return store(row, value, settings);
}

int options_parse(const command_spec *command, int count, char **words, void *settings)
{
    const char **arguments = (const char **)(void *)((char *)settings + command->argument_offset);
    size_t given = 0, wanted = command->arguments[1] ? 2 : 1;
    bool options_ended = false;
    for (int i = 0; i < count; i++) {
        bool is_option = !options_ended && words[i][0] == '-' && words[i][1];
        if (is_option && !strcmp(words[i], "--")) {
            options_ended = true;
        } else if (is_option) {
            int status = parse_option(command, count, words, &i, settings);
            if (status != 0)
                return status;
        } else if (given == wanted) {
            return failure_say(EXIT_USAGE, "too many arguments: %s was given before \"%s\"; quote what belongs together",
                               command->arguments[wanted - 1], strpbrk(words[i], ":=") ? "…" : words[i]);    /* a URL's password may be in it */
        } else {
            arguments[given++] = words[i];
        }
    }
    if (given < wanted)
        return failure_say(EXIT_USAGE, "wrong usage: the %s is missing; give weir %s %s", command->arguments[given], command->name,
                           command->usage);
    return 0;
}

void options_help(const command_spec *command)
{
    enum { COLUMN = 24 };
    printf("weir %s: %s\n\nUsage: weir %s %s\n\nOptions:\n", command->name, command->summary, command->name, command->usage);
    for (size_t i = 0; i < command->option_count; i++) {
        const option_row *row = &command->options[i];
        int used = printf("  %s%s%s", row->name, row->value ? " " : "", row->value ? row->value : "");
        size_t length;
        for (const char *at = row->help, *line; text_next_line(&at, &line, &length); used = 0)
            printf("%*s%.*s\n", used < COLUMN ? COLUMN - used : 2, "", (int)length, line);
    }
    if (command->notes)
        printf("\n%s", command->notes);
}
