/*
 * intel_noop_shim: pretend that an Intel GPU is present, for compile-only use.
 *
 * SPDX-License-Identifier: MIT
 *
 * Permission is hereby granted, free of charge, to any person obtaining a copy of this software
 * and associated documentation files (the "Software"), to deal in the Software without
 * restriction, including without limitation the rights to use, copy, modify, merge, publish,
 * distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the
 * Software is furnished to do so, subject to the following conditions:
 *
 * The above copyright notice and this permission notice shall be included in all copies or
 * substantial portions of the Software.
 *
 * THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING
 * BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
 * NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM,
 * DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
 * OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
 *
 * Preloaded into a Vulkan program, this library makes Mesa's ANV driver find one Intel GPU behind
 * the i915 or the xe kernel driver, on a machine that has neither:
 *
 *  - libdrm's device enumeration is replaced and lists one PCI device;
 *  - opening its node gives a memfd, sparse and larger than any GPU's memory; stat() and fstat()
 *    call it a DRM character device;
 *  - ioctl() on it is answered here, after the contract in the kernel's uapi headers.
 *
 * A buffer object is a range of that memfd, and its "fake mmap offset" is where the range begins,
 * so that mmap() works by itself.  Submissions do nothing but signal their fences at once: nothing
 * ever executes, and what a program reads back is what it wrote itself.
 *
 * Environment
 *   HEKLA_INTEL_DEVID  PCI device id, hexadecimal (0x56a0, Arc A770, when unset); for one that
 *                      the table lacks, id:row, row being a listed id of the same generation
 *   HEKLA_INTEL_DEBUG  set: report the ioctls and queries that are not answered here
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <drm/drm.h>
#include <drm/i915_drm.h>
#include <drm/xe_drm.h>
#include <xf86drm.h>

#define EXPORT __attribute__((visibility("default")))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define PTR(u64) ((void *)(uintptr_t)(u64))
#define GiB (1ull << 30)

#define PRIMARY_NODE "/dev/dri/card0"
#define RENDER_NODE "/dev/dri/renderD128"
#define FILE_SIZE ((1ull << 46) + 0x4e4f4f5000) /* also how our files are recognised */
#define SRAM_SIZE (16 * GiB)
#define TIMESTAMP_HZ 19200000
#define UNKNOWN(what, nr)                                                                          \
    (debug ? fprintf(stderr, "intel_noop_shim: no answer to %s %lu\n", what, (unsigned long)(nr))  \
           : 0,                                                                                    \
        -EINVAL)

/* ---------------------------------------------------------------------------- the device */

enum kmd { I915, XE };

struct gpu {
    unsigned devid;
    enum kmd kmd;
    int ver;            /* graphics IP: ten times the major version plus the minor */
    int gmd_minor;      /* the minor version in full, for xe's version 20 and later */
    int revision;       /* a production stepping, so that no early workaround applies */
    int subslices, eus; /* of the largest model under this id; EUs per subslice */
    uint64_t vram;      /* 0: shares the host's memory */
};

static const struct gpu gpus[] = {
    {0x3e92, I915, 90, 0, 0, 3, 8, 0},           /* Coffee Lake, UHD 630 */
    {0x8a52, I915, 110, 0, 7, 8, 8, 0},          /* Ice Lake, Iris Plus G7 */
    {0x9a49, I915, 120, 0, 3, 6, 16, 0},         /* Tiger Lake, Iris Xe */
    {0x4680, I915, 120, 0, 12, 2, 16, 0},        /* Alder Lake-S, UHD 770 */
    {0x46a6, I915, 120, 0, 12, 6, 16, 0},        /* Alder Lake-P, Iris Xe */
    {0x56a0, I915, 125, 0, 8, 32, 16, 16 * GiB}, /* DG2-512, Arc A770 */
    {0x56a5, I915, 125, 0, 5, 8, 16, 6 * GiB},   /* DG2-128, Arc A380 */
    {0x7d55, I915, 125, 0, 4, 8, 16, 0},         /* Meteor Lake-H */
    {0x7d51, I915, 125, 0, 4, 8, 16, 0},         /* Arrow Lake-H, with XMX */
    {0x64a0, XE, 200, 4, 4, 8, 8, 0},            /* Lunar Lake, Arc 140V */
    {0xe20b, XE, 200, 1, 4, 20, 8, 12 * GiB},    /* Battlemage, Arc B580 */
    {0xb080, XE, 300, 0, 4, 12, 8, 0},           /* Panther Lake, Arc B390 */
};

static struct gpu gpu;
static bool debug;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held throughout our ioctls */
static pthread_cond_t sync_changed = PTHREAD_COND_INITIALIZER;

__attribute__((constructor)) static void select_gpu(void)
{
    const char *s = getenv("HEKLA_INTEL_DEVID");
    unsigned id, row;
    int n = sscanf(s && *s ? s : "0x56a0", "%x:%x", &id, &row);

    debug = getenv("HEKLA_INTEL_DEBUG") != NULL;
    for (size_t i = 0; i < ARRAY_LEN(gpus); i++)
        if (n > 0 && gpus[i].devid == (n > 1 ? row : id))
            gpu = gpus[i];
    if (gpu.devid)
        gpu.devid = id;
    else
        fprintf(stderr, "intel_noop_shim: %s is not a known device\n", s);
}

/* -------------------------------------------------------------- files and device nodes */

/* The functions that this file replaces, by way of others that it does not. */
#define real_open(path, flags, mode) openat(AT_FDCWD, path, flags, mode)
#define real_stat(path, st) fstatat(AT_FDCWD, path, st, 0)
#define real_fstat(fd, st) fstatat(fd, "", st, AT_EMPTY_PATH)
#define real_ioctl(fd, req, arg) syscall(SYS_ioctl, fd, req, arg)

static bool is_node(const char *path)
{
    return !strcmp(path, RENDER_NODE) || !strcmp(path, PRIMARY_NODE);
}

static bool is_drm_fd(int fd)
{
    struct stat st;
    return !real_fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size == (off_t)FILE_SIZE;
}

static int device_stat(struct stat *st, int minor)
{
    memset(st, 0, sizeof(*st));
    st->st_mode = S_IFCHR | 0666;
    st->st_nlink = 1;
    st->st_rdev = makedev(226, minor);
    return 0;
}

EXPORT int open(const char *path, int flags, ...)
{
    va_list ap;
    va_start(ap, flags);
    mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(ap, mode_t) : 0;
    va_end(ap);

    if (!is_node(path))
        return real_open(path, flags, mode);
    int fd = memfd_create("intel-noop-gpu", MFD_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, FILE_SIZE)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

EXPORT int stat(const char *restrict path, struct stat *restrict st)
{
    return is_node(path) ? device_stat(st, strcmp(path, RENDER_NODE) ? 0 : 128)
                         : real_stat(path, st);
}

EXPORT int fstat(int fd, struct stat *st)
{
    return is_drm_fd(fd) ? device_stat(st, 128) : real_fstat(fd, st);
}

/* On 64-bit Linux the large-file names mean the same functions. */
_Static_assert(sizeof(long) == 8, "64-bit hosts only");
EXPORT __attribute__((alias("open"))) int open64(const char *path, int flags, ...);
EXPORT __attribute__((alias("fstat"))) int fstat64(int fd, struct stat64 *st);
EXPORT __attribute__((alias("stat"))) int stat64(
    const char *restrict path, struct stat64 *restrict st);

/* ---------------------------------------------------------- libdrm's device enumeration */

static int make_device(drmDevicePtr *out)
{
    struct {
        drmDevice dev; /* comes first: libdrm's drmFreeDevices() frees this address */
        drmPciBusInfo bus;
        drmPciDeviceInfo info;
        char *nodes[DRM_NODE_MAX];
        char path[DRM_NODE_MAX][32];
    } *d = calloc(1, sizeof(*d));

    if (!d)
        return -ENOMEM;
    for (int i = 0; i < DRM_NODE_MAX; i++)
        d->nodes[i] = d->path[i];
    strcpy(d->path[DRM_NODE_PRIMARY], PRIMARY_NODE);
    strcpy(d->path[DRM_NODE_RENDER], RENDER_NODE);
    d->bus = (drmPciBusInfo){.bus = gpu.vram ? 3 : 0, .dev = gpu.vram ? 0 : 2};
    d->info = (drmPciDeviceInfo){0x8086, gpu.devid, 0x8086, gpu.devid, gpu.revision};
    d->dev = (drmDevice){
        .nodes = d->nodes,
        .available_nodes = 1 << DRM_NODE_PRIMARY | 1 << DRM_NODE_RENDER,
        .bustype = DRM_BUS_PCI,
        .businfo.pci = &d->bus,
        .deviceinfo.pci = &d->info,
    };
    *out = &d->dev;
    return 0;
}

EXPORT int drmGetDevices2(uint32_t flags, drmDevicePtr devices[], int max_devices)
{
    (void)flags;
    int err = gpu.devid && devices && max_devices > 0 ? make_device(&devices[0]) : 0;
    return err ? err : gpu.devid != 0;
}

EXPORT int drmGetDevice2(int fd, uint32_t flags, drmDevicePtr *device)
{
    (void)flags;
    return is_drm_fd(fd) ? make_device(device) : -ENODEV;
}

/* --------------------------------------------------------- buffer objects, sync objects */

static struct object {
    enum kind { FREE, BO, SYNC } kind;
    bool signaled; /* SYNC */
    uint64_t point;
    uint64_t offset, size; /* BO: its range of the file; user memory has a size of 0 */
} objects[1 << 16];

static struct object *get(enum kind kind, uint32_t handle)
{
    struct object *o = &objects[handle % ARRAY_LEN(objects)];
    return o->kind == kind ? o : NULL;
}

static struct object *create(enum kind kind, uint32_t *handle)
{
    static uint32_t last;
    for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
        struct object *o = &objects[++last % ARRAY_LEN(objects)];
        if (o == objects || o->kind != FREE) /* 0 is never a handle */
            continue;
        *o = (struct object){.kind = kind};
        *handle = o - objects;
        return o;
    }
    return NULL;
}

static int bo_create(uint64_t size, uint32_t *handle)
{
    static uint64_t end = 1 << 21;
    struct object *bo = create(BO, handle);
    if (!bo)
        return -ENOMEM;
    bo->offset = end;
    bo->size = size;
    end += (size + 0xffff) & ~0xffffull;
    return 0;
}

static int bo_offset(uint32_t handle, __u64 *offset)
{
    struct object *bo = get(BO, handle);
    if (!bo)
        return -ENOENT;
    *offset = bo->offset;
    return 0;
}

static int bo_close(int fd, uint32_t handle)
{
    struct object *bo = get(BO, handle);
    if (!bo)
        return -EINVAL;
    if (bo->size)
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, bo->offset, bo->size);
    bo->kind = FREE;
    return 0;
}

static int sync_signal(uint32_t handle, uint64_t point)
{
    struct object *s = get(SYNC, handle);
    if (!s)
        return -ENOENT;
    s->signaled = true;
    if (point > s->point)
        s->point = point;
    pthread_cond_broadcast(&sync_changed);
    return 0;
}

/* The lock is given up while this waits for another thread to signal. */
static int sync_wait(const uint32_t *handles, const uint64_t *points, uint32_t count,
    int64_t timeout, bool all, uint32_t *first)
{
    struct timespec until = {timeout / 1000000000, timeout % 1000000000};

    for (;;) {
        uint32_t done = 0;
        for (uint32_t i = 0; i < count; i++) {
            struct object *s = get(SYNC, handles[i]);
            if (!s)
                return -ENOENT;
            if ((points && points[i] ? s->point >= points[i] : s->signaled) && !done++)
                *first = i;
        }
        if (all ? done == count : done > 0)
            return 0;
        if (pthread_cond_clockwait(&sync_changed, &lock, CLOCK_MONOTONIC, &until))
            return -ETIME;
    }
}

/* ---------------------------------------------------------------- DRM's common ioctls */

#define AS(type) ((struct type *)arg)

static void put_string(char *dst, __kernel_size_t *len, const char *src)
{
    size_t n = strlen(src);
    if (dst)
        memcpy(dst, src, *len < n ? *len : n);
    *len = n;
}

static int drm_version(struct drm_version *v)
{
    v->version_major = 1;
    v->version_minor = gpu.kmd == XE ? 1 : 6;
    v->version_patchlevel = 0;
    put_string(v->name, &v->name_len, gpu.kmd == XE ? "xe" : "i915");
    put_string(v->date, &v->date_len, "0");
    put_string(v->desc, &v->desc_len, "no Intel GPU");
    return 0;
}

static int sync_array(unsigned long req, const uint32_t *handles, uint64_t *points, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct object *s = get(SYNC, handles[i]);
        if (!s)
            return -ENOENT;
        if (req == DRM_IOCTL_SYNCOBJ_DESTROY)
            s->kind = FREE;
        else if (req == DRM_IOCTL_SYNCOBJ_RESET)
            *s = (struct object){.kind = SYNC};
        else if (req == DRM_IOCTL_SYNCOBJ_QUERY)
            points[i] = s->point;
        else
            sync_signal(handles[i], points ? points[i] : 0);
    }
    return 0;
}

static int common_ioctl(int fd, unsigned long req, void *arg)
{
    switch (req) {
    case DRM_IOCTL_VERSION:
        return drm_version(arg);
    case DRM_IOCTL_GET_CAP:
        AS(drm_get_cap)->value = AS(drm_get_cap)->capability == DRM_CAP_SYNCOBJ ||
                                 AS(drm_get_cap)->capability == DRM_CAP_SYNCOBJ_TIMELINE;
        return 0;
    case DRM_IOCTL_GEM_CLOSE:
        return bo_close(fd, AS(drm_gem_close)->handle);
    case DRM_IOCTL_SYNCOBJ_CREATE: {
        struct object *s = create(SYNC, &AS(drm_syncobj_create)->handle);
        if (s)
            s->signaled = AS(drm_syncobj_create)->flags & DRM_SYNCOBJ_CREATE_SIGNALED;
        return s ? 0 : -ENOMEM;
    }
    case DRM_IOCTL_SYNCOBJ_DESTROY:
        return sync_array(req, &AS(drm_syncobj_destroy)->handle, NULL, 1);
    case DRM_IOCTL_SYNCOBJ_WAIT: {
        struct drm_syncobj_wait *w = arg;
        return sync_wait(PTR(w->handles), NULL, w->count_handles, w->timeout_nsec,
            w->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, &w->first_signaled);
    }
    case DRM_IOCTL_SYNCOBJ_TIMELINE_WAIT: {
        struct drm_syncobj_timeline_wait *w = arg;
        return sync_wait(PTR(w->handles), PTR(w->points), w->count_handles, w->timeout_nsec,
            w->flags & DRM_SYNCOBJ_WAIT_FLAGS_WAIT_ALL, &w->first_signaled);
    }
    case DRM_IOCTL_SYNCOBJ_RESET:
    case DRM_IOCTL_SYNCOBJ_SIGNAL:
        return sync_array(
            req, PTR(AS(drm_syncobj_array)->handles), NULL, AS(drm_syncobj_array)->count_handles);
    case DRM_IOCTL_SYNCOBJ_QUERY:
    case DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL:
        return sync_array(req, PTR(AS(drm_syncobj_timeline_array)->handles),
            PTR(AS(drm_syncobj_timeline_array)->points),
            AS(drm_syncobj_timeline_array)->count_handles);
    case DRM_IOCTL_SYNCOBJ_TRANSFER:
        return sync_signal(
            AS(drm_syncobj_transfer)->dst_handle, AS(drm_syncobj_transfer)->dst_point);
    }
    return UNKNOWN("DRM ioctl", _IOC_NR(req)); /* sharing with PRIME or sync files, for one */
}

/* ------------------------------------------------------------------------------- i915 */

static int i915_getparam(int param, int *value)
{
    switch (param) {
    case I915_PARAM_CHIPSET_ID:
        *value = gpu.devid;
        break;
    case I915_PARAM_REVISION:
        *value = gpu.revision;
        break;
    case I915_PARAM_HAS_ALIASING_PPGTT:
        *value = 3;
        break; /* full, of 48 bits */
    case I915_PARAM_MMAP_GTT_VERSION:
        *value = 4;
        break; /* has GEM_MMAP_OFFSET */
    case I915_PARAM_CS_TIMESTAMP_FREQUENCY:
        *value = gpu.ver < 110 ? 12000000 : TIMESTAMP_HZ;
        break;
    case I915_PARAM_PERF_REVISION: /* no performance counters, */
    case I915_PARAM_PXP_STATUS:    /* no protected content */
        return -ENODEV;
    default: /* "is there ...?" */
        *value = 1;
    }
    return 0;
}

/* One slice, as i915 reports all that have no more and everything from version 12.5 on. */
static size_t i915_topology(void *buf)
{
    struct drm_i915_query_topology_info *t = buf;
    t->max_slices = 1;
    t->max_subslices = gpu.subslices;
    t->max_eus_per_subslice = gpu.eus;
    t->subslice_offset = 1;
    t->subslice_stride = (gpu.subslices + 7) / 8;
    t->eu_offset = t->subslice_offset + t->subslice_stride;
    t->eu_stride = gpu.eus / 8;
    t->data[0] = 1;
    for (int ss = 0; ss < gpu.subslices; ss++)
        t->data[t->subslice_offset + ss / 8] |= 1 << ss % 8;
    memset(t->data + t->eu_offset, 0xff, gpu.subslices * t->eu_stride);
    return sizeof(*t) + t->eu_offset + gpu.subslices * t->eu_stride;
}

static size_t i915_regions(void *buf)
{
    struct drm_i915_query_memory_regions *q = buf;
    q->num_regions = gpu.vram ? 2 : 1;
    for (uint32_t i = 0; i < q->num_regions; i++) {
        struct drm_i915_memory_region_info *r = &q->regions[i];
        r->region.memory_class = i; /* 0: system, 1: device */
        r->probed_size = r->unallocated_size = i ? gpu.vram : SRAM_SIZE;
        r->probed_cpu_visible_size = r->unallocated_cpu_visible_size = r->probed_size;
    }
    return sizeof(*q) + q->num_regions * sizeof(q->regions[0]);
}

static int i915_query_item(const struct drm_i915_query_item *item)
{
    _Alignas(8) char buf[1024] = {0};
    int size;
    switch (item->query_id) {
    case DRM_I915_QUERY_TOPOLOGY_INFO:
    case DRM_I915_QUERY_GEOMETRY_SUBSLICES:
        size = i915_topology(buf);
        break;
    case DRM_I915_QUERY_MEMORY_REGIONS:
        size = i915_regions(buf);
        break;
    case DRM_I915_QUERY_ENGINE_INFO: /* class 0, instance 0: the render engine */
        ((struct drm_i915_query_engine_info *)buf)->num_engines = 1;
        size = sizeof(struct drm_i915_query_engine_info) + sizeof(struct drm_i915_engine_info);
        break;
    default:
        return UNKNOWN("i915 query", item->query_id);
    }
    if (item->length && item->length < size)
        return -EINVAL;
    if (item->length) /* 0 asks for the size alone */
        memcpy(PTR(item->data_ptr), buf, size);
    return size;
}

static void i915_signal(
    const struct drm_i915_gem_exec_fence *f, const uint64_t *points, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        if (f[i].flags & I915_EXEC_FENCE_SIGNAL)
            sync_signal(f[i].handle, points ? points[i] : 0);
}

static int i915_execbuffer(const struct drm_i915_gem_execbuffer2 *e)
{
    if (e->flags & I915_EXEC_FENCE_ARRAY)
        i915_signal(PTR(e->cliprects_ptr), NULL, e->num_cliprects);
    if (e->flags & I915_EXEC_USE_EXTENSIONS) {
        const struct drm_i915_gem_execbuffer_ext_timeline_fences *x = PTR(e->cliprects_ptr);
        for (; x; x = PTR(x->base.next_extension))
            if (x->base.name == DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES)
                i915_signal(PTR(x->handles_ptr), PTR(x->values_ptr), x->fence_count);
    }
    return 0;
}

static int i915_ioctl(unsigned long req, void *arg)
{
    static uint32_t id;
    switch (req) {
    case DRM_IOCTL_I915_GETPARAM:
        return i915_getparam(AS(drm_i915_getparam)->param, AS(drm_i915_getparam)->value);
    case DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM:
        if (AS(drm_i915_gem_context_param)->param == I915_CONTEXT_PARAM_GTT_SIZE)
            AS(drm_i915_gem_context_param)->value = 1ull << 48;
        else if (AS(drm_i915_gem_context_param)->param == I915_CONTEXT_PARAM_VM)
            AS(drm_i915_gem_context_param)->value = 1;
        else
            return UNKNOWN("i915 context parameter", AS(drm_i915_gem_context_param)->param);
        return 0;
    case DRM_IOCTL_I915_QUERY: {
        struct drm_i915_query_item *items = PTR(AS(drm_i915_query)->items_ptr);
        for (uint32_t i = 0; i < AS(drm_i915_query)->num_items; i++)
            items[i].length = i915_query_item(&items[i]);
        return 0;
    }
    case DRM_IOCTL_I915_GEM_CONTEXT_CREATE:
    case DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT:
        AS(drm_i915_gem_context_create)->ctx_id = ++id;
        return 0;
    case DRM_IOCTL_I915_GEM_VM_CREATE:
        AS(drm_i915_gem_vm_control)->vm_id = ++id;
        return 0;
    case DRM_IOCTL_I915_GEM_CREATE:
        return bo_create(AS(drm_i915_gem_create)->size, &AS(drm_i915_gem_create)->handle);
    case DRM_IOCTL_I915_GEM_CREATE_EXT:
        return bo_create(AS(drm_i915_gem_create_ext)->size, &AS(drm_i915_gem_create_ext)->handle);
    case DRM_IOCTL_I915_GEM_USERPTR: /* ANV takes this EINVAL for "supported" */
        return AS(drm_i915_gem_userptr)->user_size ? bo_create(0, &AS(drm_i915_gem_userptr)->handle)
                                                   : -EINVAL;
    case DRM_IOCTL_I915_GEM_MMAP_OFFSET:
        return bo_offset(
            AS(drm_i915_gem_mmap_offset)->handle, &AS(drm_i915_gem_mmap_offset)->offset);
    case DRM_IOCTL_I915_GEM_GET_TILING:
        return gpu.ver < 125 ? 0 : -EOPNOTSUPP;
    case DRM_IOCTL_I915_GEM_EXECBUFFER2:
    case DRM_IOCTL_I915_GEM_EXECBUFFER2_WR:
        return i915_execbuffer(arg);
    case DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM:
    case DRM_IOCTL_I915_GEM_CONTEXT_DESTROY:
    case DRM_IOCTL_I915_GEM_VM_DESTROY:
    case DRM_IOCTL_I915_GEM_SET_TILING:
    case DRM_IOCTL_I915_GEM_SET_CACHING:
    case DRM_IOCTL_I915_GEM_SET_DOMAIN:
    case DRM_IOCTL_I915_GEM_MADVISE:
    case DRM_IOCTL_I915_GEM_WAIT:
    case DRM_IOCTL_I915_GEM_GET_APERTURE: /* 0 bytes, as the caller left it; and likewise: */
    case DRM_IOCTL_I915_GEM_BUSY:         /* idle */
    case DRM_IOCTL_I915_GET_RESET_STATS:  /* no resets */
    case DRM_IOCTL_I915_REG_READ:         /* the clock stands still */
        return 0;
    }
    return UNKNOWN("i915 ioctl", _IOC_NR(req) - DRM_COMMAND_BASE);
}

/* --------------------------------------------------------------------------------- xe */

static size_t xe_regions(void *buf)
{
    struct drm_xe_query_mem_regions *q = buf;
    q->num_mem_regions = gpu.vram ? 2 : 1;
    for (uint32_t i = 0; i < q->num_mem_regions; i++) {
        struct drm_xe_mem_region *r = &q->mem_regions[i];
        r->mem_class = r->instance = i; /* 0: system, 1: device */
        r->min_page_size = i ? 65536 : 4096;
        r->total_size = i ? gpu.vram : SRAM_SIZE;
        r->cpu_visible_size = i ? gpu.vram : 0;
    }
    return sizeof(*q) + q->num_mem_regions * sizeof(q->mem_regions[0]);
}

static size_t xe_config(void *buf)
{
    struct drm_xe_query_config *q = buf;
    q->num_params = 5;
    q->info[DRM_XE_QUERY_CONFIG_REV_AND_DEVICE_ID] = gpu.revision << 16 | gpu.devid;
    q->info[DRM_XE_QUERY_CONFIG_FLAGS] = gpu.vram ? DRM_XE_QUERY_CONFIG_FLAG_HAS_VRAM : 0;
    q->info[DRM_XE_QUERY_CONFIG_MIN_ALIGNMENT] = gpu.vram ? 65536 : 4096;
    q->info[DRM_XE_QUERY_CONFIG_VA_BITS] = 48;
    q->info[DRM_XE_QUERY_CONFIG_MAX_EXEC_QUEUE_PRIORITY] = 1;
    return sizeof(*q) + q->num_params * sizeof(q->info[0]);
}

static size_t xe_gts(void *buf)
{
    struct drm_xe_query_gt_list *q = buf;
    q->num_gt = 1;
    q->gt_list[0] = (struct drm_xe_gt){
        .type = DRM_XE_QUERY_GT_TYPE_MAIN,
        .reference_clock = TIMESTAMP_HZ,
        .near_mem_regions = gpu.vram ? 2 : 1,
        .far_mem_regions = gpu.vram ? 1 : 0,
        .ip_ver_major = gpu.ver / 10,
        .ip_ver_minor = gpu.gmd_minor,
        .ip_ver_rev = gpu.revision,
    };
    return sizeof(*q) + sizeof(q->gt_list[0]);
}

static size_t xe_topology(void *buf)
{
    const int masks[][3] = {
        /* type, bytes, bits set */
        {DRM_XE_TOPO_DSS_GEOMETRY, 8, gpu.subslices},
        {DRM_XE_TOPO_DSS_COMPUTE, 8, gpu.subslices},
        {DRM_XE_TOPO_L3_BANK, 8, 8},
        {DRM_XE_TOPO_SIMD16_EU_PER_DSS, 4, gpu.eus},
    };
    char *p = buf;
    for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
        struct drm_xe_query_topology_mask *m = (void *)p;
        m->type = masks[i][0];
        m->num_bytes = masks[i][1];
        for (int bit = 0; bit < masks[i][2]; bit++)
            m->mask[bit / 8] |= 1 << bit % 8;
        p += sizeof(*m) + m->num_bytes;
    }
    return p - (char *)buf;
}

/* The firmware's list of {key, length, value}, without which ANV refuses xe.  The counts of EUs
 * and threads matter to the compiler; the rest belongs to 3D and is merely plausible. */
static size_t xe_hwconfig(void *buf)
{
    uint32_t per_slice = gpu.ver < 300 ? 4 : 6;
    const uint32_t table[][3] = {
        {1, 1, gpu.subslices / per_slice},                        /* slices */
        {3, 1, gpu.eus},                                          /* EUs per subslice */
        {15, 1, gpu.ver < 300 ? 8 : 10},                          /* threads per EU */
        {70, 1, gpu.subslices},                                   /* subslices */
        {16, 1, 546}, {17, 1, 336}, {18, 1, 336},                 /* VS, GS, HS threads */
        {19, 1, 546}, {21, 1, 64},                                /* DS, PS threads */
        {30, 1, 1536}, {34, 1, 960}, {36, 1, 960}, {38, 1, 1536}, /* URB entries */
        {4, 1, 4}, {63, 1, 1}, {68, 1, 768}, /* pixel and geometry pipes, URB KiB */
    };
    memcpy(buf, table, sizeof(table));
    return sizeof(table);
}

static int xe_query(struct drm_xe_device_query *q)
{
    _Alignas(8) char buf[1024] = {0};
    size_t size;
    switch (q->query) {
    case DRM_XE_DEVICE_QUERY_MEM_REGIONS:
        size = xe_regions(buf);
        break;
    case DRM_XE_DEVICE_QUERY_CONFIG:
        size = xe_config(buf);
        break;
    case DRM_XE_DEVICE_QUERY_GT_LIST:
        size = xe_gts(buf);
        break;
    case DRM_XE_DEVICE_QUERY_GT_TOPOLOGY:
        size = xe_topology(buf);
        break;
    case DRM_XE_DEVICE_QUERY_HWCONFIG:
        size = xe_hwconfig(buf);
        break;
    case DRM_XE_DEVICE_QUERY_ENGINES: /* class 0, instance 0: the render engine */
        ((struct drm_xe_query_engines *)buf)->num_engines = 1;
        size = sizeof(struct drm_xe_query_engines) + sizeof(struct drm_xe_engine);
        break;
    case DRM_XE_DEVICE_QUERY_ENGINE_CYCLES: /* all 0: the clock stands still */
        size = sizeof(struct drm_xe_query_engine_cycles);
        break;
    default:
        return UNKNOWN("xe query", q->query);
    }
    if (q->size && q->size != size)
        return -EINVAL;
    if (q->size) /* 0 asks for the size alone */
        memcpy(PTR(q->data), buf, size);
    q->size = size;
    return 0;
}

static int xe_signal(const struct drm_xe_sync *s, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (s[i].flags & DRM_XE_SYNC_FLAG_SIGNAL && s[i].type != DRM_XE_SYNC_TYPE_USER_FENCE)
            sync_signal(
                s[i].handle, s[i].type == DRM_XE_SYNC_TYPE_SYNCOBJ ? 0 : s[i].timeline_value);
    return 0;
}

static int xe_ioctl(unsigned long req, void *arg)
{
    static uint32_t id;
    switch (req) {
    case DRM_IOCTL_XE_DEVICE_QUERY:
        return xe_query(arg);
    case DRM_IOCTL_XE_GEM_CREATE:
        return bo_create(AS(drm_xe_gem_create)->size, &AS(drm_xe_gem_create)->handle);
    case DRM_IOCTL_XE_GEM_MMAP_OFFSET:
        return bo_offset(AS(drm_xe_gem_mmap_offset)->handle, &AS(drm_xe_gem_mmap_offset)->offset);
    case DRM_IOCTL_XE_VM_CREATE:
        AS(drm_xe_vm_create)->vm_id = ++id;
        return 0;
    case DRM_IOCTL_XE_EXEC_QUEUE_CREATE:
        AS(drm_xe_exec_queue_create)->exec_queue_id = ++id;
        return 0;
    case DRM_IOCTL_XE_VM_BIND:
        return xe_signal(PTR(AS(drm_xe_vm_bind)->syncs), AS(drm_xe_vm_bind)->num_syncs);
    case DRM_IOCTL_XE_EXEC:
        return xe_signal(PTR(AS(drm_xe_exec)->syncs), AS(drm_xe_exec)->num_syncs);
    case DRM_IOCTL_XE_VM_DESTROY:
    case DRM_IOCTL_XE_EXEC_QUEUE_DESTROY:
    case DRM_IOCTL_XE_EXEC_QUEUE_GET_PROPERTY: /* 0, "not banned", as the caller left it */
    case DRM_IOCTL_XE_WAIT_USER_FENCE:
    case DRM_IOCTL_XE_MADVISE:
        return 0;
    }
    return UNKNOWN("xe ioctl", _IOC_NR(req) - DRM_COMMAND_BASE);
}

/* ------------------------------------------------------------------------------ ioctl */

EXPORT int ioctl(int fd, unsigned long req, ...)
{
    va_list ap;
    va_start(ap, req);
    void *arg = va_arg(ap, void *);
    va_end(ap);

    req &= 0xffffffff; /* some callers pass a sign-extended int */
    if (_IOC_TYPE(req) != DRM_IOCTL_BASE || !is_drm_fd(fd))
        return real_ioctl(fd, req, arg);

    pthread_mutex_lock(&lock);
    int ret = _IOC_NR(req) < DRM_COMMAND_BASE || _IOC_NR(req) >= DRM_COMMAND_END
                  ? common_ioctl(fd, req, arg)
              : gpu.kmd == XE ? xe_ioctl(req, arg)
                              : i915_ioctl(req, arg);
    pthread_mutex_unlock(&lock);

    if (ret < 0)
        errno = -ret;
    return ret < 0 ? -1 : 0;
}
