/*
 * kernel_bench [--csv] [--seconds S] [FILTER]: times the kernels on the device named by
 * HEKLA_TEST_DEVICE (else the best), with capabilities lowered by HEKLA_CAPS. FILTER: part of
 * "kernel format"; without one, only the commonest formats. Exit status 77: there is no device.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    bool csv;
    double seconds, peak;
    const char *filter, *device, *driver, *caps;
} program = {.seconds = 0.5};

static const char *format_name(const struct bench *b)
{
    return b->test->quant < 0 ? "-" : quant_types[b->test->quant].name;
}

static void report(struct bench *b, const struct bench_result *r)
{
    double bytes = (double)(r->traffic.read + r->traffic.written);
    double gb = bytes / r->median * 1e-9, gflop = (double)r->traffic.operations / r->median * 1e-9;
    const char *kernel = kernel_rows[b->kernel].name;
    if (program.csv)
        printf("\"%s\",\"%s\",\"%s\",%s,%s,\"%s\",%u,%.2f,%.4f,%.3f,%.4f,%.2f\n", program.device,
            program.driver, program.caps, kernel, format_name(b), b->shape, r->samples,
            r->median * 1e6, r->spread, gb, gb * 1e9 / program.peak, gflop);
    else
        printf("%-13s %-8s %-36s %10.1f %5.1f %% %8.2f %5.0f %% %9.1f\n", kernel, format_name(b),
            b->shape, r->median * 1e6, 100 * r->spread, gb, 100 * gb * 1e9 / program.peak, gflop);
    fflush(stdout);
}

static bool wanted(enum kernel kernel, int quant)
{
    char name[64];
    bool common = quant < 0 || quant == QT_f16 || quant == QT_q8_0 || quant == QT_q4_0 ||
                  quant == QT_q4_k || quant == QT_q6_k;
    snprintf(name, sizeof(name), "%s %s", kernel_rows[kernel].name,
        quant < 0 ? "-" : quant_types[quant].name);
    return program.filter ? strstr(name, program.filter) != NULL : common;
}

static void run_row(struct tester *own, enum kernel kernel, int quant)
{
    struct test test = {
        .own = own, .quant = quant, .slow = true, .list.caps = &own->caps, .list.variant = kernel};
    struct bench b = {.test = &test,
        .kernel = kernel,
        .small = gpu_device_is_cpu(own->dev),
        .err = own->err,
        .seconds = program.seconds,
        .report = report};
    if (own->status == HEKLA_OK && wanted(kernel, quant) &&
        kernel_available(kernel, quant, &own->caps))
        bench_cases(&b);
    op_list_free(&test.list);
}

static void run_rows(struct tester *own)
{
    for (enum kernel k = 0; k < K_COUNT; k++)
        for (int q = -1; q < QT_COUNT; q++)
            if (kernel_has_row(k, q))
                run_row(own, k, q);
}

/* By name: two devices of one name have one driver. */
static void find_driver(const struct gpu_device *dev, struct hekla_device_info *out)
{
    struct hekla_device_info all[16];
    size_t n = 0;
    snprintf(out->driver, sizeof(out->driver), "?");
    if (gpu_list(all, 16, &n, NULL) == HEKLA_OK)
        for (size_t i = n < 16 ? n : 16; i-- > 0;)
            if (strcmp(all[i].name, gpu_device_name(dev)) == 0)
                *out = all[i];
}

static void print_head(const struct gpu_device *dev)
{
    static char caps[400];
    static struct hekla_device_info info;
    const struct gpu_caps *c = gpu_device_caps(dev);
    snprintf(caps, sizeof(caps),
#define X(name, text) #name "=%llu:"
        GPU_CAPS_LIST(X)
#undef X
#define X(name, text) , (unsigned long long)c->name
            GPU_CAPS_LIST(X)
#undef X
    );
    caps[strlen(caps) - 1] = 0;
    find_driver(dev, &info);
    program.device = gpu_device_name(dev);
    program.driver = info.driver;
    program.caps = caps;
    if (program.csv)
        printf("device,driver,caps,kernel,format,shape,samples,us,spread,GB/s,of peak,GFLOP/s\n");
    else
        printf("%s, %s\n%s\npeak: %.1f GB/s, measured; times by %s\n\n%-13s %-8s %-36s %10s %7s "
               "%8s %7s %9s\n",
            program.device, program.driver, caps, program.peak * 1e-9,
            gpu_device_has_timestamps(dev) ? "the device's clock" : "the host's clock", "kernel",
            "format", "shape", "us", "spread", "GB/s", "of peak", "GFLOP/s");
}

static hekla_status run(struct gpu_device *dev, struct hekla_error *err)
{
    struct selftest_options opt = {0};
    struct tester own = {.dev = dev, .opt = &opt, .caps = *gpu_device_caps(dev), .err = err};
    if (gpu_device_is_ref(dev))
        return hekla_fail(err, HEKLA_UNSUPPORTED, "the reference has no kernels to time");
    own.status = plan_pipelines_create(&own.pipelines, dev, NULL, err);
    if (own.status == HEKLA_OK)
        own.status = plan_measure_peak(dev, own.pipelines, &program.peak, err);
    if (own.status == HEKLA_OK) {
        print_head(dev);
        run_rows(&own);
    }
    plan_pipelines_destroy(own.pipelines);
    free(own.space.host);
    free(own.before);
    return own.status;
}

static bool read_arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *end = "";
        if (strcmp(argv[i], "--csv") == 0)
            program.csv = true;
        else if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
            program.seconds = strtod(argv[++i], &end);
        else if (strncmp(argv[i], "--", 2) != 0 && !program.filter)
            program.filter = argv[i];
        else
            return false;
        if (*end || !(program.seconds >= 0 && program.seconds < 1e6))
            return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct gpu_device *dev = NULL;
    struct hekla_error err = {0};
    if (!read_arguments(argc, argv)) {
        fprintf(stderr, "usage: kernel_bench [--csv] [--seconds S] [FILTER]\n");
        return 2;
    }
    hekla_status status =
        gpu_device_open(&dev, getenv("HEKLA_TEST_DEVICE"), getenv("HEKLA_CAPS"), &err);
    bool opened = status == HEKLA_OK;
    if (opened)
        status = run(dev, &err);
    gpu_device_close(dev);
    if (status != HEKLA_OK)
        fprintf(stderr, "kernel_bench: %s\n", err.text);
    return status == HEKLA_OK ? 0 : !opened && status == HEKLA_NO_DEVICE ? 77 : 1;
}
