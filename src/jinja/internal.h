/*
 * jinja/ internals. Failures leave by jinja_raise, which jumps to the room's entry (render.c): all
 * memory belongs to the struct jinja, so nothing is left behind. Values are immutable, but for
 * namespaces, as the sandbox wants it; strings and lists may share memory.
 */
#ifndef JINJA_INTERNAL_H
#define JINJA_INTERNAL_H

#include "base/arena.h"
#include "base/utf8.h"
#include "jinja/jinja.h"

#include <setjmp.h>
#include <string.h>

typedef unsigned long long ull; /* for %llu */

enum value_type {
    V_MISSING, /* an argument that was not given; never seen by templates */
    V_UNDEFINED,
    V_NONE,
    V_BOOL,
    V_INT,
    V_FLOAT,
    V_STRING,
    V_LIST,
    V_TUPLE,
    V_DICT,
    V_VIEW,      /* keys, values or items of a dict */
    V_RANGE,     /* range(a, b, step) */
    V_ITER,      /* a generator: gives its items once */
    V_NAMESPACE, /* a dict that can be changed */
    V_FUNCTION,  /* a global, or a method with its object */
    V_MACRO,
    V_LOOP,
    V_CYCLER,
    V_JOINER,
};

struct value {
    enum value_type type;
    union {
        bool b;
        int64_t i;
        double f;
        const struct string *s;
        struct list *list;
        struct dict *dict; /* V_DICT, V_NAMESPACE */
        struct view *view;
        struct range *range;
        struct iter *iter;
        struct function *function;
        struct macro *macro;
        struct loop *loop;
        struct cycler *cycler;
        const char *why; /* V_UNDEFINED: what is undefined, a sentence */
    } as;
};

struct string {
    const char *data; /* valid UTF-8; not zero-terminated */
    size_t n, chars;  /* bytes, code points */
    bool markup;      /* marked as safe: what is added to it is escaped */
};

struct list {
    struct value *items;
    size_t n, cap;
    bool group; /* of groupby: the items have the names "grouper" and "list" */
};

struct dict_entry {
    struct value key, value;
    uint64_t hash;
};
struct dict {
    struct dict_entry *entries; /* [n], in the order of insertion */
    size_t n, cap;
    uint32_t *slots; /* [n_slots] index + 1; 0: free */
    size_t n_slots;
};

enum view_kind { VIEW_KEYS, VIEW_VALUES, VIEW_ITEMS };
struct view {
    enum view_kind kind;
    struct dict *dict;
};

struct range {
    int64_t start, stop, step;
    size_t n;
};

/* Gives the next item; false: there is none. State beyond these is the function's own. */
struct iter {
    bool (*next)(struct jinja *j, struct iter *it, struct value *out);
    struct value source;
    size_t pos;
    struct iter *inner;
    const void *data;
};

struct kwarg {
    const struct string *name;
    struct value value;
};
struct args {
    struct value *pos; /* [n] */
    size_t n;
    struct kwarg *kw; /* [n_kw] */
    size_t n_kw;
};

enum { MAX_PARAMS = 6 };
struct call {
    struct value self; /* the object of a method, the input of a filter or test */
    struct value a[MAX_PARAMS];
    const struct args *args; /* as given; a is filled from them by the row's params */
};
typedef struct value (*builtin_fn)(struct jinja *j, struct call *c);
/* params: names separated by blanks, "?" after an optional one, "/" first: by position only, "*":
 * anything, unbound. */
struct builtin {
    const char *name, *params;
    builtin_fn fn;
};

struct function {
    const struct builtin *row;
    struct value self;
};

struct cycler { /* also a joiner */
    struct list *items;
    size_t pos;
};

/* ---- the tree -------------------------------------------------------------------------------- */

enum node_type {
    /* expressions */
    N_CONST,
    N_NAME,
    N_LIST,
    N_TUPLE,
    N_DICT, /* list: key, value, key, ... */
    N_ATTR,
    N_ITEM,
    N_SLICE,
    N_CALL,
    N_FILTER, /* a: input, or NULL in a filter block */
    N_TEST,
    N_NOT,
    N_NEG,
    N_POS,
    N_BINARY,
    N_CONCAT,
    N_COMPARE, /* list of N_OPERAND */
    N_OPERAND,
    N_AND,
    N_OR,
    N_CONDITION, /* a if b else c */
    N_NSREF,     /* assignment to name.attribute */
    N_KEYWORD,   /* name=a in a call */
    /* statements */
    N_OUTPUT,
    N_IF,         /* a: condition, list: body, other: else */
    N_FOR,        /* a: target, b: items, c: filter, list, other */
    N_SET,        /* a: target, b: value */
    N_SET_BLOCK,  /* a: target, b: filters, list */
    N_MACRO,      /* params: names, defaults; list */
    N_CALL_BLOCK, /* a: call, params, list */
    N_FILTER_BLOCK,
    N_WITH, /* params: targets, values */
    N_BLOCK,
    N_SCOPE,
    N_BREAK,
    N_CONTINUE,
    N_FAIL, /* name: the sentence */
};

struct node {
    enum node_type type;
    int op; /* a token: of N_BINARY, N_OPERAND */
    uint32_t line;
    bool flag;            /* N_FOR: recursive; macros: uses caller */
    bool varargs, kwargs; /* macros: what the body uses */
    struct node *next;    /* in a list */
    struct node *a, *b, *c;
    struct node *list, *other;
    struct node *params, *defaults; /* macros: N_NAMEs; the values of the last of them */
    struct node *star, *star_star;  /* N_CALL, N_FILTER, N_TEST: *a, **b */
    const struct string *name;      /* interned: equal names are the same pointer */
    struct value value;
    const struct builtin *builtin; /* N_FILTER, N_TEST; NULL: unknown, which is said when run */
};

/* ---- rendering ------------------------------------------------------------------------------- */

struct variable {
    const struct string *name;
    struct value value;
};
struct scope {
    struct scope *parent;
    struct variable *variables;
    size_t n, cap;
};

struct macro {
    const struct node *node;
    struct scope *scope; /* where it was defined */
};

struct loop {
    const struct node *node;
    struct scope *scope; /* around the loop */
    struct iter *iter;
    size_t index; /* from 0 */
    bool has_length, has_after, has_before;
    size_t length;
    struct value current, before, after;
    struct value changed; /* V_MISSING: nothing yet */
    uint32_t depth;
};

struct buffer {
    char *data;
    size_t n, cap;
};

struct jinja {
    struct arena arena;
    char *top, *end;       /* of the block that small things are cut from */
    char *tail, *tail_end; /* where the last concatenation ended, and could grow to */
    struct jinja_limits limits;
    uint64_t steps;
    size_t bytes;
    uint32_t depth;
    const char *name;
    uint32_t line; /* being read or run; 0: none */
    hekla_status status;
    char message[400];
    jmp_buf leave;
    struct dict *names; /* interned */
    struct scope *globals;
    struct buffer *out;
};

/* ---- memory.c -------------------------------------------------------------------------------- */

_Noreturn void jinja_raise(struct jinja *j, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void jinja_raise_status(struct jinja *j, hekla_status status, const char *text);
/* n zeroed items. */
void *mem_alloc(struct jinja *j, size_t n, size_t item);
/* Counts work of n items or pieces. */
void jinja_work(struct jinja *j, uint64_t n);
void jinja_enter(struct jinja *j); /* one level deeper */
static inline void jinja_leave(struct jinja *j)
{
    j->depth--;
}
void buffer_add(struct jinja *j, struct buffer *b, const char *data, size_t n);
void buffer_text(struct jinja *j, struct buffer *b, const char *text);
void buffer_code(struct jinja *j, struct buffer *b, uint32_t code);
void buffer_format(struct jinja *j, struct buffer *b, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A printable piece of a string for sentences. */
struct utf8_label string_label(const struct string *s);

/* ---- string.c -------------------------------------------------------------------------------- */

const struct string *string_borrow(struct jinja *j, const char *data, size_t n, size_t chars);
const struct string *string_create(struct jinja *j, const char *data, size_t n);
const struct string *string_text(struct jinja *j, const char *text);
const struct string *string_buffer(struct jinja *j, const struct buffer *b);
const struct string *string_concat(struct jinja *j, const struct string *a, const struct string *b);
/* Code points [from, to). */
const struct string *string_cut(struct jinja *j, const struct string *s, size_t from, size_t to);
const struct string *string_mark(struct jinja *j, const struct string *s, bool markup);
const struct string *string_escape(struct jinja *j, const struct string *s);
/* Interned: two equal strings give one pointer. */
const struct string *string_intern(struct jinja *j, const char *data, size_t n);
bool string_equal(const struct string *a, const struct string *b);
bool string_is(const struct string *s, const char *text);
int string_compare(const struct string *a, const struct string *b);
/* Offset of the first place of b in a from byte `from` on, or SIZE_MAX. */
size_t string_find(struct jinja *j, const struct string *a, const struct string *b, size_t from);
size_t string_find_last(
    struct jinja *j, const struct string *a, const struct string *b, size_t before);
/* The byte at which code point i begins. */
size_t string_offset(const struct string *s, size_t i);
/* Decodes at byte *at and moves it. */
uint32_t string_code(const struct string *s, size_t *at);
size_t string_last(const struct string *s, size_t end, uint32_t *code); /* begins at */

bool code_is_alpha(uint32_t c);
bool code_is_digit(uint32_t c);
bool code_is_numeric(uint32_t c);
bool code_is_space(uint32_t c);
bool code_is_printable(uint32_t c);
bool code_is_upper(uint32_t c);
bool code_is_lower(uint32_t c);
enum case_kind { CASE_LOWER, CASE_UPPER, CASE_TITLE };
size_t code_case(uint32_t c, enum case_kind kind, uint32_t out[3]);
const struct string *string_case(struct jinja *j, const struct string *s, enum case_kind kind);
const struct string *string_capitalize(struct jinja *j, const struct string *s);
/* which: -1 left, 0 both, 1 right; set NULL: white space */
const struct string *string_strip(
    struct jinja *j, const struct string *s, const struct string *set, int which);
const struct string *string_replace(struct jinja *j, const struct string *s,
    const struct string *from, const struct string *to, int64_t count);

/* ---- value.c --------------------------------------------------------------------------------- */

#define NONE ((struct value){.type = V_NONE})
#define MISSING ((struct value){.type = V_MISSING})
static inline struct value bool_value(bool b)
{
    return (struct value){.type = V_BOOL, .as.b = b};
}
static inline struct value int_value(int64_t i)
{
    return (struct value){.type = V_INT, .as.i = i};
}
static inline struct value float_value(double f)
{
    return (struct value){.type = V_FLOAT, .as.f = f};
}
static inline struct value string_value(const struct string *s)
{
    return (struct value){.type = V_STRING, .as.s = s};
}
static inline struct value list_value(struct list *list)
{
    return (struct value){.type = V_LIST, .as.list = list};
}
static inline struct value tuple_value(struct list *list)
{
    return (struct value){.type = V_TUPLE, .as.list = list};
}
static inline struct value dict_value(struct dict *dict)
{
    return (struct value){.type = V_DICT, .as.dict = dict};
}
static inline struct value iter_value(struct iter *iter)
{
    return (struct value){.type = V_ITER, .as.iter = iter};
}
static inline struct value undefined_value(const char *why)
{
    return (struct value){.type = V_UNDEFINED, .as.why = why};
}
static inline struct value text_value(struct jinja *j, const char *text)
{
    return string_value(string_text(j, text));
}
struct value undefined_name(struct jinja *j, const char *what, const struct string *name);

const char *value_type_name(struct value v);
static inline bool is_sequence_type(struct value v)
{
    return v.type == V_LIST || v.type == V_TUPLE;
}
static inline bool is_integer(struct value v)
{
    return v.type == V_INT || v.type == V_BOOL;
}
static inline bool is_number(struct value v)
{
    return is_integer(v) || v.type == V_FLOAT;
}
static inline int64_t integer_of(struct value v)
{
    return v.type == V_BOOL ? v.as.b : v.as.i;
}
static inline double number_of(struct value v)
{
    return v.type == V_FLOAT ? v.as.f : (double)integer_of(v);
}
bool value_true(struct jinja *j, struct value v);
bool value_equal(struct jinja *j, struct value a, struct value b);
/* op: for the sentence. */
int value_compare(struct jinja *j, struct value a, struct value b, const char *op);
bool value_same(struct value a, struct value b); /* Python's "is" */
bool value_contains(struct jinja *j, struct value container, struct value item);
uint64_t value_hash(struct jinja *j, struct value v);
/* -1: it has no length. */
int64_t value_length(struct value v);

struct list *list_create(struct jinja *j);
void list_add(struct jinja *j, struct list *list, struct value v);
struct dict *dict_create(struct jinja *j);
void dict_set(struct jinja *j, struct dict *d, struct value key, struct value v);
/* NULL: not there. */
struct value *dict_find(struct jinja *j, const struct dict *d, struct value key);
struct value *dict_find_name(struct jinja *j, const struct dict *d, const struct string *name);

/* iter.c */
struct iter *iter_create(struct jinja *j,
    bool (*next)(struct jinja *j, struct iter *it, struct value *out), struct value source);
/* Raises if v cannot be iterated. */
struct iter *iter_of(struct jinja *j, struct value v);
bool can_iterate(struct value v);
static inline bool iter_next(struct jinja *j, struct iter *it, struct value *out)
{
    jinja_work(j, 1);
    return it->next(j, it, out);
}
/* All items, in a list of their own. */
struct list *list_of(struct jinja *j, struct value v);
struct value view_item(struct jinja *j, const struct view *view, size_t i);

/* print.c: str() and repr() */
const struct string *value_string(struct jinja *j, struct value v);
void print_value(struct jinja *j, struct buffer *b, struct value v);
void print_repr(struct jinja *j, struct buffer *b, struct value v);
void print_float(struct jinja *j, struct buffer *b, double f);
/* The input of string filters: a string as it is, anything else as str() writes it. */
const struct string *soft_string(struct jinja *j, struct value v);

/* json.c */
struct json_style {
    const struct string *item, *key; /* separators; NULL: Python's defaults */
    const struct string *indent;     /* NULL: on one line */
    bool ascii, sort;
};
void json_write(struct jinja *j, struct buffer *b, struct value v, const struct json_style *style);
/* json_read.c */
struct value json_read(struct jinja *j, const char *what, const char *text, size_t n);

/* ---- operators.c, format.c ------------------------------------------------------------------- */

struct value value_operate(struct jinja *j, int op, struct value a, struct value b);
struct value value_negate(struct jinja *j, struct value v);
/* text % args */
const struct string *format_percent(
    struct jinja *j, const struct string *format, struct value args);
/* text.format(...) */
const struct string *format_braces(
    struct jinja *j, const struct string *format, const struct args *args);
/* Fills [start, stop, step] as Python's slice does; n: the length. Returns the number of items. */
size_t slice_bounds(
    struct jinja *j, const struct value bounds[3], size_t n, int64_t *start, int64_t *step);
struct value slice_value(struct jinja *j, struct value v, const struct value bounds[3]);

/* ---- lexer.c --------------------------------------------------------------------------------- */

enum token_type {
    T_END,
    T_DATA,
    T_VARIABLE_BEGIN,
    T_VARIABLE_END,
    T_BLOCK_BEGIN,
    T_BLOCK_END,
    T_NAME,
    T_STRING,
    T_INTEGER,
    T_FLOAT,
    T_ADD,
    T_SUB,
    T_MUL,
    T_DIV,
    T_FLOORDIV,
    T_MOD,
    T_POW,
    T_TILDE,
    T_EQ,
    T_NE,
    T_GT,
    T_GE,
    T_LT,
    T_LE,
    T_IN,     /* made by the parser */
    T_NOT_IN, /* likewise */
    T_ASSIGN,
    T_DOT,
    T_COLON,
    T_PIPE,
    T_COMMA,
    T_SEMICOLON,
    T_LPAREN,
    T_RPAREN,
    T_LBRACKET,
    T_RBRACKET,
    T_LBRACE,
    T_RBRACE,
};

struct token {
    enum token_type type;
    uint32_t line;
    const struct string *text; /* T_NAME: interned; T_DATA, T_STRING: the value */
    struct value number;
};
struct tokens {
    struct token *items; /* ends with T_END */
    size_t n, cap;
};
struct tokens lex_template(struct jinja *j, const char *source, size_t n);
const char *token_name(enum token_type type);

/* ---- parse_*.c ------------------------------------------------------------------------------- */

struct parser {
    struct jinja *j;
    const struct token *at;
    uint32_t loops;       /* around this place, inside its macro */
    bool soft;            /* directly inside an if: unknown filters fail only when run */
    struct node *unknown; /* filters and tests that do not exist, by their `other` */
    struct node **macros; /* [n_macros] around this place */
    size_t n_macros, cap_macros;
};

struct node *parse_template(struct jinja *j, const struct tokens *tokens);
struct node *node_create(struct parser *p, enum node_type type);
_Noreturn void parse_fail(struct parser *p, const char *expected);
bool parse_is_name(const struct token *t, const char *name);
bool parse_skip_name(struct parser *p, const char *name);
bool parse_skip(struct parser *p, enum token_type type);
void parse_expect(struct parser *p, enum token_type type);
const struct string *parse_name(struct parser *p);
struct node *parse_expression(struct parser *p, bool condition);
/* One expression, or several separated by commas: a tuple. end: a name that ends it, or NULL. */
struct node *parse_tuple(struct parser *p, bool condition, const char *end, bool parentheses);
struct node *parse_primary(struct parser *p);
struct node *parse_postfix(struct parser *p, struct node *node);
struct node *parse_unary(struct parser *p, bool filters);
struct node *parse_filters(struct parser *p, struct node *node, bool begun);
struct node *parse_target(struct parser *p, const char *end, bool with_namespace);

/* ---- eval.c, exec.c, call.c ------------------------------------------------------------------ */

struct value eval_node(struct jinja *j, struct scope *scope, const struct node *node);
struct value eval_filter(
    struct jinja *j, struct scope *scope, const struct node *node, struct value input);
void exec_assign(struct jinja *j, struct scope *scope, const struct node *target, struct value v);

enum flow { FLOW_ON, FLOW_BREAK, FLOW_CONTINUE };
enum flow exec_list(struct jinja *j, struct scope *scope, const struct node *list);
const struct string *exec_capture(struct jinja *j, struct scope *scope, const struct node *list);
const struct string *loop_recurse(struct jinja *j, struct loop *loop, struct value items);
enum flow exec_for(struct jinja *j, struct scope *scope, const struct node *node);
struct value loop_attribute(struct jinja *j, struct loop *loop, const struct string *name);

struct scope *scope_create(struct jinja *j, struct scope *parent);
void scope_set(struct jinja *j, struct scope *scope, const struct string *name, struct value v);
struct value *scope_find(struct scope *scope, const struct string *name);

struct value call_value(struct jinja *j, struct value callee, const struct args *args);
struct value call_macro(struct jinja *j, struct macro *macro, const struct args *args);
struct value call_builtin(
    struct jinja *j, const struct builtin *row, struct value self, const struct args *args);
/* obj.name and obj[key] */
struct value value_attribute(struct jinja *j, struct value v, const struct string *name);
struct value value_item(struct jinja *j, struct value v, struct value key);
/* obj.name, but no item of that name. */
struct value value_own_attribute(struct jinja *j, struct value v, const struct string *name);

/* ---- tables of what templates can call --------------------------------------------------------
 */

/* Each ends with a row without a name. */
extern const struct builtin jinja_filter_string_rows[], jinja_filter_sequence_rows[],
    jinja_filter_number_rows[], jinja_filter_select_rows[], jinja_test_rows[],
    jinja_method_string_rows[], jinja_method_split_rows[], jinja_method_is_rows[],
    jinja_method_dict_rows[], jinja_method_list_rows[], jinja_method_cycler_rows[],
    jinja_global_rows[];
const struct builtin *jinja_find_filter(const struct string *name);
const struct builtin *jinja_find_test(const struct string *name);
/* NULL: the object has no such method. */
const struct builtin *jinja_find_method(struct value self, const struct string *name);
void jinja_add_globals(struct jinja *j);

/* Arguments for the tables' functions. */
static inline bool given(struct value v)
{
    return v.type != V_MISSING;
}
static inline bool given_not_none(struct value v)
{
    return v.type != V_MISSING && v.type != V_NONE;
}
int64_t want_int(struct jinja *j, struct value v, const char *what);
const struct string *want_string(struct jinja *j, struct value v, const char *what);
bool want_bool(struct jinja *j, struct value v, bool fallback);
/* The item that a filter's attribute argument ("a.b.0") names. */
struct value value_path(struct jinja *j, struct value v, struct value path, struct value fallback);

#endif
