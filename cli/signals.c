/* Ctrl-C and SIGTERM: the first stops the connection, and the command ends cleanly; a second one, or five seconds, end it
 * at once. */
#include "signals.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "failure.h"

enum { GRACE_SECONDS = 5 };

static sigset_t awaited;
static atomic_int caught;
static atomic_bool reported, finishing, cancelling;
static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;           /* of what is watched, while it is stopped or taken back */
static pthread_mutex_t file_guard = PTHREAD_MUTEX_INITIALIZER;
static void (*stop_watched)(void *argument);     /* of the guard, like its argument */
static void *watched;
static atomic_bool watching;
static const char *command_name;
static _Atomic(const char *) outcome_words, at_once_words;
static char temporary_path[PATH_MAX + 64];

int signals_caught(void) { return atomic_load(&caught); }
void signals_finishing(void) { atomic_store(&finishing, true); }

int signals_report(int number)
{
    const char *name = number == SIGINT ? "Ctrl-C" : number == SIGTERM ? "SIGTERM" : "SIGHUP";
    if (atomic_exchange(&reported, true))
        return EXIT_SIGNAL + number;
    return failure_say(EXIT_SIGNAL + number, "%s interrupted: %s; %s", command_name, name, atomic_load(&outcome_words));
}

void signals_watch(void (*stop)(void *argument), void *argument)
{
    pthread_mutex_lock(&guard);
    stop_watched = stop;
    watched = argument;
    atomic_store(&watching, stop != NULL);
    pthread_mutex_unlock(&guard);
}

static void stop_connection(void *connection) { weir_connection_cancel(connection); }

void signals_watch_connection(weir_connection *connection)
{
    signals_watch(connection ? stop_connection : NULL, connection);
}

void signals_watch_file(const char *path)
{
    pthread_mutex_lock(&file_guard);
    snprintf(temporary_path, sizeof temporary_path, "%s", path);
    pthread_mutex_unlock(&file_guard);
}

/* ".name.weir-XXXXXX" */
static bool is_temporary(const char *path)
{
    static const char mark[] = ".weir-";
    enum { LETTERS = 6, TAIL = sizeof mark - 1 + LETTERS };
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = strlen(name);
    return name[0] == '.' && length > TAIL && !strncmp(name + length - TAIL, mark, sizeof mark - 1);
}

/* What this process is writing: several connections have a file each. */
static void remove_open_files(void)
{
    DIR *open_files = opendir("/proc/self/fd");
    for (struct dirent *entry; open_files && (entry = readdir(open_files)) != NULL; ) {
        char path[PATH_MAX];
        ssize_t length = readlinkat(dirfd(open_files), entry->d_name, path, sizeof path - 1);
        path[length > 0 ? length : 0] = 0;
        if (is_temporary(path) && (fcntl((int)strtol(entry->d_name, NULL, 10), F_GETFL) & O_ACCMODE) == O_WRONLY)
            unlink(path);
    }
    if (open_files)
        closedir(open_files);
}

static void leave(int number)
{
    pthread_mutex_lock(&file_guard);
    if (temporary_path[0])
        unlink(temporary_path);
    remove_open_files();
    if (atomic_load(&at_once_words))
        signals_outcome(atomic_load(&at_once_words));
    _exit(signals_report(number));
}

/* A thread of its own, since reaching the server may block, and a second Ctrl-C must be heard meanwhile. */
static void *cancel(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&guard);
    if (stop_watched)
        stop_watched(watched);
    pthread_mutex_unlock(&guard);
    atomic_store(&cancelling, false);
    return NULL;
}

static void start_cancel(void)
{
    pthread_t thread;
    if (atomic_exchange(&cancelling, true))
        return;
    if (pthread_create(&thread, NULL, cancel, NULL) == 0)
        pthread_detach(thread);
    else
        atomic_store(&cancelling, false);
}

static void *wait_for_signals(void *unused)
{
    (void)unused;
    for (int seconds = 0; ; ) {
        int first = atomic_load(&caught);
        int number = first ? sigtimedwait(&awaited, NULL, &(struct timespec){ .tv_sec = 1 }) : sigwaitinfo(&awaited, NULL);
        if (number > 0) {
            atomic_store(&caught, first ? first : number);
            if (first || (!atomic_load(&watching) && !atomic_load(&finishing)))
                leave(number);
        } else if (first && !atomic_load(&finishing) && ++seconds >= GRACE_SECONDS) {
            leave(first);
        }
        if (atomic_load(&caught) && !atomic_load(&finishing))
            start_cancel();             /* each second anew: the first may have come between two statements */
    }
    return NULL;
}

void signals_outcome(const char *outcome) { atomic_store(&outcome_words, outcome); }
void signals_outcome_at_once(const char *outcome) { atomic_store(&at_once_words, outcome); }

void signals_start(const char *command, const char *outcome)
{
    command_name = command;
    signals_outcome(outcome);
    pthread_t thread;
    struct sigaction hangup;
    signal(SIGPIPE, SIG_IGN);           /* a closed pipe and a file too large are errors of write(2), said in words */
    signal(SIGXFSZ, SIG_IGN);
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGINT);
    sigaddset(&awaited, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hangup) == 0 && hangup.sa_handler != SIG_IGN)      /* nohup stays in force */
        sigaddset(&awaited, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &awaited, NULL);
    if (pthread_create(&thread, NULL, wait_for_signals, NULL) == 0)
        pthread_detach(thread);
    else
        pthread_sigmask(SIG_UNBLOCK, &awaited, NULL);
}
