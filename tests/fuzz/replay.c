/* A target without libFuzzer: runs the inputs in the folders and files of its arguments, then changes some of them blindly, always the same
 * ones, for a second at most. WEIR_FUZZ_RUNS: how many changed ones (20000); WEIR_FUZZ_SECONDS. What makes it crash is left in crash-input. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

enum { LONGEST = 64 * 1024, MOST_INPUTS = 4096 };
typedef struct input { uint8_t *bytes; size_t length; } input;
static input inputs[MOST_INPUTS];
static size_t input_count;
static uint8_t *running;
static size_t running_length;

static void keep_input(void)
{
    int file = open("crash-input", O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (file >= 0 && write(file, running, running_length) == (ssize_t)running_length)
        (void)!write(STDERR_FILENO, "the input is in crash-input\n", 28);
}

static void on_crash(int signal)
{
    keep_input();
    raise(signal);                      /* the default action stands again: SA_RESETHAND */
}

/* In a block of just its size, so that a sanitizer sees reads past its end. */
static void run(const uint8_t *bytes, size_t length)
{
    running = malloc(length ? length : 1);
    if (!running)
        exit(2);
    running_length = length;
    memcpy(running, bytes, length);
    LLVMFuzzerTestOneInput(running, length);
    free(running);
    running = NULL;
}

static int take_file(const char *path)
{
    uint8_t *bytes = malloc(LONGEST);
    FILE *file = bytes ? fopen(path, "rb") : NULL;
    if (!file || input_count == MOST_INPUTS) {
        fprintf(stderr, "cannot read %s\n", path);
        return 1;
    }
    inputs[input_count++] = (input){ bytes, fread(bytes, 1, LONGEST, file) };
    return fclose(file);
}

static int by_name(const struct dirent **a, const struct dirent **b) { return strcmp((*a)->d_name, (*b)->d_name); }

static int take(const char *path)
{
    struct dirent **entries;
    struct stat facts;
    int status = 0;
    if (stat(path, &facts) != 0 || !S_ISDIR(facts.st_mode))
        return take_file(path);
    int count = scandir(path, &entries, NULL, by_name);
    for (int i = 0; i < count; i++) {
        char name[4096];
        snprintf(name, sizeof name, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.')
            status |= take_file(name);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
    return status;
}

/* ---- changes ---- */
static uint64_t seed = 20261123;
static size_t below(size_t limit)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return limit ? (size_t)(seed >> 33) % limit : 0;
}

static size_t change(uint8_t *bytes, size_t length)
{
    static const uint8_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '\'', '\\', '\n', ':', '{', '9', '-' };
    size_t at = below(length + 1), n = 1 + below(8), from;
    switch (below(6)) {
    case 0:
        if (at < length)
            bytes[at] = (uint8_t)below(256);
        return length;
    case 1:
        if (at < length)
            bytes[at] = edges[below(sizeof edges)];
        return length;
    case 2:                             /* a piece goes */
        if (at + n > length)
            return length;
        memmove(bytes + at, bytes + at + n, length - at - n);
        return length - n;
    case 3:                             /* a byte comes */
        if (length == LONGEST)
            return length;
        memmove(bytes + at + 1, bytes + at, length - at);
        bytes[at] = edges[below(sizeof edges)];
        return length + 1;
    case 4:                             /* a piece comes twice */
        from = below(length + 1);
        n = below(length - from + 1) % 64;
        if (length + n > LONGEST)
            return length;
        memmove(bytes + from + n, bytes + from, length - from);
        return length + n;
    default:                            /* the end goes */
        return below(8) ? length : at;
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double number(const char *name, double otherwise)
{
    const char *text = getenv(name);
    return text && *text ? atof(text) : otherwise;
}

int main(int argc, char **argv)
{
    const int signals[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL };
    int status = LLVMFuzzerInitialize(&argc, &argv);
    for (int i = 1; i < argc; i++)
        status |= take(argv[i]);
    if (status || !input_count)
        return fprintf(stderr, "%s FOLDER…\n", argv[0]), 2;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &(struct sigaction){ .sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND }, NULL);
    if (__sanitizer_set_death_callback)
        __sanitizer_set_death_callback(keep_input);
    for (size_t i = 0; i < input_count; i++)
        run(inputs[i].bytes, inputs[i].length);
    static uint8_t changed[LONGEST];
    long runs = (long)number("WEIR_FUZZ_RUNS", 20000), done = 0;
    for (double end = now() + number("WEIR_FUZZ_SECONDS", 1); done < runs && now() < end; done++) {
        const input *from = &inputs[below(input_count)];
        size_t length = from->length;
        memcpy(changed, from->bytes, length);
        for (size_t n = 1 + below(6); n; n--)
            length = change(changed, length);
        run(changed, length);
    }
    printf("%zu inputs of the corpus, %ld changed ones\n", input_count, done);
    for (size_t i = 0; i < input_count; i++)
        free(inputs[i].bytes);
    return 0;
}
