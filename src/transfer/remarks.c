/* Remarks: the list, and how numbers stand in their texts. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "transfer/advise.h"

enum { LONGEST_TEXT = 900 };

static size_t place_of(weir_remarks *remarks, const char *code, double rows)
{
    for (size_t i = 0; i < remarks->count; i++)
        if (!strcmp(remarks->items[i].code, code))
            return rows > remarks->rows[i] ? i : SIZE_MAX;
    return remarks->count < WEIR_REMARKS_MAX ? remarks->count++ : SIZE_MAX;
}

void weir_remark_add(weir_remarks *remarks, const char *code, weir_remark_weight weight, double rows, const char *advice,
                     const char *format, ...)
{
    char line[LONGEST_TEXT], cut[LONGEST_TEXT];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    weir_error_text(cut, sizeof cut, line, strlen(line));
    size_t length = strlen(cut) + 1;
    char *copy = weir_arena_bytes(remarks->arena, length);
    if (!copy) {
        remarks->failed = true;
        return;
    }
    memcpy(copy, cut, length);
    size_t place = place_of(remarks, code, rows);
    if (place == SIZE_MAX)
        return;
    remarks->items[place] = (weir_remark){ .code = code, .weight = weight, .text = copy, .advice = advice };
    remarks->rows[place] = rows;
}

void weir_remarks_sort(weir_remarks *remarks)
{
    weir_remark sorted[WEIR_REMARKS_MAX];
    size_t count = 0;
    for (int weight = WEIR_REMARK_WARNING; weight >= WEIR_REMARK_NOTE; weight--)
        for (size_t i = 0; i < remarks->count; i++)
            if ((int)remarks->items[i].weight == weight)
                sorted[count++] = remarks->items[i];
    if (count)
        memcpy(remarks->items, sorted, count * sizeof *sorted);
}

const char *weir_grouped(char out[WEIR_GROUPED_SIZE], double number)
{
    char digits[WEIR_GROUPED_SIZE];
    int64_t whole = number < 0 ? 0 : number < 9e15 ? (int64_t)number : (int64_t)9e15;
    int length = snprintf(digits, sizeof digits, "%" PRId64, whole);
    char *to = out;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = 0;
    return out;
}

const char *weir_duration(char out[WEIR_GROUPED_SIZE], double milliseconds)
{
    if (milliseconds < 1000)
        snprintf(out, WEIR_GROUPED_SIZE, "%.0f ms", milliseconds);
    else
        snprintf(out, WEIR_GROUPED_SIZE, milliseconds < 10000 ? "%.1f s" : "%.0f s", milliseconds / 1000);
    return out;
}
