/* The command: finds the subcommand and runs it. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <weir/weir.h>
#include "advise.h"
#include "copy.h"
#include "documents.h"
#include "export.h"
#include "failure.h"
#include "import.h"
#include "profile.h"
#include "reflect.h"

static const command_spec *const commands[] = { &export_command, &import_command, &copy_command, &advise_command, &profile_command,
                                              &reflect_command };
enum { COMMANDS = sizeof commands / sizeof *commands };

static const char *command_name(size_t index, const void *unused)
{
    (void)unused;
    return commands[index]->name;
}

static const command_spec *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static int unknown_command(const char *name)
{
    const char *meant = options_nearest(name, COMMANDS, command_name, NULL);
    if (meant)
        return failure_say(EXIT_USAGE, "unknown command %s: there is no such command; did you mean weir %s?", name, meant);
    return failure_say(EXIT_USAGE, "unknown command %s: there is no such command; see weir help", name);
}

static void overview(FILE *out)
{
    fputs("weir: moves query results of any size out of, into and between databases through flat memory.\n\nUsage:\n", out);
    for (size_t i = 0; i < COMMANDS; i++)
        fprintf(out, "  weir %-20s %s\n", commands[i]->name, commands[i]->summary);
    fputs("  weir help COMMAND         what a command takes\n"
          "  weir help --man           all of it as a manual page; --completion bash|zsh: for the shell\n"
          "  weir --version            the version, and those of the libraries underneath\n", out);
}

static int completion(const char *shell)
{
    if (shell && completion_print(shell, commands, COMMANDS))
        return 0;
    if (!shell)
        return failure_say(EXIT_USAGE, "wrong usage: the shell is missing; give weir help --completion bash, or zsh");
    return failure_say(EXIT_USAGE, "unknown shell %s: there is no completion for it; give bash or zsh", shell);
}

/* The words behind "help": a command, or what packages are made of. */
static int help(const char *name, const char *more)
{
    if (name && !strcmp(name, "--completion"))
        return completion(more);
    if (name && !strcmp(name, "--man")) {
        manual_print(commands, COMMANDS);
        return 0;
    }
    const command_spec *found = name ? find_command(name) : NULL;
    if (name && !found)
        return unknown_command(name);
    if (found)
        options_help(found);
    else
        overview(stdout);
    return 0;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return !strcmp(word, a) || !strcmp(word, b) || !strcmp(word, c);
}

/* Help and version are output like any other: a full disk is not to pass unseen. */
static int flushed(int code)
{
    bool failed = fflush(stdout) != 0 || ferror(stdout);       /* or what is long failed before its end */
    if (failed && code == 0)
        return failure_say(EXIT_FAILED, "cannot write to standard output: it is closed or full; check where it goes");
    return code;
}

/* A standard descriptor that is closed would become a file's or a connection's, and messages would go there. It becomes one that nothing can
 * be read from, or written to. */
static void fill_descriptors(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0)
            return;
}

int main(int count, char **words)
{
    fill_descriptors();
    if (count < 2) {
        overview(stderr);
        return EXIT_USAGE;
    }
    if (is_one_of(words[1], "--version", "-V", "version")) {
        char libraries[200];
        weir_library_versions(libraries, sizeof libraries);
        printf("weir %s (%s)\n", weir_version(), libraries);
        return flushed(0);
    }
    if (is_one_of(words[1], "help", "--help", "-h"))
        return flushed(help(count > 2 ? words[2] : NULL, count > 3 ? words[3] : NULL));
    const command_spec *found = find_command(words[1]);
    return found ? flushed(found->run(count - 2, words + 2)) : unknown_command(words[1]);
}
