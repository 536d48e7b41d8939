/* The row that was not taken, by its key: for messages. */
#include <stdio.h>
#include <string.h>
#include "driver/driver.h"

void weir_cursor_show_key(weir_cursor *cursor, int column, const char *value)
{
    size_t length = strlen(cursor->refused_key);
    if (*value)
        snprintf(cursor->refused_key + length, sizeof cursor->refused_key - length, "%s%s = %s", length ? ", " : "",
                 cursor->columns[column].name, value);
}
