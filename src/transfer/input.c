/* Reading files and pipes record by record, in a block that grows to the longest record and no further. */
#include "base/error.h"
#include "transfer/input.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/file.h"
#include "base/wait.h"

enum { FIRST_BLOCK = 256 * 1024 };

static int fail(const weir_input *input, const char *what, int number, weir_error *error)
{
    static const char hint[] = "check the path and the permissions of the file that is read";
    char text[128];
    weir_error_set(error, WEIR_IO, "cannot %s %s: %s", what, input->name, weir_error_of_system(number, text, sizeof text));
    weir_error_text(error->hint, sizeof error->hint, hint, sizeof hint - 1);
    return WEIR_IO;
}

typedef struct opening { const char *path; int fd, number; } opening;

static void open_path(void *argument)
{
    opening *o = argument;
    o->fd = strcmp(o->path, "-") ? open(o->path, O_RDONLY | O_CLOEXEC | O_NOCTTY) : dup(STDIN_FILENO);
    o->number = errno;
}

int weir_input_open(weir_input *input, weir_ledger *ledger, const char *path, size_t maximum, weir_error *error)
{
    *input = (weir_input){ .ledger = ledger, .fd = -1, .name = strcmp(path, "-") ? path : "standard input", .maximum = maximum,
                           .line = 1, .size = -1 };
    opening o = { .path = path, .fd = -1 };
    int status = weir_run_on_disk(open_path, &o, error);
    input->fd = o.fd;
    if (status != WEIR_OK)
        return status;
    if (input->fd < 0)
        return fail(input, "open", o.number, error);
    struct stat about;
    if (fstat(input->fd, &about) != 0)
        return fail(input, "look at", errno, error);
    if (S_ISDIR(about.st_mode))
        return fail(input, "read", EISDIR, error);
    if (S_ISREG(about.st_mode))
        input->size = about.st_size;
    input->block = weir_alloc(ledger, WEIR_MEMORY_OUTPUT, FIRST_BLOCK);
    input->capacity = FIRST_BLOCK;
    return input->block ? WEIR_OK : weir_error_out_of_memory(error);
}

void weir_input_close(weir_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
    weir_free(input->block);
    input->block = NULL;
}

/* Room for at least one byte more. */
static int make_room(weir_input *input, weir_error *error)
{
    if (input->end < input->capacity)
        return WEIR_OK;
    if (input->start > input->capacity / 2) {
        memmove(input->block, input->block + input->start, input->end - input->start);
        input->end -= input->start;
        input->start = 0;
        return WEIR_OK;
    }
    char *block = weir_resize(input->ledger, WEIR_MEMORY_OUTPUT, input->block, input->capacity * 2);
    if (!block)
        return weir_error_out_of_memory(error);
    input->block = block;
    input->capacity *= 2;
    return WEIR_OK;
}

typedef struct piece { int fd; char *to; size_t room, length; int number; } piece;

/* A pipe or a disk may keep its reader waiting: in a task this runs on a worker thread. */
static void read_piece(void *argument)
{
    piece *p = argument;
    p->number = weir_read_once(p->fd, p->to, p->room, &p->length);
}

static int read_more(weir_input *input, weir_error *error)
{
    int status = make_room(input, error);
    if (status != WEIR_OK)
        return status;
    piece p = { .fd = input->fd, .to = input->block + input->end, .room = input->capacity - input->end };
    status = weir_run_on_disk(read_piece, &p, error);
    if (status != WEIR_OK)
        return status;
    if (p.number)
        return fail(input, "read", p.number, error);
    input->end += p.length;
    input->ended = p.length == 0;
    return WEIR_OK;
}

/* Goes on where the last scan stopped: the offset of the record's end, or SIZE_MAX. */
static size_t scan(weir_input *input)
{
    const char *first = input->block + input->start, *end = input->block + input->end, *p = first + input->scanned;
    while (p < end) {
        if (!input->quotes && !(p = memchr(p, '\n', (size_t)(end - p))))
            break;
        if (*p == '"')
            input->inside = !input->inside;
        else if (*p == '\n') {
            input->next_line++;
            if (!input->inside)
                return (size_t)(p - first);
        }
        p++;
    }
    input->scanned = input->end - input->start;
    return SIZE_MAX;
}

/* The byte order mark that some programs write in front of a file is no part of its first record. */
static void skip_mark(weir_input *input)
{
    enum { MARK = 3 };
    if (input->consumed || input->overlong || input->end - input->start < MARK || memcmp(input->block + input->start, "\xEF\xBB\xBF", MARK))
        return;
    input->start += MARK;
    input->consumed = MARK;
    input->scanned = input->scanned > MARK ? input->scanned - MARK : 0;
}

int weir_input_record(weir_input *input, weir_text *record, weir_error *error)
{
    input->scanned = 0;
    input->inside = input->overlong = false;
    input->next_line = input->line;
    size_t length;
    while ((length = scan(input)) == SIZE_MAX && !input->ended) {
        if (input->scanned > input->maximum) {
            input->overlong = true;
            input->consumed += (int64_t)input->scanned;
            input->start = input->end = input->scanned = 0;
        }
        int status = read_more(input, error);
        if (status != WEIR_OK)
            return status;
    }
    if (length == SIZE_MAX) {           /* the last line, without a line end */
        length = input->end - input->start;
        if (length == 0 && !input->overlong)
            return WEIR_RECORD_END;
    }
    input->scanned = length;
    skip_mark(input);
    length = input->scanned;
    char *first = input->block + input->start;
    if (length > 0 && first[length - 1] == '\r')
        length--;
    if (input->overlong || length > input->maximum) {
        *record = (weir_text){ "", 0 };
        return WEIR_RECORD_TOO_LONG;
    }
    *record = (weir_text){ first, length };
    return WEIR_RECORD;
}

void weir_input_consume(weir_input *input)
{
    size_t length = input->scanned;
    if (input->start + length < input->end)
        length++;                       /* its line end */
    input->start += length;
    input->consumed += (int64_t)length;
    input->line = input->next_line;
    if (input->start == input->end)
        input->start = input->end = 0;
}
