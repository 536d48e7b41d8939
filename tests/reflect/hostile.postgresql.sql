-- Names that would break out of strings and comments, or become the same in C.
CREATE TABLE "a ""b"" */ int x; /*" ("k*/" integer PRIMARY KEY, "q""); system(""x" integer, "back\" text, "??/" text, "line
break" text, "#define x" text, "int" text, "INT" text, "class" text, "k_" text, "k " text, "日本" text, "ä" text, "ae" text, "_" text, "__" text, "1" text, "weir_text" text, "errno" text, "NULL" text, "%s%n" text, "a.b" text);
CREATE TABLE "a.b" (id integer PRIMARY KEY);
CREATE TABLE "int" (id integer PRIMARY KEY, "int" integer REFERENCES "int");
CREATE TABLE "int " (id integer PRIMARY KEY);
CREATE TABLE weir_value (id integer PRIMARY KEY);
CREATE TABLE "no key */ \" ("x
" text);
