/* The manual page weir(1), in roff, made of the commands' tables: what a command takes is said in one place. */
#include "documents.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <weir/weir.h>
#include "text.h"

/* Text that roff does not take for its own: dashes can be searched for, lines do not begin with a request. */
static void put(const char *words, size_t length)
{
    if (length > 0 && (*words == '.' || *words == '\''))
        fputs("\\&", stdout);
    for (const char *p = words; p < words + length; p++)
        switch (*p) {
        case '\\': fputs("\\e", stdout); break;
        case '-':  fputs("\\-", stdout); break;
        case '\'': fputs("\\(aq", stdout); break;
        case '^':  fputs("\\(ha", stdout); break;
        case '~':  fputs("\\(ti", stdout); break;
        case '`':  fputs("\\(ga", stdout); break;
        case '"':  fputs("\\(dq", stdout); break;
        default:   putchar(*p);
        }
}

static void put_text(const char *words) { put(words, strlen(words)); }

static void put_line(const char *words, size_t length)
{
    put(words, length);
    putchar('\n');
}

/* Placeholders, in capitals, in italics, all else in bold: --to FILE|- */
static void put_usage(const char *words)
{
    for (const char *p = words; *p; ) {
        bool placeholder = isupper((unsigned char)*p) != 0;
        size_t length = 0;
        while (p[length] && (isupper((unsigned char)p[length]) || (placeholder && p[length] == '-' && isupper((unsigned char)p[length + 1]))) == placeholder)
            length++;
        fputs(placeholder ? "\\fI" : "\\fB", stdout);
        put(p, length);
        fputs("\\fR", stdout);
        p += length;
    }
}

/* Lines that are indented stand as they are; an empty line begins a paragraph. */
static void put_notes(const char *notes)
{
    bool as_is = false;
    size_t length;
    puts(".PP");
    for (const char *at = notes, *line; text_next_line(&at, &line, &length); ) {
        bool indented = *line == ' ';
        if (indented != as_is)
            puts(indented ? ".RS 2\n.nf" : ".fi\n.RE");
        as_is = indented;
        if (length == 0)
            puts(".PP");
        else
            put_line(line + (indented ? strspn(line, " ") : 0), length - (indented ? strspn(line, " ") : 0));
    }
    if (as_is)
        puts(".fi\n.RE");
}

static void put_options(const command_spec *command)
{
    for (size_t i = 0; i < command->option_count; i++) {
        const option_row *row = &command->options[i];
        fputs(".TP\n\\fB", stdout);
        put_text(row->name);
        fputs("\\fR", stdout);
        if (row->value) {
            fputs(" \\fI", stdout);
            put_text(row->value);
            fputs("\\fR", stdout);
        }
        putchar('\n');
        size_t length;
        for (const char *at = row->help, *line; text_next_line(&at, &line, &length); )
            put_line(line, length);
    }
}

static void put_command(const command_spec *command)
{
    printf(".SH \"WEIR ");
    for (const char *p = command->name; *p; p++)
        putchar(toupper((unsigned char)*p));
    printf("\"\n.B weir %s\n", command->name);
    put_usage(command->usage);
    puts("\n.PP");
    put_line(command->summary, strlen(command->summary));
    put_options(command);
    if (command->notes)
        put_notes(command->notes);
}

void manual_print(const command_spec *const *commands, size_t count)
{
    printf(".\\\" Made by: weir help --man\n.TH WEIR 1 \"\" \"weir %s\" \"User Commands\"\n", weir_version());
    puts(".SH NAME\nweir \\- move query results of any size out of, into and between databases\n.SH SYNOPSIS");
    for (size_t i = 0; i < count; i++) {
        printf(".B weir %s\n", commands[i]->name);
        put_usage(commands[i]->usage);
        puts("\n.br");
    }
    puts(".B weir help\n.RI [ COMMAND ]\n.br\n.B weir \\-\\-version\n"
         ".SH DESCRIPTION\n"
         ".B weir\nstreams what a query gives, however much that is, through flat memory: out of PostgreSQL and SQLite into files, out of\n"
         "files into tables, and from one database into another. Options may be written \\-\\-name VALUE or \\-\\-name=VALUE, in any order.\n"
         ".PP\n.B weir help\n.I COMMAND\ntells what is said here of a command;\n.B weir help \\-\\-man\nprints this page,\n"
         ".B weir help \\-\\-completion\n.IR bash | zsh\nwhat a shell needs to complete the command's words.");
    for (size_t i = 0; i < count; i++)
        put_command(commands[i]);
    puts(".SH \"EXIT STATUS\"\n"
         "0: all went well. 1: it failed, and one line on standard error says what, why and what to do. 2: wrong usage. 130: Ctrl\\-C.\n"
         "143: SIGTERM. What else a command has is said there.\n"
         ".SH ENVIRONMENT\n"
         "libpq's variables (PGPASSWORD, PGSERVICE, PGSSLMODE and so on) and its files (\\(ti/.pgpass, pg_service.conf) hold for what the\n"
         "URL does not say.\n"
         ".SH \"SEE ALSO\"\n.BR psql (1),\n.BR sqlite3 (1)");
}
