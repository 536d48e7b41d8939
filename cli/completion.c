/* Completion of the command's words in bash and zsh, made of the commands' tables. */
#include "documents.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const char schemes[] = "sqlite:/// postgresql://";

/* What can stand behind an option: the table's choices, or what its help says in small letters, "zstd|snappy|none"; NULL: anything. */
static const char *words_of(const option_row *row)
{
    if (row->choices || !row->value)
        return row->choices;
    for (const char *p = row->value; *p; p++)
        if (!islower((unsigned char)*p) && *p != '|')
            return NULL;
    return row->value;
}

static bool takes_file(const option_row *row) { return row->value && (!strncmp(row->value, "FILE", 4) || !strncmp(row->value, "DIR", 3)); }

/* "a|b" as "a b" */
static void put_words(const char *words)
{
    for (const char *p = words; *p; p++)
        putchar(*p == '|' ? ' ' : *p);
}

static void put_names(const command_spec *const *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        printf("%s%s", i > 0 ? " " : "", commands[i]->name);
}

/* ---- bash -------------------------------------------------------------------------------------------------------------- */

static void bash_values(const command_spec *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const option_row *row = &command->options[i];
        if (words_of(row)) {
            printf("    %s:%s) words='", command->name, row->name);
            put_words(words_of(row));
            puts("' ;;");
        } else if (takes_file(row)) {
            printf("    %s:%s) _weir_files; return ;;\n", command->name, row->name);
        }
    }
    bool first = true;
    for (size_t i = 0; i < command->option_count; i++) {
        const option_row *row = &command->options[i];
        if (!row->value || words_of(row) || takes_file(row))
            continue;
        printf("%s%s:%s", first ? "    " : " | ", command->name, row->name);
        first = false;
    }
    if (!first)
        puts(") return ;;");
}

static void bash_options(const command_spec *command)
{
    printf("    %s:-*) words='", command->name);
    for (size_t i = 0; i < command->option_count; i++)
        printf("%s%s", i > 0 ? " " : "", command->options[i].name);
    puts("' ;;");
}

static void print_bash(const command_spec *const *commands, size_t count)
{
    fputs("# bash completion of weir, made by: weir help --completion bash\n"
          "_weir_files()\n"
          "{\n"
          "    compopt -o filenames 2> /dev/null\n"
          "    mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
          "}\n"
          "_weir()\n"
          "{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev= command=${COMP_WORDS[1]} words=\n"
          "    COMPREPLY=()\n"
          "    if [ \"$COMP_CWORD\" -le 1 ]; then\n"
          "        COMPREPLY=($(compgen -W '", stdout);
    put_names(commands, count);
    fputs(" help --help --version' -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    if [ \"$cur\" = = ]; then                   # --option=\n"
          "        cur=\n"
          "    elif [ \"$prev\" = = ]; then                # --option=value\n"
          "        prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
          "    elif [ \"$cur\" = : ] || [ \"$prev\" = : ]; then   # a URL behind its scheme\n"
          "        return\n"
          "    fi\n"
          "    case $command:$prev in\n"
          "    help:help) words='", stdout);
    put_names(commands, count);
    puts(" --man --completion' ;;\n    help:--completion) words='bash zsh' ;;");
    for (size_t i = 0; i < count; i++)
        bash_values(commands[i]);
    puts("    esac\n"
         "    [ -n \"$words\" ] || case $command:$cur in");
    for (size_t i = 0; i < count; i++)
        bash_options(commands[i]);
    printf("    help:*) return ;;\n"
           "    *)\n"
           "        compopt -o nospace 2> /dev/null\n"
           "        words='%s' ;;\n"
           "    esac\n"
           "    COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
           "}\n"
           "complete -F _weir weir\n", schemes);
}

/* ---- zsh --------------------------------------------------------------------------------------------------------------- */

/* Inside of single quotes, where zsh gives the `special` characters a meaning. */
static void put_zsh(const char *text, const char *special)
{
    for (const char *p = text; *p; p++) {
        if (*p == '\'')
            fputs("'\\'", stdout);
        else if (strchr(special, *p))
            putchar('\\');
        putchar(*p == '\n' ? ' ' : *p);
    }
}

static void zsh_option(const option_row *row)
{
    printf(" \\\n            '%s%s%s[", row->kind == OPTION_LIST ? "*" : "", row->name, row->value ? "=" : "");
    put_zsh(row->help, "[]:\\");
    putchar(']');
    if (row->value) {
        putchar(':');
        put_zsh(row->value, ":\\");
        putchar(':');
        if (words_of(row)) {
            putchar('(');
            put_words(words_of(row));
            putchar(')');
        } else if (takes_file(row)) {
            fputs("_files", stdout);
        }
    }
    putchar('\'');
}

static void zsh_command(const command_spec *command)
{
    printf("    %s)\n        _arguments -S", command->name);
    for (size_t i = 0; i < 2 && command->arguments[i]; i++)
        printf(" \\\n            '%zu:%s:_weir_url'", i + 1, command->arguments[i]);
    for (size_t i = 0; i < command->option_count; i++)
        zsh_option(&command->options[i]);
    puts(" ;;");
}

static void print_zsh(const command_spec *const *commands, size_t count)
{
    printf("#compdef weir\n"
           "# zsh completion of weir, made by: weir help --completion zsh\n"
           "_weir_url() { compadd -S '' -- %s }\n", schemes);
    puts("_weir() {\n"
         "    local -a commands\n"
         "    commands=(");
    for (size_t i = 0; i < count; i++) {
        printf("        '%s:", commands[i]->name);
        put_zsh(commands[i]->summary, "\\");
        puts("'");
    }
    puts("        'help:what a command takes'\n"
         "    )\n"
         "    if (( CURRENT == 2 )); then\n"
         "        _describe -t commands 'command of weir' commands\n"
         "        return\n"
         "    fi\n"
         "    shift words\n"
         "    (( CURRENT-- ))\n"
         "    case $words[1] in");
    for (size_t i = 0; i < count; i++)
        zsh_command(commands[i]);
    puts("    help)\n"
         "        if (( CURRENT == 2 )); then\n"
         "            _describe -t commands 'command of weir' commands\n"
         "        fi ;;\n"
         "    esac\n"
         "}\n"
         "_weir \"$@\"");
}

bool completion_print(const char *shell, const command_spec *const *commands, size_t count)
{
    static const struct { const char *name; void (*print)(const command_spec *const *commands, size_t count); } shells[] = {
        { "bash", print_bash }, { "zsh", print_zsh },
    };
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++)
        if (!strcmp(shells[i].name, shell)) {
            shells[i].print(commands, count);
            return true;
        }
    return false;
}
