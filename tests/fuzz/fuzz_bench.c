/* libFuzzer: any bytes as a result file; what is taken is compared with itself and shown in every
 * form. Seeds: tests/fuzz/corpus/bench. */
#include "fuzz.h"

#include "bench/bench.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hekla_error err = {0};
    json_t *docs = json_array();
    if (bench_parse(docs, (const char *)data, size, "input", &err) == HEKLA_OK) {
        size_t n = json_array_size(docs);
        json_t **list = calloc(n ? n : 1, sizeof(json_t *));
        struct bench_text t = {0};
        if (!list)
            abort();
        for (size_t i = 0; i < n; i++)
            list[i] = json_array_get(docs, i);
        bench_print_compare(&t, list, n);
        bench_print_html(&t, list, n);
        for (int format = BENCH_MD; format <= BENCH_SQL; format++)
            bench_print_rows(&t, (enum bench_format)format, list, n);
        for (size_t i = 0; i < n; i++) {
            bench_print_summary(&t, list[i]);
            bench_print_drops(&t, list, i, list[i]);
        }
        bench_text_free(&t);
        free(list);
    } else if (!err.text[0]) {
        abort(); /* a refusal says why */
    }
    json_decref(docs);
    return 0;
}
