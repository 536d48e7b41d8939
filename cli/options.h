/* Options of a command: one table drives parsing, --help and the error messages. */
#ifndef WEIR_CLI_OPTIONS_H
#define WEIR_CLI_OPTIONS_H
#include <stdbool.h>
#include <stddef.h>

typedef enum option_kind {
    OPTION_TEXT,                        /* const char * */
    OPTION_LIST,                        /* text_list: may be given several times */
    OPTION_COUNT,                       /* int64_t, 0 or more */
    OPTION_SIZE,                        /* int64_t: bytes, written with K, M, G or without (powers of 1024) */
    OPTION_ON,                          /* bool, set */
    OPTION_OFF,                         /* bool, cleared */
    OPTION_HELP                         /* nothing: shows the help */
} option_kind;

typedef struct option_row {
    const char *name;                   /* with its dashes */
    const char *value;                  /* what stands for the value in the help; NULL: takes none */
    option_kind kind;
    size_t      offset;                 /* of the member in the command's settings */
    const char *choices;                /* "json|xml": the only values; NULL: any */
    const char *help;
} option_row;

typedef struct command_spec {
    const char       *name;
    const char       *usage;            /* behind "weir NAME " */
    const char       *summary;
    const option_row *options;
    size_t            option_count;
    size_t            argument_offset;  /* of the const char * for the first argument that is no option; the others lie behind it */
    const char       *arguments[2];     /* their names; NULL: no such one */
    const char       *notes;            /* behind the options in the help */
    int             (*run)(int count, char **words);
} command_spec;

/* Reads the words into the settings. 0; OPTIONS_HELP_SHOWN; or EXIT_USAGE when a line was said. */
enum { OPTIONS_HELP_SHOWN = -1 };
int options_parse(const command_spec *command, int count, char **words, void *settings);
/* On standard output. */
void options_help(const command_spec *command);
/* Of `count` names, the one that was probably meant, or NULL. name_at gives them. */
typedef const char *(*options_name_fn)(size_t index, const void *context);
const char *options_nearest(const char *word, size_t count, options_name_fn name_at, const void *context);
#endif
