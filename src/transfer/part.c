/* Parts: files under a fixed name that stay when writing ends early. One process at a time has a part (flock); it goes on only behind bytes
 * that are the ones that were written. */
#include "transfer/output.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <weir/loop.h>
#include "base/file.h"

enum { LOCK_TRIES = 20, LOCK_PAUSE_MS = 50 };

static int refuse(weir_output *output, const char *why)
{
    weir_error_set(&output->error, WEIR_INVALID_REQUEST, "%s cannot be gone on with: %s", output->temporary_path, why);
    snprintf(output->error.hint, sizeof output->error.hint,
             "remove the files that end in " WEIR_PART_SUFFIX " and .weir-checkpoint to begin anew");
    return output->error.status;
}

/* ---- opening --------------------------------------------------------------------------------------------------------- */
/* The descriptor of the part, made if it is not there; -1 with errno. */
static int open_or_make(weir_output *output, bool *made)
{
    const char *path = output->temporary_path;
    /* Created with the rights of the file to come, so that a private file's data is private from the first byte. */
    mode_t mode = output->keep_mode ? (output->mode & 0777) | 0600 : 0666;
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    *made = fd >= 0;
    if (fd < 0 && errno == EEXIST)
        fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);      /* not blocked by a pipe of that name */
    return fd;
}

/* Whether the name still is that of the open file: whoever had the lock before us may have given it its final name. */
static bool is_there(const weir_output *output, const struct stat *open_file)
{
    struct stat named;
    return fstatat(AT_FDCWD, output->temporary_path, &named, AT_SYMLINK_NOFOLLOW) == 0 && named.st_ino == open_file->st_ino &&
           named.st_dev == open_file->st_dev;
}

/* One try; *again: the file went away meanwhile. */
static int take(weir_output *output, bool *again)
{
    struct stat file;
    bool made;
    int fd = open_or_make(output, &made);
    *again = fd < 0 && errno == ENOENT && output->final_path[0];
    if (fd < 0)
        return *again ? WEIR_IO : weir_output_fail(output, "open the part of", errno);
    output->fd = fd;
    if (fstat(fd, &file) != 0)
        return weir_output_fail(output, "open the part of", errno);
    if (!S_ISREG(file.st_mode) || file.st_uid != geteuid() || file.st_nlink > 1)
        return refuse(output, "it is not a file of this user's with that name alone");
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        output->part_is_busy = errno == EWOULDBLOCK;
        return output->part_is_busy ? WEIR_IO : weir_output_fail(output, "lock the part of", errno);
    }
    *again = !is_there(output, &file);
    if (*again)
        return WEIR_IO;
    /* Not before: until the lock is held, somebody else may have found the file that we made, and have written it. */
    output->part_is_ours = true;
    output->part_is_new = made && fstat(fd, &file) == 0 && file.st_size == 0;
    return WEIR_OK;
}

static int make_name(weir_output *output)
{
    size_t length = strlen(output->final_path);
    char *name = weir_alloc(output->ledger, WEIR_MEMORY_OUTPUT, length + sizeof WEIR_PART_SUFFIX);
    if (!name)
        return weir_error_out_of_memory(&output->error);
    memcpy(name, output->final_path, length);
    memcpy(name + length, WEIR_PART_SUFFIX, sizeof WEIR_PART_SUFFIX);
    output->temporary_path = name;
    return WEIR_OK;
}

int weir_part_open(weir_output *output)
{
    if (!output->temporary_path && make_name(output) != WEIR_OK)
        return output->error.status;
    output->part_is_busy = false;
    bool again = true;
    int status = WEIR_OK;
    for (int tries = 0; tries < 100 && again; tries++) {
        if (output->fd >= 0)
            close(output->fd);
        output->fd = -1;
        status = take(output, &again);
    }
    return again ? weir_output_fail(output, "open the part of", errno ? errno : EAGAIN) : status;
}

static void open_on_disk(void *output) { weir_part_open(output); }

int weir_part_await(weir_output *output)
{
    for (int tries = 0; output->part_is_busy && output->error.status == WEIR_OK; tries++) {
        int status = tries < LOCK_TRIES ? weir_sleep(LOCK_PAUSE_MS) : WEIR_OK;
        if (status != WEIR_OK)
            return weir_error_set(&output->error, status, "cancelled while it waited for the lock of %s", output->temporary_path);
        if (tries < LOCK_TRIES) {
            weir_output_on_disk(output, open_on_disk, output);
            continue;
        }
        weir_error_set(&output->error, WEIR_IO, "cannot go on with %s: another process is writing it", output->temporary_path);
        snprintf(output->error.hint, sizeof output->error.hint, "wait until it ends, or write to another file");
    }
    return output->error.status;
}

/* ---- going on --------------------------------------------------------------------------------------------------------- */
typedef struct extent { weir_output *output; int64_t bytes; uint64_t checksum; bool same; } extent;

/* Adds the checksum of the file's first bytes; false: there are not so many, or they cannot be read (*number is errno, else 0). */
static bool add_checksum(weir_output *output, int fd, int64_t bytes, weir_checksum *checksum, int *number)
{
    size_t wanted, done;
    for (int64_t at = 0; at < bytes; at += (int64_t)wanted) {
        wanted = bytes - at < WEIR_OUTPUT_SIZE ? (size_t)(bytes - at) : WEIR_OUTPUT_SIZE;
        *number = weir_pread_some(fd, output->block, wanted, at, &done);
        if (*number || done < wanted)
            return false;
        weir_checksum_add(checksum, output->block, done);
    }
    return true;
}

static void continue_on_disk(void *argument)
{
    extent *e = argument;
    weir_output *output = e->output;
    if (output->part_is_new && e->bytes > 0) {
        refuse(output, "it is gone, only its checkpoint is there");
        return;
    }
    int number = 0;
    if (!add_checksum(output, output->fd, e->bytes, &output->checksum, &number)) {
        if (number)
            weir_output_fail(output, "read the part of", number);
        else
            refuse(output, "it is shorter than its checkpoint says");
        return;
    }
    if (weir_checksum_value(&output->checksum) != e->checksum && e->bytes > 0) {
        refuse(output, "somebody changed it since its checkpoint was written");
        return;
    }
    if (ftruncate(output->fd, e->bytes) != 0 || lseek(output->fd, e->bytes, SEEK_SET) != e->bytes)
        weir_output_fail(output, "go on with the part of", errno);
    output->flushed = e->bytes;
}

int weir_part_continue(weir_output *output, int64_t bytes, uint64_t checksum)
{
    return weir_output_on_disk(output, continue_on_disk, &(extent){ output, bytes, checksum, false });
}

bool weir_part_read(weir_output *output, const char *path, int64_t *bytes, weir_checksum *checksum)
{
    struct stat file;
    int number;
    weir_checksum_init(checksum);
    int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    bool read = fd >= 0 && fstat(fd, &file) == 0 && S_ISREG(file.st_mode) && add_checksum(output, fd, file.st_size, checksum, &number);
    *bytes = read ? file.st_size : 0;
    if (fd >= 0)
        close(fd);
    return read;
}

static void compare_on_disk(void *argument)
{
    extent *e = argument;
    weir_checksum checksum;
    int64_t bytes;
    e->same = weir_part_read(e->output, e->output->final_path, &bytes, &checksum) && bytes == e->bytes &&
              weir_checksum_value(&checksum) == e->checksum;
}

bool weir_part_is_final(weir_output *output, int64_t bytes, uint64_t checksum)
{
    extent e = { output, bytes, checksum, false };
    return weir_output_on_disk(output, compare_on_disk, &e) == WEIR_OK && e.same;
}

static void sync_on_disk(void *argument)
{
    weir_output *output = argument;
    if (fdatasync(output->fd) != 0)
        weir_output_fail(output, "bring to disk", errno);
}

int weir_part_sync(weir_output *output)
{
    weir_output_flush(output);
    return weir_output_on_disk(output, sync_on_disk, output);
}

void weir_part_discard(weir_output *output)
{
    if (output->part && output->part_is_ours && output->temporary_path)
        unlink(output->temporary_path);
}

void weir_part_withdraw(weir_output *output)
{
    if (output->part_is_new && output->part_is_ours && output->temporary_path && output->fd >= 0)
        unlink(output->temporary_path);
}
