/* --profile: where the time went, kernel by kernel and on the host. */
#include "cli/run.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <stdio.h>

static void print_line(const char *kernel, const char *format, double dispatches, double ms,
    double share, double gb, double peak, double gflop)
{
    char of_peak[16] = "";
    if (peak > 0)
        snprintf(of_peak, sizeof(of_peak), "%.0f %%", 100 * gb * 1e9 / peak);
    fprintf(stderr, "%-12s %-8s %8.1f %10.3f %6.1f %% %8.2f %8s %9.1f\n", kernel, format,
        dispatches, ms, 100 * share, gb, of_peak, gflop);
}

static void print_kernels(const struct hekla_profile *p)
{
    struct hekla_profile_row all = {.kernel = "all", .format = ""};
    double steps = (double)p->steps;

    for (size_t i = 0; i < p->n_rows; i++) {
        all.dispatches += p->rows[i].dispatches;
        all.seconds += p->rows[i].seconds;
        all.bytes += p->rows[i].bytes;
        all.operations += p->rows[i].operations;
    }
    double least = 1e-12; /* shorter than the clock can tell */
    for (size_t i = 0; i <= p->n_rows; i++) {
        const struct hekla_profile_row *r = i < p->n_rows ? &p->rows[i] : &all;
        double seconds = r->seconds > least ? r->seconds : least;
        print_line(r->kernel, r->format, (double)r->dispatches / steps, seconds * 1e3 / steps,
            all.seconds > 0 ? seconds / all.seconds : 0, (double)r->bytes / seconds * 1e-9,
            p->peak_bytes_per_second, (double)r->operations / seconds * 1e-9);
    }
}

static void print_host(const struct hekla_phase_stats *s)
{
    double n = (double)s->tokens;
    fprintf(stderr,
        "host: %.1f us CPU, %.1f us wall, %.2f submits, %.1f dispatches, %.1f barriers and %.1f "
        "descriptor writes a token\n",
        s->cpu_seconds * 1e6 / n, s->seconds * 1e6 / n, (double)s->submits / n,
        (double)s->dispatches / n, (double)s->barriers / n, (double)s->descriptor_writes / n);
}

static void print_phase(struct cli_run *run, enum hekla_phase phase, const char *name,
    const struct hekla_phase_stats *stats)
{
    struct hekla_profile p;

    if (!stats->tokens)
        return;
    hekla_session_get_profile(run->session, phase, &p);
    fprintf(stderr, "\nprofile of the %s: %" PRIu64 " tokens", name, stats->tokens);
    if (p.steps) {
        fprintf(stderr,
            " in %" PRIu64 " steps; the peak measured on this device is %.1f GB/s\n"
            "%-12s %-8s %8s %10s %8s %8s %8s %9s\n",
            p.steps, p.peak_bytes_per_second * 1e-9, "kernel", "format", "a step", "ms", "share",
            "GB/s", "of peak", "GFLOP/s");
        print_kernels(&p);
        fprintf(stderr, "a layer: %.3f ms (from %.3f to %.3f)\n", p.layer_median * 1e3,
            p.layer_least * 1e3, p.layer_most * 1e3);
    } else {
        fprintf(stderr, "; %s has no timestamps that work, so no times of kernels\n",
            cli_printable(run->info.device));
    }
    print_host(stats);
}

void cli_profile_report(struct cli_run *run)
{
    struct hekla_stats stats;

    hekla_session_get_stats(run->session, &stats);
    print_phase(run, HEKLA_PROMPT, "prompt", &stats.prompt);
    print_phase(run, HEKLA_GENERATION, "generation", &stats.generation);
}
