-- Names that would break out of strings and comments, or become the same in C.
CREATE TABLE "a ""b"" */ int x; /*" ("k*/" integer PRIMARY KEY, "q""); system(""x" integer, "back\" text, "??/" text, "line
break" text, "#define x" text, "int" text, "INT" text, "class" text, "k_" text, "k " text, "日本" text, "ä" text, "ae" text, "_" text, "__" text, "1" text, "weir_text" text, "errno" text, "NULL" text, "%s%n" text, "a.b" text);
CREATE TABLE "a.b" (id integer PRIMARY KEY);
CREATE TABLE "int" (id integer PRIMARY KEY, "int" integer REFERENCES "int");
CREATE TABLE "int " (id integer PRIMARY KEY);
CREATE TABLE weir_value (id integer PRIMARY KEY);
CREATE TABLE "no key */ \" ("x
" text);
-- Keywords of C and C++, macros of its headers.
CREATE TABLE "while" (id integer PRIMARY KEY, "while" text, "for" text, "return" text, "struct" text, "_Bool" text, "_Static_assert" text, "typeof" text, "asm" text, "__func__" text, "true" text, "nullptr" text, "co_await" text, "template" text, "operator" text, "volatile" text, "long" text, "unsigned" text, "main" text, "assert" text, "offsetof" text, "I" text, "stdin" text, "NDEBUG" text);
-- As long as PostgreSQL has them, the same but for the last letter; letters of four bytes; what joins lines and ends comments.
CREATE TABLE nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn1 (id integer PRIMARY KEY, nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnna text, nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnb text);
CREATE TABLE nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn2 (id integer PRIMARY KEY REFERENCES nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn1, nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnna integer REFERENCES nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn1);
CREATE TABLE "😀" (id integer PRIMARY KEY, "😀" text, "😁" text, "a😀b" text, "‮" text, "‍" text);
CREATE TABLE "??/" (id integer PRIMARY KEY, "??=define y" text, "\" text, "\
" text, "//" text, "/*" text, "*/" text, "" text, "	" text, "%:include" text, "??/
*/" text, "' ' text" text, "L""x""" text, "#" text, "##" text, "__VA_ARGS__" text);
-- Labels of an enumeration.
CREATE TYPE "*/ mood" AS ENUM ('*/', '"', '\', 'line
break', '??/', 'int', 'INT', '', ' ', '😀', '#define z', '%s', 'a b', 'a-b', 'NULL');
CREATE TABLE moods (id integer PRIMARY KEY, mood "*/ mood" NOT NULL, "mood?" "*/ mood");
