/*
 * hekla: language models on any GPU, through Vulkan compute.
 *
 * Two nouns. A `hekla_model` is a loaded GGUF file on one device: immutable, and safe to use from
 * several threads at once. A `hekla_session` is one mutable timeline on a model: a KV cache, the
 * tokens in it, and the logits of the newest position; use it from one thread at a time.
 * Tokenizer, chat format and sampling are functions on those two.
 *
 * Options are structs in which zero means "default": pass `&(struct hekla_..._options){ ... }`.
 * Every function that can fail returns a hekla_status and takes `struct hekla_error *err` last;
 * err may be NULL, and gets one clear sentence. On failure outputs are untouched unless said.
 * The library never prints, exits, or reads the environment.
 *
 * Default numerics are exact: the logits have the same bits on every device, for every batch size
 * and every way of splitting a prompt (the specification is the C code in src/ref).
 */
#ifndef HEKLA_H
#define HEKLA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define HEKLA_API __attribute__((visibility("default")))
#else
#define HEKLA_API
#endif

#define HEKLA_VERSION "0.1.0"

/* code, meaning. */
#define HEKLA_STATUS_LIST(X)                                                                       \
    X(OK, "success")                                                                               \
    X(IO, "file could not be read or written")                                                     \
    X(FORMAT, "file is not valid")                                                                 \
    X(UNSUPPORTED, "valid, but not supported by this engine or device")                            \
    X(NO_DEVICE, "no usable device")                                                               \
    X(MEMORY, "not enough host or device memory")                                                  \
    X(SELFTEST, "a kernel fails its self-test on this device")                                     \
    X(DEVICE, "the device failed or was lost")                                                     \
    X(ARGUMENT, "invalid argument")

typedef enum hekla_status {
#define X(name, text) HEKLA_##name,
    HEKLA_STATUS_LIST(X)
#undef X
} hekla_status;

struct hekla_error {
    hekla_status code;
    char text[500]; /* one sentence, UTF-8, no newline; empty on success */
};

typedef struct hekla_model hekla_model;
typedef struct hekla_session hekla_session;
typedef int32_t hekla_token;

HEKLA_API const char *hekla_version(void);
/* The meaning of a status, for people; never NULL. */
HEKLA_API const char *hekla_status_text(hekla_status status);

/* ---- devices ------------------------------------------------------------------------------- */

enum hekla_device_type { HEKLA_GPU_DISCRETE, HEKLA_GPU_INTEGRATED, HEKLA_GPU_OTHER, HEKLA_CPU };

/* `device` in the model options accepts id, uuid, pci, or a part of the name. */
struct hekla_device_info {
    char id[8];   /* "0", "1", ...: position in the driver's list, which may change; or "ref" */
    char uuid[9]; /* the device's UUID folded (xor) to 8 hex digits; stable */
    char pci[16]; /* PCI address "0000:03:00.0", stable; empty where the driver does not tell */
    char name[256];
    char driver[256]; /* driver name and version */
    enum hekla_device_type type;
    uint64_t memory_bytes;      /* size of the largest device-local heap */
    uint64_t memory_free_bytes; /* what can be allocated now, where the driver tells */
    uint32_t subgroup_size, subgroup_min, subgroup_max;
    char paths[512];   /* optional features that faster kernels can use, comma-separated */
    bool host_visible; /* the host can write all its memory: shared, or a large BAR (ReBAR) */
    bool usable;
    bool chosen;   /* what a model is opened on when no device is named */
    char why[128]; /* why it is or is not usable, or chosen */
};

/* Lists Vulkan devices, best first order not implied, then the CPU reference ("ref": plain C, slow,
 * the specification of the numerics). Writes at most cap entries; *count is the number there are.
 * Thread-safe. No device is not an error here: the list then holds "ref" alone, and `err`
 * (if given) says what to install while HEKLA_OK is returned. */
HEKLA_API hekla_status hekla_device_list(
    struct hekla_device_info *out, size_t cap, size_t *count, struct hekla_error *err);

/* What is said besides a result: lines for people. */
enum hekla_notice {
    HEKLA_NOTICE_DETAIL,   /* for who asked for details */
    HEKLA_NOTICE_PROGRESS, /* what is being done now; the next line replaces it, "" wipes it */
    HEKLA_NOTICE_WARNING,
};
typedef void (*hekla_notice_fn)(void *user, enum hekla_notice kind, const char *line);

/* ---- self-test: a kernel is used only where it was seen to give the reference's bits ----------
 */

/* How kernels are tested on a device before their first use there. */
struct hekla_proof {
    const char *folder; /* keeps verdicts by device, driver and build; NULL: nothing is kept */
    /* A program that calls hekla_helper_main: tests run in it, and a driver that crashes or hangs
     * takes nothing else along. NULL: tests run in this process. */
    const char *helper;
    double patience; /* seconds without a sign of life after which the helper hangs; 0: 60 */
};

#define HEKLA_VERDICT_LIST(X)                                                                      \
    X(UNTESTED, "untested")                                                                        \
    X(PASSED, "passed")                                                                            \
    X(FAILED, "failed")                                                                            \
    X(CRASHED, "crashed")                                                                          \
    X(HUNG, "hung")                                                                                \
    X(UNAVAILABLE, "not available")
enum hekla_verdict {
#define X(name, text) HEKLA_VERDICT_##name,
    HEKLA_VERDICT_LIST(X)
#undef X
};
HEKLA_API const char *hekla_verdict_text(enum hekla_verdict verdict);

struct hekla_kernel_result {
    const char *kernel, *format; /* of weights or of the KV cache; "-": it reads neither */
    const char *instead;         /* what a model uses where this is not usable; NULL: nothing */
    bool chosen;                 /* models would use it, had it passed */
    bool inexact;                /* near the reference is enough: for fast numerics only */
    enum hekla_verdict verdict;
    uint32_t cases;
    uint64_t words; /* compared */
    double seconds;
    char text[300]; /* why it did not pass */
};

struct hekla_doctor_options {
    const char *device, *caps; /* as in the model options */
    struct hekla_proof proof;
    const char *filter; /* only kernels whose "KERNEL FORMAT" contains it; NULL: all */
    bool full;          /* sizes of real models also where a processor plays the GPU */
    /* Only names are set. Some are tested side by side, and one that crashes twice. */
    void (*begin)(void *user, const struct hekla_kernel_result *result);
    void (*end)(void *user, const struct hekla_kernel_result *result);
    void *user;
};

struct hekla_doctor_report {
    char device[256], driver[256], uuid[33];
    uint32_t passed, failed, unavailable;
    char stored[1100]; /* the file; empty: not stored, and why_not says why */
    char why_not[300];
};

/* Tests every kernel that the device could use, whatever was found before. Blocking. HEKLA_OK also
 * if kernels fail; an error is what kept the test from running, with the results so far stored. */
HEKLA_API hekla_status hekla_doctor(const struct hekla_doctor_options *options,
    struct hekla_doctor_report *out, struct hekla_error *err);

/* For a helper's main, first thing, where argv[1] is HEKLA_HELPER; returns the exit status. */
#define HEKLA_HELPER "--hekla-helper"
HEKLA_API int hekla_helper_main(int argc, char **argv);

/* ---- models -------------------------------------------------------------------------------- */

struct hekla_model_options {
    const char *path; /* GGUF file, or the first of a split model; NULL: the built-in model */
    /* Instead of a path, "SHAPE:TYPE" such as "llama3.1-8b:q4_k_m": random weights, the same on
     * every machine, made in device memory. Such a model has no text: tokens only. */
    const char *synthetic;
    const char *device; /* id, or part of a name; "ref"; NULL: the best device */
    const char *caps;   /* capability overrides such as "int_dot=0"; NULL: none */
    bool vocab_only;    /* header and tokenizer only; no device is opened */
    /* Called on the opening thread with 0..1 as weights are uploaded; return false to cancel. */
    bool (*progress)(void *user, double fraction);
    void *progress_user;
    struct hekla_proof proof; /* kernels that this model needs and no verdict knows are tested */
    hekla_notice_fn notice;   /* also called by the model's sessions, on the thread they work on */
    void *notice_user;
};

/* How a text's embedding is made of its tokens' hidden states, those that logits would be made of:
 * none (one for each token), their mean, or the first or last token's. */
enum hekla_pooling {
    HEKLA_POOLING_AUTO, /* what the model's file says */
    HEKLA_POOLING_NONE,
    HEKLA_POOLING_MEAN,
    HEKLA_POOLING_CLS,
    HEKLA_POOLING_LAST,
    HEKLA_POOLING_OTHER, /* of a file: a way that is not supported, such as a ranking head's */
};

struct hekla_model_info {
    char name[128]; /* general.name, or the file's name */
    char architecture[64];
    char type_name[32]; /* the commonest weight type, such as "Q4_K" */
    int32_t file_type;  /* general.file_type; -1: the file does not tell */
    char device[256];
    bool device_is_cpu; /* software Vulkan or the reference: slow */
    uint64_t n_params;
    uint64_t file_bytes;   /* tensor data in the file(s) */
    uint64_t device_bytes; /* weights as stored on the device */
    uint64_t decode_bytes; /* weight bytes read for one decoded token */
    uint32_t n_vocab, n_ctx_train, n_embd, n_layer, n_head, n_head_kv, head_dim, n_ff;
    /* Elements of K and V of a position that a token behind it reads, in all layers; in those that
     * see only a window of so many positions. */
    uint64_t kv_elements, kv_elements_window;
    uint32_t window; /* 0: all layers see all positions */
    bool add_bos;
    hekla_token bos, eos, eot;  /* -1: none */
    enum hekla_pooling pooling; /* what the file says; MEAN where it says nothing */
    bool embeds_only; /* an encoder: its tokens see all others of their text, and it writes none */
};

/* Opens a model: maps the file(s), checks everything, uploads the weights. Blocking.
 * *out is owned by the caller: hekla_model_close. */
HEKLA_API hekla_status hekla_model_open(
    hekla_model **out, const struct hekla_model_options *options, struct hekla_error *err);
/* All sessions on it must be closed before. NULL is allowed. */
HEKLA_API void hekla_model_close(hekla_model *model);
HEKLA_API void hekla_model_get_info(const hekla_model *model, struct hekla_model_info *out);

/* What a model's device does at best, measured now by kernels that do nothing else, the faster of
 * several runs each; and what it is. */
struct hekla_limits {
    struct hekla_device_info device;
    double read, copy;   /* bytes a second: reading alone; copying, read and written bytes */
    double f32, int_dot; /* operations a second: fp32; 8-bit integers. 0: cannot be measured */
    /* bytes a second at which the model's own weights were read; far below `read`: they are not in
     * device memory. */
    double weights_read;
    uint64_t weights_bytes;
    bool spilled; /* by that: less than half of `read`, on a device with memory of its own */
};
/* Blocking, a second or so; needs some device memory for a moment. No session may be at work. */
HEKLA_API hekla_status hekla_model_measure(
    hekla_model *model, struct hekla_limits *out, struct hekla_error *err);

/* Whether a model fits a device, and how fast it will be, without loading it. */
struct hekla_prediction {
    char device[256];
    bool device_is_cpu;
    uint64_t weights_bytes, memory_free_bytes;
    uint64_t working_bytes;                          /* what a session needs besides the KV cache */
    uint64_t position_bytes_f16, position_bytes_f32; /* of the KV cache, per position */
    /* Most positions that fit beside the weights, up to what the model was trained for; 0: the
     * weights do not fit. */
    uint32_t n_ctx_f16, n_ctx_f32;
    double generation, prompt; /* tokens a second, with an empty context; 0: cannot be told */
    uint32_t n_prompt;         /* the length of prompt that is meant */
};
/* path or synthetic, device, caps, proof and notice of the options count. Measures every kernel
 * that the model needs on one layer of its width, made of random weights; then counts. Blocking,
 * some seconds. HEKLA_UNSUPPORTED for a model with a recurrent state. */
HEKLA_API hekla_status hekla_predict(const struct hekla_model_options *options,
    struct hekla_prediction *out, struct hekla_error *err);

/* Writes a table of the file's metadata and tensors as text (for `hekla info`): calls write with
 * pieces of UTF-8. */
HEKLA_API void hekla_model_describe(
    const hekla_model *model, void (*write)(void *user, const char *text, size_t n), void *user);

/* ---- text ---------------------------------------------------------------------------------- */

enum {
    HEKLA_TOKENIZE_BOS = 1,     /* add what the model wants around text: a token that begins it,
                                   or one that ends it */
    HEKLA_TOKENIZE_SPECIAL = 2, /* special tokens written out, such as <|eot_id|>, become tokens */
};

/* Encodes n bytes of UTF-8. Writes at most cap tokens; *count is the number needed (call with
 * cap 0 to ask). HEKLA_ARGUMENT for invalid UTF-8, with the byte's offset. Thread-safe. */
HEKLA_API hekla_status hekla_tokenize(const hekla_model *model, const char *text, size_t n,
    uint32_t flags, hekla_token *tokens, size_t cap, size_t *count, struct hekla_error *err);

/* The bytes of one token (may be part of a UTF-8 sequence). Control tokens give nothing unless
 * `special`. Returns the length; writes at most cap bytes. Unknown ids give 0. */
HEKLA_API size_t hekla_token_bytes(
    const hekla_model *model, hekla_token token, bool special, char *out, size_t cap);

/* Turns a stream of tokens into a stream of whole UTF-8 sequences. Zero-initialise it where tokens
 * begin a text: a space that encoding put before the text is left out then. Where they go on after
 * a prompt, add the prompt's last token first and drop what comes out. */
struct hekla_text_stream {
    char pending[8];
    uint32_t n_pending;
    bool inside; /* text has begun */
};
/* Appends a token; writes what is complete (at most cap bytes; HEKLA_PIECE_MAX is always enough)
 * and returns its length. Invalid bytes come out as U+FFFD. Call with token -1 to flush. */
#define HEKLA_PIECE_MAX 2048
HEKLA_API size_t hekla_text_stream_add(const hekla_model *model, struct hekla_text_stream *stream,
    hekla_token token, bool special, char *out, size_t cap);

/* True for tokens that end an answer (end of text, end of turn). */
HEKLA_API bool hekla_token_is_end(const hekla_model *model, hekla_token token);

struct hekla_message {
    const char *role;    /* "system", "user", "assistant", "tool" */
    const char *content; /* UTF-8; may be NULL beside tool_calls */
    /* The rest may be NULL: */
    const char *reasoning;    /* of an assistant: what it thought before the content */
    const char *tool_calls;   /* of an assistant: JSON, a list of calls as OpenAI has them */
    const char *tool_call_id; /* of a tool's result, and the tool's name */
    const char *name;
};
struct hekla_chat_options {
    const char *chat_template; /* Jinja, or a format's name such as "chatml"; NULL: the model's */
    const char *tools;         /* JSON: a list of tools as OpenAI has them; NULL: none */
    const char *variables;     /* JSON: an object, more variables for the template; NULL: none */
    bool no_answer;            /* do not end with the header of the assistant's answer */
    bool continue_last;        /* end inside the last message, so that it is continued */
    int64_t now;               /* Unix time for templates that tell the date; 0: the clock's */
};
/* Renders a conversation by the model's own chat template (Jinja, as transformers renders it),
 * ready for HEKLA_TOKENIZE_SPECIAL (which must not add another begin-of-text: the text has it). A
 * file without a template gets the named format that its special tokens tell. With add_assistant,
 * ends with the header of the assistant's answer. *text is malloc'ed: the caller frees it.
 * HEKLA_FORMAT if the template is not valid, refuses the conversation, or takes too much time,
 * memory or depth. Thread-safe. */
HEKLA_API hekla_status hekla_chat_format(const hekla_model *model,
    const struct hekla_message *messages, size_t n, bool add_assistant, char **text,
    struct hekla_error *err);
HEKLA_API hekla_status hekla_chat_format_with(const hekla_model *model,
    const struct hekla_message *messages, size_t n, const struct hekla_chat_options *options,
    char **text, struct hekla_error *err);
/* The same with the messages as JSON, of which templates see all members. */
HEKLA_API hekla_status hekla_chat_format_json(const hekla_model *model, const char *messages,
    const struct hekla_chat_options *options, char **text, struct hekla_error *err);

struct hekla_answer { /* malloc'ed: hekla_answer_free */
    char *content;    /* never NULL */
    char *reasoning;  /* NULL: none was written out */
    char *tool_calls; /* JSON, as in struct hekla_message; NULL: none */
};
/* Takes an answer apart, ready to be put into a message: what was thought, between tags such as
 * <think> of which the prompt may have opened one, and, if the model was given tools, its calls:
 * <tool_call> around {...}, <function=...> or <arg_key>s, [TOOL_CALLS][...], [TOOL_CALLS]name[ARGS]
 * {...}, those of DeepSeek, Kimi and Gemma 4, or nothing but {"name": ..., ...}; and messages of
 * gpt-oss with their channels. answer: with its control tokens (hekla_text_stream_add, special).
 * Arguments that are written out plainly are strings unless they are other JSON. prompt: the text
 * that was answered, or NULL. What is no call of these forms is content. Thread-safe. */
HEKLA_API hekla_status hekla_answer_parse(const char *prompt, const char *answer, bool tools,
    struct hekla_answer *out, struct hekla_error *err);
HEKLA_API void hekla_answer_free(struct hekla_answer *answer);

/* The formats that chat_template can name: i = 0, 1, ...; NULL behind the last. */
HEKLA_API const char *hekla_chat_format_name(size_t i);

/* ---- sessions ------------------------------------------------------------------------------ */

/* If the device is lost while a model's only session works, it is opened again, once in a model's
 * life: what it held is computed again, and the call goes on with the same results; the model's
 * notice tells. Otherwise HEKLA_DEVICE, and the session is good for hekla_session_close alone. */

enum hekla_kv_type {
    HEKLA_KV_AUTO, /* f32 for a model with F32 weights, else f16 */
    HEKLA_KV_F32,
    HEKLA_KV_F16,
    HEKLA_KV_Q8_0, /* heads of a multiple of 32 elements only, this and the next */
    HEKLA_KV_Q4_0,
};

/* What a model would take on a device, without its weights being read. */
struct hekla_fit_options {
    const char *path; /* GGUF file of which the header is read, or NULL and: */
    const char
        *shape; /* "SHAPE:TYPE", such as "llama3.1-8b:q4_k_m"; NULL too: the built-in model */
    const char *device, *caps; /* as in the model options */
    uint64_t memory;           /* bytes to fit into; 0: what is free on the device now */
    uint32_t n_ctx;            /* positions; 0: what the model was trained for */
    enum hekla_kv_type kv_type;
};
struct hekla_fit {
    char device[256];
    uint64_t memory;               /* bytes to fit into */
    uint64_t weights, kv, scratch; /* bytes; kv (recurrent state, too) and scratch: for n_ctx */
    uint32_t n_ctx, most_ctx;      /* most_ctx: the longest context that fits, or 0 */
    bool fits;
    bool embeds_only; /* for a session of embeddings, whose cache is always F32 */
};
/* Blocking, but short; allocates nothing on the device. HEKLA_ARGUMENT for an unknown shape. */
HEKLA_API hekla_status hekla_fit(
    const struct hekla_fit_options *options, struct hekla_fit *out, struct hekla_error *err);

/* EXACT: the bits of the reference. FAST: prompts go through half-precision matrix units where the
 * device has them; results then differ from device to device, by about 2^-10 of their size. */
enum hekla_numerics { HEKLA_NUMERICS_EXACT, HEKLA_NUMERICS_FAST };

struct hekla_session_options {
    uint32_t n_ctx;   /* positions; 0: what the model was trained for, if it fits */
    uint32_t n_batch; /* most prompt tokens evaluated at once; 0: 512. Encoders: all of a text */
    enum hekla_kv_type kv_type;
    bool all_logits; /* keep the logits of every evaluated position, not only the newest */
    bool embeddings; /* for hekla_session_embed: no logits are computed */
    bool profile;    /* time every kernel; slower: steps are not submitted ahead */
    enum hekla_numerics numerics;
};

/* HEKLA_UNSUPPORTED for a model with embeds_only, unless it is opened for embeddings. */
HEKLA_API hekla_status hekla_session_open(hekla_session **out, hekla_model *model,
    const struct hekla_session_options *options, struct hekla_error *err);
HEKLA_API void hekla_session_close(hekla_session *session); /* NULL is allowed */

/* How matrices of one kind, or attention (rows: heads, columns: elements of one), are cut among the
 * device's invocations. */
struct hekla_tuning_row {
    const char *kernel, *format; /* static */
    uint32_t rows, columns;
    uint32_t shape;    /* the candidate that was taken; 0: hekla's own rule */
    uint32_t tried;    /* candidates that were measured */
    uint32_t differed; /* those of a round in which a result differed: they are not used */
    double seconds_before, seconds; /* of a step: by the rule, and as it was taken */
};
/* Measures for about `seconds` which shapes of its kernels the device is fastest with for this
 * model, and keeps that in the proof's folder; opening the first session of a model on a GPU does a
 * short form of it. No shape changes a result. Blocking. HEKLA_ARGUMENT for a session with tokens,
 * HEKLA_UNSUPPORTED where there is nothing to choose, as on processors. row may be NULL. */
HEKLA_API hekla_status hekla_session_tune(hekla_session *session, double seconds,
    void (*row)(void *user, const struct hekla_tuning_row *row), void *user,
    struct hekla_error *err);

HEKLA_API uint32_t hekla_session_n_ctx(const hekla_session *session);
/* Number of tokens in the session: the position of the next one. */
HEKLA_API uint32_t hekla_session_pos(const hekla_session *session);
/* The tokens it holds, [hekla_session_pos]. Valid until the next call on the session. */
HEKLA_API const hekla_token *hekla_session_tokens(const hekla_session *session);
/* Forgets all tokens from position pos on. pos <= hekla_session_pos. A recurrent state (LFM 2, Qwen
 * 3.5) cannot be cut back: it is kept of a few positions, the newest and some shortly before the
 * ends of prompts, and when pos is none of them, the next call that evaluates first evaluates the
 * tokens from there to pos again, with the same results. */
HEKLA_API void hekla_session_rewind(hekla_session *session, uint32_t pos);
/* What hekla_session_generate does when the context is full: stop (shifts false, as at first), or
 * drop half of the tokens after the first n_keep, rounded down, and go on. The state is then, to
 * the bit, that of a new session that evaluated the tokens that are left: at most n_ctx - n_keep
 * of them are evaluated again (with a recurrent state the first n_keep, too), which counts as
 * prompt and reports no logits. The k-th shift of a call adds k to its seed. HEKLA_ARGUMENT unless
 * n_keep <= n_ctx - 2. */
HEKLA_API hekla_status hekla_session_set_shift(
    hekla_session *session, bool shifts, uint32_t n_keep, struct hekla_error *err);

/* Appends n tokens and evaluates them. Blocking. HEKLA_ARGUMENT if they do not fit in the context,
 * an id is not in the vocabulary, or, of a model with embeds_only, if other tokens are there: then
 * nothing is evaluated. */
HEKLA_API hekla_status hekla_session_eval(
    hekla_session *session, const hekla_token *tokens, size_t n, struct hekla_error *err);
/* Makes the session hold exactly these tokens: keeps the common prefix, evaluates the rest
 * (at least the last token). *reused (may be NULL) gets the number of tokens kept; see
 * hekla_session_rewind. */
HEKLA_API hekla_status hekla_session_sync(hekla_session *session, const hekla_token *tokens,
    size_t n, size_t *reused, struct hekla_error *err);

/* Writes the session to a file: its tokens, KV cache, recurrent state and newest logits, and n_note
 * bytes of the caller's own (note NULL: none). The file takes its name only when all of it is on
 * the disk; until then it is path with ".tmp" behind it, and a file that was there stays. Its bytes
 * do not depend on the device. Random numbers need no saving: they follow from seed and position.
 * Blocking. HEKLA_IO if it cannot be written: the session is as it was. */
HEKLA_API hekla_status hekla_session_save(hekla_session *session, const char *path,
    const void *note, size_t n_note, struct hekla_error *err);
/* Makes the session what the saved one was, on any device: what follows has the same bits.
 * The model must be the same, also the type of KV cache, and the tokens must fit; context and batch
 * may be others. What was saved with fast numerics goes on with them only. *note (may be NULL) gets
 * the caller's own bytes and a 0 after them, malloc'ed: the caller frees it; *n_note their number.
 * Blocking. HEKLA_FORMAT, HEKLA_UNSUPPORTED or HEKLA_IO if the file is no whole saved session,
 * HEKLA_ARGUMENT if it does not go with this one: then the session is as it was. If device or
 * memory fail, or the file changes meanwhile, it is empty. Layers that see a window keep no more
 * than was saved: after a rewind further back, tokens are evaluated again. */
HEKLA_API hekla_status hekla_session_restore(
    hekla_session *session, const char *path, void **note, size_t *n_note, struct hekla_error *err);

/* The logits [n_vocab] of the newest evaluated position, or NULL if there are none.
 * Valid until the next call on the session. */
HEKLA_API const float *hekla_session_logits(hekla_session *session);

/* Appends the tokens but the last and writes nll[n - 1]: the surprise, -ln p, of each token after
 * the first, given all before it; computed on the device. Needs all_logits; n >= 2. Blocking. The
 * logits of the newest position are not kept. */
HEKLA_API hekla_status hekla_session_score(hekla_session *session, const hekla_token *tokens,
    size_t n, float *nll, struct hekla_error *err);

/* The embedding of a text's n tokens, alone in the session (what it held before is forgotten):
 * n_embd floats at out, or n of these after each other with HEKLA_POOLING_NONE. The same bits on
 * every device, and in batches of any size. Blocking. HEKLA_ARGUMENT unless the session was opened
 * for embeddings, n >= 1 and the tokens fit in the context; HEKLA_UNSUPPORTED for
 * HEKLA_POOLING_OTHER. */
HEKLA_API hekla_status hekla_session_embed(hekla_session *session, const hekla_token *tokens,
    size_t n, enum hekla_pooling pooling, float *out, struct hekla_error *err);
/* Scales x[n] in place: by its largest absolute value, to 32760 (p 0); or to a length of 1, by the
 * sum of absolute values (1), the Euclidean length (2), or the p-norm (more). p < 0, or zeros:
 * nothing. */
HEKLA_API void hekla_embedding_normalize(float *x, size_t n, int p);

/* With all_logits: called once for each evaluated position, in order, with logits [n_vocab]. */
HEKLA_API void hekla_session_on_logits(
    hekla_session *session, void (*fn)(void *user, uint32_t pos, const float *logits), void *user);

/* What a text must be. Immutable, and safe to use from several threads at once. */
typedef struct hekla_grammar hekla_grammar;
enum hekla_grammar_kind {
    HEKLA_GBNF,        /* llama.cpp's notation; the text is what the rule "root" says */
    HEKLA_JSON_SCHEMA, /* the text is JSON that satisfies the schema */
};
/* Reads n bytes of UTF-8. HEKLA_ARGUMENT for what is wrong, or asks for what cannot be promised
 * ("not", "multipleOf", left recursion, ...). *out is owned by the caller: hekla_grammar_close. */
HEKLA_API hekla_status hekla_grammar_open(hekla_grammar **out, enum hekla_grammar_kind kind,
    const char *text, size_t n, struct hekla_error *err);
HEKLA_API void hekla_grammar_close(hekla_grammar *grammar); /* NULL is allowed */

struct hekla_logit_bias {
    hekla_token token;
    float bias; /* added to its logit; -INFINITY: never this token */
};

/* What it points to must live during the call it is given to. */
struct hekla_sampling {
    float temperature;                         /* 0 or less: greedy */
    uint32_t top_k;                            /* 0: off */
    float top_p;                               /* 1 or more, or 0: off */
    float min_p;                               /* 0: off */
    float repeat_penalty;                      /* 1 or 0: off */
    float presence_penalty, frequency_penalty; /* 0: off */
    /* How many of the newest tokens the penalties see, at most 32768; 0: none. */
    uint32_t penalty_last_n;
    uint64_t seed;
    /* The samplers and their order: names separated by ';', or a letter each, which wins. NULL:
     * penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature, in letters edskypmxt;
     * there is also adaptive_p, a, which comes last wherever it is named. */
    const char *samplers, *sampler_seq;
    float typical_p;                         /* 1 or more, or 0: off */
    float top_n_sigma;                       /* 0 or less: off */
    float xtc_probability, xtc_threshold;    /* 0: off; 0: 0.1 */
    float dynatemp_range, dynatemp_exponent; /* 0: off; 0: 1 */
    float dry_multiplier, dry_base;          /* 0: off; 0: 1.75 */
    uint32_t dry_allowed_length, dry_last_n; /* 0: 2; 0: 64, at most 32768 */
    const char *const *dry_breakers;         /* [n_dry_breakers], at most 64; NULL: \n : " * */
    size_t n_dry_breakers;
    uint32_t mirostat; /* 1 or 2: instead of all samplers but the temperature; 0: off */
    float mirostat_tau, mirostat_eta;          /* 0: 5; 0: 0.1 */
    float adaptive_target, adaptive_decay;     /* 0 or less: off; 0: 0.9 */
    const struct hekla_logit_bias *logit_bias; /* [n_logit_bias] */
    size_t n_logit_bias;
    /* What the text must be, from the first token of the call on; NULL: anything. End tokens come
     * only where the text is complete. */
    const hekla_grammar *grammar;
};
/* The field's usual defaults: 0.8, 40, 0.95, 0.05, no penalties over 64 tokens; seed 0. */
HEKLA_API struct hekla_sampling hekla_sampling_default(void);
/* The same, with what the file says of it (general.sampling.*). Lives as long as the model. */
HEKLA_API struct hekla_sampling hekla_model_sampling(const hekla_model *model);
/* HEKLA_ARGUMENT if generating would refuse it: unknown samplers, values out of range. */
HEKLA_API hekla_status hekla_sampling_check(
    const hekla_model *model, const struct hekla_sampling *sampling, struct hekla_error *err);

/* Generates up to n tokens after what was evaluated (n < 0: until the context is full, or
 * with hekla_session_set_shift without an end), sampling
 * on the device where it can (penalties, top_k, top_p, min_p, temperature, in this order), else on
 * the host; a detail notice of the model tells which and why. sampling NULL: the model's. With a
 * grammar a token is drawn as without one, and again among those allowed only if it is refused;
 * ends with an end token, whatever ignore_end says, or when nothing can follow; HEKLA_UNSUPPORTED
 * if no token of the vocabulary goes on. mirostat and adaptive_p begin anew with each call. Random
 * numbers are a function of seed and position alone, so a seed gives the same text everywhere.
 * `token` is called for each token, in order; it returns false to stop. An end token is reported to
 * the callback, and then generation stops unless ignore_end. Afterwards the session holds all
 * reported tokens but the last, which is not evaluated yet (hekla_session_pos tells);
 * hekla_session_sync with the full list, after a shift with what is left of it, continues. Returns
 * HEKLA_OK also when stopped. *generated (may be NULL) gets the number of tokens. */
HEKLA_API hekla_status hekla_session_generate(hekla_session *session,
    const struct hekla_sampling *sampling, int64_t n, bool ignore_end,
    bool (*token)(void *user, hekla_token token), void *user, size_t *generated,
    struct hekla_error *err);

struct hekla_phase_stats {
    uint64_t tokens;
    double seconds, cpu_seconds; /* cpu: that the calling thread spent; the device ran beside it */
    uint64_t submits, dispatches, barriers, descriptor_writes;
};
struct hekla_stats {
    struct hekla_phase_stats prompt,
        generation; /* evaluating given tokens; hekla_session_generate */
    /* Counters since the session was opened. After warm-up, decoding adds only to the first two. */
    uint64_t submits, dispatches;
    uint64_t allocations, pipelines, descriptor_writes, recordings;
    uint64_t device_bytes; /* KV cache and scratch memory */
};
HEKLA_API void hekla_session_get_stats(const hekla_session *session, struct hekla_stats *out);

enum hekla_phase { HEKLA_PROMPT, HEKLA_GENERATION };
struct hekla_profile_row {
    const char *kernel, *format; /* format: of the weights, or "-" */
    uint64_t dispatches;
    double seconds;
    uint64_t bytes, operations; /* read and written, each byte once; multiplications, additions */
};
struct hekla_profile {
    const struct hekla_profile_row *rows; /* [n_rows], slowest first; until the next call */
    size_t n_rows;
    uint64_t steps;
    double layer_least, layer_median, layer_most; /* of all layers: seconds a step */
    double peak_bytes_per_second;                 /* measured when the session was opened */
};
/* What the device did in a phase, by its own clock, for a session opened with `profile`; no rows if
 * the device has no timestamps, or none that work. */
HEKLA_API void hekla_session_get_profile(
    hekla_session *session, enum hekla_phase phase, struct hekla_profile *out);

#ifdef __cplusplus
}
#endif
#endif
