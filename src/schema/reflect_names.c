/* Names of a database as names of C. */
#include <stdio.h>
#include <string.h>
#include "schema/reflect.h"

enum { LONGEST_NAME = 200 };

/* Keywords of C and C++ (C23 and C++20 among them), macros and types of the headers that a program is likely to include. */
static const char *const reserved[] = {
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char", "char16_t",
    "char32_t", "char8_t", "class", "co_await", "co_return", "co_yield", "compl", "complex", "concept", "const", "const_cast", "consteval",
    "constexpr", "constinit", "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum", "explicit",
    "export", "extern", "false", "final", "float", "for", "fortran", "friend", "goto", "if", "imaginary", "import", "inline", "int", "long",
    "module", "mutable", "namespace", "new", "noexcept", "noreturn", "not", "not_eq", "nullptr", "operator", "or", "or_eq", "override",
    "private", "protected", "public", "register", "reinterpret_cast", "requires", "restrict", "return", "short", "signed", "sizeof",
    "static", "static_assert", "static_cast", "struct", "switch", "template", "this", "thread_local", "throw", "true", "try", "typedef",
    "typeid", "typename", "typeof", "typeof_unqual", "union", "unsigned", "using", "virtual", "void", "volatile", "wchar_t", "while", "xor",
    "xor_eq",
    "assert", "errno", "i386", "linux", "major", "makedev", "minor", "offsetof", "setjmp", "stderr", "stdin", "stdout", "unix", "va_arg",
    "va_copy", "va_end", "va_start",
    "BUFSIZ", "CHAR_BIT", "CHAR_MAX", "CHAR_MIN", "EOF", "EXIT_FAILURE", "EXIT_SUCCESS", "FALSE", "I", "INFINITY", "INT_MAX", "INT_MIN",
    "LLONG_MAX", "LLONG_MIN", "LONG_MAX", "LONG_MIN", "NAN", "NDEBUG", "NULL", "PATH_MAX", "PTRDIFF_MAX", "PTRDIFF_MIN", "RAND_MAX",
    "SCHAR_MAX", "SCHAR_MIN", "SHRT_MAX", "SHRT_MIN", "SIZE_MAX", "SSIZE_MAX", "TRUE", "UCHAR_MAX", "UINT_MAX", "ULLONG_MAX", "ULONG_MAX",
    "USHRT_MAX",
    "dirent", "div_t", "group", "hostent", "iovec", "itimerspec", "lconv", "option", "passwd", "pollfd", "rlimit", "rusage", "sigaction",
    "sockaddr", "stat", "termios", "timespec", "timeval", "timezone", "tm", "utsname", "va_list",
};

/* The letters from U+00C0 to U+017F in ASCII, two places each. */
static const char latin[] =
    "A A A A AeA AEC E E E E I I I I D N O O O O Oex O U U U UeY Thss"
    "a a a a aea aec e e e e i i i i d n o o o o oe_ o u u u uey thy "
    "A a A a A a C c C c C c C c D d D d E e E e E e E e E e G g G g "
    "G g G g H h H h I i I i I i I i I i IJijJ j K k k L l L l L l L "
    "l L l N n N n N n n N n O o O o O o OEoeR r R r R r S s S s S s "
    "S s T t T t T t U u U u U u U u U u U u W w Y y Y Z z Z z Z z s ";

typedef struct spelling {
    char   text[LONGEST_NAME + 16];
    size_t length;
} spelling;

/* What is no letter or digit becomes one underscore, however many there are: C++ keeps two for itself. */
static void add(spelling *s, char c)
{
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (s->length >= LONGEST_NAME || (!plain && s->length > 0 && s->text[s->length - 1] == '_'))
        return;
    s->text[s->length++] = plain ? c : '_';
}

/* One character of valid UTF-8; returns how many bytes it has. */
static size_t decode(const char *text, uint32_t *code)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t length = *p < 0x80 ? 1 : *p < 0xE0 ? 2 : *p < 0xF0 ? 3 : 4, have = 1;
    *code = length == 1 ? *p : *p & (0x7Fu >> length);
    for (; have < length && (p[have] & 0xC0) == 0x80; have++)
        *code = *code << 6 | (p[have] & 0x3Fu);
    return have;
}

static void add_name(spelling *s, const char *name)
{
    uint32_t code;
    for (; *name; ) {
        name += decode(name, &code);
        if (code < 0xC0) {
            add(s, code < 0x80 ? (char)code : '_');
        } else if (code < 0x180) {
            const char *letters = latin + 2 * (code - 0xC0);
            add(s, letters[0]);
            if (letters[1] != ' ')
                add(s, letters[1]);
        } else {                        /* other scripts by their number, so that two names stay two */
            char number[16];
            snprintf(number, sizeof number, "u%04x", (unsigned)code);
            for (const char *p = number; *p; p++)
                add(s, *p);
        }
    }
}

static bool is_reserved(const char *name)
{
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (!strcmp(name, reserved[i]))
            return true;
    return false;
}

static void to_capitals(spelling *s)
{
    for (size_t i = 0; i < s->length; i++)
        if (s->text[i] >= 'a' && s->text[i] <= 'z')
            s->text[i] = (char)(s->text[i] - 'a' + 'A');
}

const char *weir_reflect_identifier(weir_reflection *r, const char *prefix, const char *name, bool capitals)
{
    spelling s = { .length = 0 };
    add_name(&s, prefix ? prefix : "");
    add_name(&s, name);
    while (s.length > 1 && s.text[s.length - 1] == '_')
        s.length--;
    if (capitals)
        to_capitals(&s);
    s.text[s.length] = 0;
    bool letter = s.length && !(s.text[0] == '_' || (s.text[0] >= '0' && s.text[0] <= '9'));
    bool ours = s.length >= 5 && (!memcmp(s.text, "weir_", 5) || !memcmp(s.text, "WEIR_", 5));
    bool fine = letter && !ours && !is_reserved(s.text);
    return weir_reflect_text(r, "%s%s", fine ? "" : s.text[0] == '_' ? "x" : "x_", strcmp(s.text, "_") != 0 ? s.text : "");
}

static bool is_taken(const weir_taken_name *taken, const char *name)
{
    for (; taken; taken = taken->next)
        if (!strcmp(taken->name, name))
            return true;
    return false;
}

const char *weir_reflect_unique(weir_reflection *r, weir_taken_name **taken, const char *name)
{
    const char *only = name;
    for (unsigned number = 2; only && is_taken(*taken, only); number++)
        only = weir_reflect_text(r, "%s_%u", name, number);
    weir_taken_name *entry = only ? weir_reflect_take(r, sizeof *entry) : NULL;
    if (!entry)
        return NULL;
    *entry = (weir_taken_name){ only, *taken };
    *taken = entry;
    return only;
}
