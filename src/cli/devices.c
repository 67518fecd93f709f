#include "cli/cli.h"
#include "cli/open.h"
#include "cli/options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct devices_options {
    bool json;
};

static const struct cli_option rows[] = {
    {.type = CLI_OPTION_SET,
        .names = "--json",
        .offset = offsetof(struct devices_options, json),
        .help = "a JSON array of objects"},
};

static const struct cli_options options_of_devices = {
    .command = "devices",
    .usage = "[--json]",
    .about = "Lists what a model can run on. The first column marks the device that is used if "
             "--device names none. \"ref\" is the reference in plain C: slow, needs no driver, and "
             "gives the same bits.",
    .notes = "\nExit code 3: no Vulkan device is usable.\n",
    .rows = rows,
    .n_rows = sizeof(rows) / sizeof(rows[0]),
};

static const char *type_text(const struct hekla_device_info *device)
{
    static const char *const texts[] = {
        [HEKLA_GPU_DISCRETE] = "discrete GPU",
        [HEKLA_GPU_INTEGRATED] = "integrated GPU",
        [HEKLA_GPU_OTHER] = "GPU",
        [HEKLA_CPU] = "CPU",
    };
    size_t i = (size_t)device->type;
    if (strcmp(device->id, "ref") == 0)
        return "reference";
    return i < sizeof(texts) / sizeof(texts[0]) ? texts[i] : "other";
}

static void write_json(const struct hekla_device_info *devices, size_t n)
{
    cli_writef("[");
    for (size_t i = 0; i < n; i++) {
        const struct hekla_device_info *device = &devices[i];
        cli_writef("%s\n  {", i > 0 ? "," : "");
        cli_write_json("id", device->id);
        cli_writef(", ");
        cli_write_json("name", device->name);
        cli_writef(", ");
        cli_write_json("type", type_text(device));
        cli_writef(", \"memory_bytes\": %" PRIu64 ", ", device->memory_bytes);
        cli_write_json("driver", device->driver);
        cli_writef(", \"chosen\": %s, \"usable\": %s", device->chosen ? "true" : "false",
            device->usable ? "true" : "false");
        cli_writef(", \"memory_free_bytes\": %" PRIu64 ", \"subgroup_size\": %" PRIu32
                   ", \"subgroup_min\": %" PRIu32 ", \"subgroup_max\": %" PRIu32 ",\n   ",
            device->memory_free_bytes, device->subgroup_size, device->subgroup_min,
            device->subgroup_max);
        cli_write_json("uuid", device->uuid);
        cli_writef(", ");
        cli_write_json("pci", device->pci);
        cli_writef(", ");
        cli_write_json("paths", device->paths);
        cli_writef(", ");
        cli_write_json("why", device->why);
        cli_writef("}");
    }
    cli_writef("\n]\n");
}

static void write_details(struct hekla_device_info *device)
{
    char free_bytes[32];
    cli_writef("        %s\n", cli_printable(device->why));
    if (!device->usable || strcmp(device->id, "ref") == 0)
        return;
    cli_format_bytes(free_bytes, sizeof(free_bytes), device->memory_free_bytes);
    cli_writef("        id %s%s%s | %s free | subgroups of %" PRIu32, device->uuid,
        device->pci[0] ? " or " : "", device->pci, free_bytes, device->subgroup_min);
    if (device->subgroup_max != device->subgroup_min)
        cli_writef(" to %" PRIu32, device->subgroup_max);
    cli_writef("\n        %s\n", device->paths[0] ? device->paths : "no optional features");
}

static void write_table(struct hekla_device_info *devices, size_t n)
{
    static const char *const bold[2] = {"\033[1m", "\033[0m"};
    bool colour = cli_has_colour(STDOUT_FILENO);
    int width = 4;

    for (size_t i = 0; i < n; i++) {
        int length = (int)strlen(cli_printable(devices[i].name));
        width = length > width ? length : width;
    }
    cli_writef("  %-4s  %-14s  %10s  %-*s  %s\n", "id", "type", "memory", width, "name", "driver");
    for (size_t i = 0; i < n; i++) {
        struct hekla_device_info *device = &devices[i];
        bool marked = device->chosen && colour;
        char memory[32] = "-";
        if (device->memory_bytes > 0)
            cli_format_bytes(memory, sizeof(memory), device->memory_bytes);
        cli_writef("%s%c %-4s  %-14s  %10s  %-*s  %s%s\n", marked ? bold[0] : "",
            device->chosen ? '*' : ' ', device->id, type_text(device), memory, width, device->name,
            cli_printable(device->driver), marked ? bold[1] : "");
        write_details(device);
    }
}

/* It may grow between asking for the number and asking for the entries. */
int cli_list_devices(struct hekla_device_info **out, size_t *n, struct hekla_error *err)
{
    size_t cap = 8;
    struct hekla_device_info *devices = NULL;
    for (;;) {
        struct hekla_device_info *grown = realloc(devices, cap * sizeof(*grown));
        if (!grown) {
            free(devices);
            return cli_fail(CLI_MEMORY, "not enough memory for the list of devices");
        }
        devices = grown;
        *err = (struct hekla_error){0};
        hekla_status status = hekla_device_list(devices, cap, n, err);
        if (status != HEKLA_OK) {
            free(devices);
            return cli_fail_status(status, err);
        }
        if (*n <= cap)
            break;
        cap = *n;
    }
    *out = devices;
    return CLI_OK;
}

/* As the environment has it, where it has a say. */
static void apply_environment(struct hekla_device_info *devices, size_t n)
{
    char id[CLI_DEVICE_ID];
    const char *named = cli_default_device(id);
    for (size_t i = 0; named && i < n; i++) {
        struct hekla_device_info *d = &devices[i];
        d->chosen = d->usable && strcmp(d->id, named) == 0;
        if (d->usable && strcmp(d->id, "ref") != 0)
            snprintf(d->why, sizeof(d->why), "%s: by GGML_VK_VISIBLE_DEVICES",
                d->chosen ? "chosen" : "not chosen");
    }
}

int cli_devices(int argc, char **argv)
{
    struct devices_options options = {0};
    struct hekla_error err = {0};
    struct hekla_device_info *devices = NULL;
    size_t n = 0;
    bool usable = false;

    enum cli_parse parsed = cli_options_parse(&options_of_devices, argc, argv, &options);
    if (parsed != CLI_PARSE_OK)
        return parsed == CLI_PARSE_HELP ? CLI_OK : CLI_USAGE;
    int code = cli_list_devices(&devices, &n, &err);
    if (code != CLI_OK)
        return code;
    apply_environment(devices, n);
    for (size_t i = 0; i < n; i++)
        usable |= devices[i].usable && strcmp(devices[i].id, "ref") != 0;
    if (options.json)
        write_json(devices, n);
    else
        write_table(devices, n);
    free(devices);
    if (usable)
        return CLI_OK;
    return cli_fail(CLI_NO_DEVICE, "%s", err.text[0] ? err.text : "no Vulkan device is usable");
}
