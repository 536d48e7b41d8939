/* Files that appear whole or not at all, and devices, pipes and sockets that are written straight. */
#include "base/error.h"
#include "transfer/output.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/wait.h"

static const struct { int number; const char *hint; } hints[] = {
    { ENOSPC, "the disk is full: free some space or choose another place" },
    { EDQUOT, "the disk quota is used up: free some space or choose another place" },
    { EFBIG, "the file may not grow so large: raise the limit (ulimit -f) or choose another place" },
    { EPIPE, "the reading side closed the pipe early" },
    { EACCES, "check the permissions of the file and its directory" },
    { EPERM, "check the permissions of the file and its directory" },
    { ELOOP, "a symbolic link stands in the file's place: remove it" },
    { EEXIST, "no regular file stands in the file's place: remove it" },
    { EROFS, "the file system is read-only: choose another place" },
    { ENOENT, "the directory does not exist: make it first" },
    { ENOTDIR, "a part of the path is a file: check it" },
    { EISDIR, "that is a directory: name a file in it" },
    { EIO, "the device failed: look at the system's log" },
};

void weir_output_hint(weir_error *error, int number)
{
    for (size_t i = 0; i < sizeof hints / sizeof *hints; i++)
        if (hints[i].number == number)
            weir_error_text(error->hint, sizeof error->hint, hints[i].hint, strlen(hints[i].hint));
}

int weir_output_fail(weir_output *output, const char *what, int number)
{
    char text[128];
    if (output->error.status != WEIR_OK)
        return output->error.status;
    weir_error_set(&output->error, WEIR_IO, "cannot %s %s: %s", what,
                   output->standard_output ? "standard output" : output->path, weir_error_of_system(number, text, sizeof text));
    weir_output_hint(&output->error, number);
    return WEIR_IO;
}

/* ---- bytes --------------------------------------------------------------------------------------------------------- */
/* The disk may keep its user waiting: in a task all that touches it runs on a worker thread. Nothing after an error. */
int weir_output_on_disk(weir_output *output, void (*work)(void *argument), void *argument)
{
    weir_error error;
    if (output->error.status == WEIR_OK && weir_run_on_disk(work, argument, &error) != WEIR_OK)
        weir_error_keep(&output->error, &error);
    return output->error.status;
}

int weir_output_last_on_disk(weir_output *output, void (*work)(void *argument), void *argument)
{
    weir_error error;
    if (output->error.status == WEIR_OK && weir_run_last_on_disk(work, argument, &error) != WEIR_OK)
        weir_error_keep(&output->error, &error);
    return output->error.status;
}

typedef struct writing { weir_output *output; const char *bytes; size_t length; } writing;

static void write_all(void *argument)
{
    writing *w = argument;
    weir_output *output = w->output;
    size_t done;
    int number = weir_write_some(output->fd, w->bytes, w->length, &done);
    if (output->part)
        weir_checksum_add(&output->checksum, w->bytes, done);
    output->flushed += (int64_t)done;
    if (number)
        weir_output_fail(output, "write", number);
}

static void write_whole(weir_output *output, const char *bytes, size_t length)
{
    weir_error error = { 0 };
    if (length && output->sink && output->error.status == WEIR_OK) {
        if (output->sink(output->sink_context, bytes, length, &error) != WEIR_OK)
            weir_error_keep(&output->error, &error);
        output->flushed += (int64_t)length;
    } else if (length && !output->sink)
        weir_output_on_disk(output, write_all, &(writing){ output, bytes, length });
}

void weir_output_flush(weir_output *output)
{
    write_whole(output, output->block, (size_t)(output->next - output->block));
    output->next = output->block;
}

void weir_output_many(weir_output *output, const char *bytes, size_t length)
{
    weir_output_flush(output);
    if (length >= WEIR_OUTPUT_SIZE) {
        write_whole(output, bytes, length);
    } else {
        memcpy(output->next, bytes, length);
        output->next += length;
    }
}

/* ---- names --------------------------------------------------------------------------------------------------------- */
/* How much of a path is its directory, the last slash included. */
static size_t directory_length(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? (size_t)(slash - path) + 1 : 0;
}

/* A link that somebody else left where anybody may leave one leads to a file of his choice: the rule of Linux's fs.protected_symlinks, which
 * knows of no links that are read. */
static bool may_be_a_trap(const char *link)
{
    struct stat facts, place;
    char directory[PATH_MAX];
    size_t length = directory_length(link);
    snprintf(directory, sizeof directory, "%.*s", (int)(length ? length : 2), length ? link : "./");
    if (lstat(link, &facts) != 0 || stat(directory, &place) != 0)
        return true;
    bool anybody = (place.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH);
    return anybody && facts.st_uid != geteuid() && facts.st_uid != place.st_uid;
}

/* Follows symbolic links of the last component, also to a file that does not exist yet, so that the link stays a link.
 * *open_file: the path names a descriptor that is open already (/dev/stdout, /dev/fd/3), whose file has no name to replace. */
static int follow_links(weir_output *output, char path[PATH_MAX], bool *open_file)
{
    for (int hops = 0; hops < 40; hops++) {
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof target - 1);
        *open_file = n >= 0 && strncmp(path, "/proc/", 6) == 0;
        if (n < 0 || *open_file)
            return WEIR_OK;                 /* no link; what else is wrong shows when it is opened */
        if (strncmp(path, "/dev/", 5) != 0 && may_be_a_trap(path))
            return weir_output_fail(output, "follow somebody else's symbolic link in a directory that anybody may write to:", EACCES);
        target[n] = 0;
        size_t directory = target[0] == '/' ? 0 : directory_length(path);
        if (directory + (size_t)n >= PATH_MAX)
            return weir_output_fail(output, "open", ENAMETOOLONG);
        memcpy(path + directory, target, (size_t)n + 1);
    }
    return weir_output_fail(output, "open", ELOOP);
}

/* ".name.weir-XXXXXX" beside the file, with six random letters. */
static void make_temporary_name(char *out, size_t size, const char *final_path)
{
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    unsigned char random[6] = { 0 };
    char suffix[sizeof random + 1] = { 0 };
    size_t directory = directory_length(final_path);
    if (getrandom(random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        for (size_t i = 0; i < sizeof random; i++)
            random[i] = (unsigned char)((uintptr_t)&random >> (4 + 3 * i) ^ (unsigned)getpid() >> i);
    for (size_t i = 0; i < sizeof random; i++)
        suffix[i] = letters[random[i] % (sizeof letters - 1)];
    /* A name may be NAME_MAX long: the addition must still fit. */
    snprintf(out, size, "%.*s.%.*s.weir-%s", (int)directory, final_path, NAME_MAX - 16, final_path + directory, suffix);
}

static int create_temporary(weir_output *output)
{
    char name[PATH_MAX + 32];
    for (int tries = 0; tries < 100; tries++) {
        make_temporary_name(name, sizeof name, output->final_path);
        /* Created with the rights of the file to come, so that a private file's data is private from the first byte. */
        output->fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, output->keep_mode ? output->mode & 0777 : 0666);
        if (output->fd >= 0) {
            output->temporary_path = weir_copy_text(output->ledger, WEIR_MEMORY_OUTPUT, name, strlen(name));
            if (output->temporary_path)
                return WEIR_OK;
            unlink(name);
            return weir_error_out_of_memory(&output->error);
        }
        if (errno != EEXIST)
            return weir_output_fail(output, "create a file beside", errno);
    }
    return weir_output_fail(output, "create a file beside", EEXIST);
}

static int open_straight(weir_output *output)
{
    if (output->part)
        return weir_error_set(&output->error, WEIR_INVALID_REQUEST, "%s is no regular file: what went there cannot be gone on with",
                              output->path);
    output->fd = open(output->path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
    return output->fd < 0 ? weir_output_fail(output, "open", errno) : WEIR_OK;
}

static int open_path(weir_output *output)
{
    char path[PATH_MAX];
    struct stat existing;
    bool open_file = false;
    size_t length = strlen(output->path);
    bool exists = (output->own ? lstat : stat)(output->path, &existing) == 0;
    if (length >= sizeof path || (!exists && errno != ENOENT))
        return weir_output_fail(output, "open", length >= sizeof path ? ENAMETOOLONG : errno);
    if (length == 0)
        return weir_output_fail(output, "open", ENOENT);
    if (exists ? S_ISDIR(existing.st_mode) : output->path[length - 1] == '/')
        return weir_output_fail(output, "write", EISDIR);
    if (exists && output->own && !S_ISREG(existing.st_mode))
        return weir_output_fail(output, "write", S_ISLNK(existing.st_mode) ? ELOOP : EEXIST);
    if (exists && !S_ISREG(existing.st_mode))
        return open_straight(output);
    memcpy(path, output->path, length + 1);
    if (!output->own && follow_links(output, path, &open_file) != WEIR_OK)
        return output->error.status;
    if (open_file)
        return open_straight(output);
    if (exists && access(path, W_OK) != 0)
        return weir_output_fail(output, "replace", errno);
    output->keep_mode = exists;
    output->mode = exists ? existing.st_mode & 0777 : 0;
    output->strangers = exists && existing.st_uid != geteuid();
    output->final_path = weir_copy_text(output->ledger, WEIR_MEMORY_OUTPUT, path, strlen(path));
    if (!output->final_path)
        return weir_error_out_of_memory(&output->error);
    return output->part ? weir_part_open(output) : create_temporary(output);
}

static void open_on_disk(void *output) { open_path(output); }

int weir_output_open(weir_output *output, weir_ledger *ledger, const char *path, int kind)
{
    bool part = (kind & WEIR_OUTPUT_PART) != 0;
    *output = (weir_output){ .ledger = ledger, .fd = -1, .standard_output = !strcmp(path, "-"), .part = part, .own = (kind & WEIR_OUTPUT_OWN) != 0 };
    weir_checksum_init(&output->checksum);
    output->path = weir_copy_text(ledger, WEIR_MEMORY_OUTPUT, path, strlen(path));
    output->block = weir_alloc(ledger, WEIR_MEMORY_OUTPUT, WEIR_OUTPUT_SIZE);
    if (!output->path || !output->block)
        return weir_error_out_of_memory(&output->error);
    output->next = output->block;
    output->end = output->block + WEIR_OUTPUT_SIZE;
    if (output->standard_output && part)
        return weir_error_set(&output->error, WEIR_INVALID_REQUEST, "standard output cannot be gone on with: name a file");
    if (output->standard_output) {
        output->fd = STDOUT_FILENO;
        return fcntl(STDOUT_FILENO, F_GETFL) < 0 ? weir_output_fail(output, "write", errno) : WEIR_OK;
    }
    weir_output_on_disk(output, open_on_disk, output);
    return weir_part_await(output);
}

int weir_output_open_to(weir_output *output, weir_ledger *ledger, weir_output_sink sink, void *context)
{
    *output = (weir_output){ .ledger = ledger, .fd = -1, .sink = sink, .sink_context = context };
    output->block = weir_alloc(ledger, WEIR_MEMORY_OUTPUT, WEIR_OUTPUT_SIZE);
    if (!output->block)
        return weir_error_out_of_memory(&output->error);
    output->next = output->block;
    output->end = output->block + WEIR_OUTPUT_SIZE;
    return WEIR_OK;
}

/* ---- the end ------------------------------------------------------------------------------------------------------- */
int weir_output_sync_directory_of(const char *path)
{
    char directory[PATH_MAX];
    size_t length = directory_length(path);
    snprintf(directory, sizeof directory, "%.*s", length ? (int)length : 1, length ? path : ".");
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES ? 0 : -1;    /* a directory may be writable and not readable */
    int status = fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP ? -1 : 0, number = errno;
    close(fd);
    errno = number;
    return status;
}

static int close_descriptor(weir_output *output)
{
    /* Network file systems tell of lost data only here. Standard output stays open for the program, and a part for its lock, until it
     * has its name; a copy tells the same. */
    int fd = output->standard_output || output->part ? fcntl(output->fd, F_DUPFD_CLOEXEC, 3) : output->fd;
    if (!output->part)
        output->fd = -1;
    if (fd >= 0 && close(fd) != 0 && errno != EINTR)
        return weir_output_fail(output, "close", errno);
    return WEIR_OK;
}

/* A stranger's file, put where ours is to be, opens it to nobody. */
static bool give_mode(const weir_output *output)
{
    struct stat made;
    mode_t mode = output->mode;
    if (output->strangers && fstat(output->fd, &made) != 0)
        return false;
    if (output->strangers)
        mode &= made.st_mode;
    return fchmod(output->fd, mode) == 0;
}

static void finish_on_disk(void *argument)
{
    weir_output *output = argument;
    if (output->keep_mode && !give_mode(output))
        weir_output_fail(output, "set the permissions of", errno);
    if (output->error.status == WEIR_OK && output->temporary_path && fsync(output->fd) != 0)
        weir_output_fail(output, "bring to disk", errno);
    if (output->error.status == WEIR_OK)
        close_descriptor(output);
    if (output->error.status != WEIR_OK || !output->temporary_path)
        return;
    if (rename(output->temporary_path, output->final_path) != 0) {
        weir_output_fail(output, "give its name to", errno);
        return;
    }
    weir_free(output->temporary_path);
    output->temporary_path = NULL;
    if (weir_output_sync_directory_of(output->final_path) != 0)
        weir_output_fail(output, "bring to disk the directory of", errno);
}

int weir_output_finish(weir_output *output)
{
    if (output->error.status == WEIR_OK)
        weir_output_flush(output);
    return weir_output_last_on_disk(output, finish_on_disk, output);
}

void weir_output_drop(weir_output *output)
{
    if (output->temporary_path && !output->part)
        unlink(output->temporary_path);
    if (output->fd >= 0 && !output->standard_output)
        close(output->fd);
    weir_free(output->block);
    weir_free(output->path);
    weir_free(output->final_path);
    weir_free(output->temporary_path);
    output->fd = -1;
    output->block = output->next = output->end = NULL;
    output->path = output->final_path = output->temporary_path = NULL;
}
