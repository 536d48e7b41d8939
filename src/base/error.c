/* Statuses, their tree, and the fixed-size error. */
#include "base/error.h"
#include "base/values.h"
#include <stdio.h>
#include <string.h>

static const struct status_class { int status, parent; const char *words; } classes[] = {
#define STATUS_ROW(name, number, parent, words) { WEIR_##name, WEIR_##parent, words },
    WEIR_STATUS_LIST(STATUS_ROW)
#undef STATUS_ROW
};

static const struct status_class *find_class(int status)
{
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (classes[i].status == status)
            return &classes[i];
    return NULL;
}

bool weir_status_is(int status, int kind)
{
    const struct status_class *c = find_class(status);
    while (c && c->status != kind)
        c = find_class(c->parent);
    return c || (status == WEIR_OK && kind == WEIR_OK);
}

const char *weir_status_name(int status)
{
    const struct status_class *c = find_class(status);
    return c ? c->words : status == WEIR_OK ? "ok" : "unknown status";
}

const char *weir_version(void) { return WEIR_VERSION_TEXT; }

void weir_error_text(char *member, size_t size, const char *text, size_t length)
{
    if (!text)
        length = 0;
    length = weir_utf8_cut((weir_text){ text, length }, size - 1);
    if (length)
        memcpy(member, text, length);
    member[length] = 0;
}

int weir_error_set_v(weir_error *error, int status, const char *format, va_list arguments)
{
    char whole[2048];
    memset(error, 0, sizeof *error);
    error->status = status;
    vsnprintf(whole, sizeof whole, format, arguments);
    weir_error_text(error->message, sizeof error->message, whole, strlen(whole));
    return status;
}

int (weir_error_set)(weir_error *error, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    weir_error_set_v(error, status, format, arguments);
    va_end(arguments);
    return status;
}

int (weir_error_out_of_memory)(weir_error *error) { return weir_error_set(error, WEIR_OUT_OF_MEMORY, "no memory"); }

int weir_error_keep(weir_error *to, const weir_error *from)
{
    if (to->status == WEIR_OK)
        *to = *from;
    return to->status;
}

void weir_error_clear(weir_error *error) { memset(error, 0, sizeof *error); }

void weir_error_context(weir_error *error, const char *format, ...)
{
    char context[256], whole[sizeof context + sizeof error->message + 2];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(context, sizeof context, format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof whole, "%s: %s", context, error->message);
    weir_error_text(error->message, sizeof error->message, whole, strlen(whole));
}

size_t weir_error_format(const weir_error *e, char *buffer, size_t size)
{
    bool both = e->detail[0] && e->hint[0], any = e->detail[0] || e->hint[0];
    int length = snprintf(buffer, size, "%s: %s%s%s%s%s%s", weir_status_name(e->status), e->message, any ? " (" : "",
                          e->detail, both ? "; " : "", e->hint, any ? ")" : "");
    for (size_t i = 0; size && i < size && buffer[i]; i++) {    /* one line, and nothing that a terminal would act on */
        if ((unsigned char)buffer[i] < ' ' || buffer[i] == 0x7f)
            buffer[i] = ' ';
        if ((unsigned char)buffer[i] == 0xC2 && (unsigned char)buffer[i + 1] >= 0x80 && (unsigned char)buffer[i + 1] < 0xA0)      /* C1's, in UTF-8 */
            buffer[i] = buffer[i + 1] = ' ';
    }
    return length < 0 ? 0 : (size_t)length;
}

const char *weir_error_of_system(int number, char *buffer, size_t size)
{
#ifdef __GLIBC__
    return strerror_r(number, buffer, size);
#else
    if (strerror_r(number, buffer, size) != 0)
        snprintf(buffer, size, "error %d", number);
    return buffer;
#endif
}
