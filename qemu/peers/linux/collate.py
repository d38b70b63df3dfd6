# collate.py RESULTS_DIR [FIGURES.json] -- Markdown tables from the files run.sh leaves there,
# or with a second argument the counted figures as JSON, for `cargo vellum bench`.
import glob
import json
import os
import re
import sys

D = sys.argv[1]


def load(path):
    v, info = {}, {}
    if not os.path.exists(path):
        return None
    for line in open(path, errors="replace"):
        p = line.split()
        if len(p) >= 4 and p[0] == "bench":
            v[p[1]] = float(p[2])
        elif len(p) >= 3 and p[0] in ("info", "host"):
            info[p[0] + " " + p[1]] = " ".join(p[2:])
        elif line.startswith("host INCOMPLETE"):
            info["incomplete"] = "1"
    return v, info


def get(name, run="r1"):
    r = load(os.path.join(D, "%s.%s.txt" % (name, run)))
    return r if r else ({}, {})


def fmt(x):
    if x is None:
        return "–"
    if abs(x) >= 1e6:
        return "%.3f M" % (x / 1e6)
    if abs(x) >= 100:
        return "{:,.0f}".format(x)
    return "%.3g" % x


def table(head, rows):
    print("| " + " | ".join(head) + " |")
    print("|---|" + "---:|" * (len(head) - 1))
    for r in rows:
        print("| " + " | ".join(str(c) for c in r) + " |")
    print()


X86 = [("6.1 stock", "x86-6.1-stock"), ("6.12 stock", "x86-6.12-stock"),
       ("6.12 `-erms`", "x86-6.12-noerms"), ("6.1 tuned", "x86-6.1-tuned"),
       ("6.12 tuned", "x86-6.12-tuned")]
ARM = [("6.1 stock 4K", "arm-6.1-stock"), ("6.12 stock 4K", "arm-6.12-stock"),
       ("6.12 tuned 4K", "arm-6.12-tuned"), ("6.12 stock 16K", "arm16-6.12-stock"),
       ("6.12 tuned 16K", "arm16-6.12-tuned")]

MAIN = [
    ("1. null system call (getppid)", "null_syscall", "op"),
    ("2. anonymous write fault (zero fill), 64 MiB", "anon_write", "page"),
    ("&nbsp;&nbsp;the same, first time after boot", "anon_write_first", "page"),
    ("&nbsp;&nbsp;the same, per KiB", "anon_write_kib", "KiB"),
    ("&nbsp;&nbsp;MAP_POPULATE instead of faults", "anon_populate", "page"),
    ("&nbsp;&nbsp;munmap of the touched 64 MiB", "anon_munmap", "page"),
    ("3. anonymous read fault (shared zero page)", "anon_read", "page"),
    ("&nbsp;&nbsp;then a write to it", "anon_write_after_read", "page"),
    ("4. mmap+munmap, 1 page, untouched", "mmap_munmap_1page", "pair"),
    ("&nbsp;&nbsp;1 MiB, untouched", "mmap_munmap_1MiB", "pair"),
    ("&nbsp;&nbsp;1 page, touched", "mmap_touch_munmap_1page", "pair"),
    ("&nbsp;&nbsp;1 MiB, every page touched", "mmap_touch_munmap_1MiB", "pair"),
    ("&nbsp;&nbsp;the same, per page", "mmap_touch_munmap_1MiB_perpage", "page"),
    ("5. mprotect of one resident page, region splits / merges", "mprotect_split_merge", "call"),
    ("&nbsp;&nbsp;two calls (RO, RW) and a write to the page", "mprotect_split_merge_touch", "pair"),
    ("&nbsp;&nbsp;mprotect of a whole one-page region", "mprotect_whole_region", "call"),
    ("6. fork+exit+wait, nothing extra", "fork_exit_wait_0MiB", "op"),
    ("&nbsp;&nbsp;1 MiB touched", "fork_exit_wait_1MiB", "op"),
    ("&nbsp;&nbsp;16 MiB touched", "fork_exit_wait_16MiB", "op"),
    ("&nbsp;&nbsp;64 MiB touched", "fork_exit_wait_64MiB", "op"),
    ("&nbsp;&nbsp;slope 1→16 MiB", "fork_exit_wait_slope_1_16", "page"),
    ("&nbsp;&nbsp;slope 16→64 MiB", "fork_exit_wait_slope_16_64", "page"),
    ("&nbsp;&nbsp;16 MiB, the child reads every page", "fork_child_reads_16MiB", "op"),
    ("&nbsp;&nbsp;16 MiB, the child writes every page", "fork_child_writes_16MiB", "op"),
    ("&nbsp;&nbsp;16 MiB, the parent writes every page, child gone", "fork_parent_rewrites_16MiB", "op"),
    ("7. COW write fault, page shared with the child (copy)", "cow_write_copy", "page"),
    ("&nbsp;&nbsp;child gone (no copy, made writable)", "cow_write_last_owner", "page"),
    ("8. tmpfs MAP_PRIVATE read, cached, fault-around 64 KiB", "tmpfs_map_read", "page"),
    ("&nbsp;&nbsp;fault-around off: one fault a page", "tmpfs_map_read_nofaultaround", "page"),
    ("&nbsp;&nbsp;tmpfs MAP_PRIVATE write (copy)", "tmpfs_map_private_write", "page"),
    ("&nbsp;&nbsp;ramfs MAP_PRIVATE read, fault-around 64 KiB", "ramfs_map_read", "page"),
    ("&nbsp;&nbsp;tmpfs write 64 KiB, new pages", "tmpfs_write_new", "byte"),
    ("&nbsp;&nbsp;tmpfs write 64 KiB, over cached pages", "tmpfs_write_64k", "byte"),
    ("&nbsp;&nbsp;tmpfs read 64 KiB", "tmpfs_read_64k", "byte"),
    ("9. write fault at a random region: 10 regions", "regions_10_fault", "fault"),
    ("&nbsp;&nbsp;100 regions", "regions_100_fault", "fault"),
    ("&nbsp;&nbsp;1,000 regions", "regions_1000_fault", "fault"),
    ("&nbsp;&nbsp;10,000 regions", "regions_10000_fault", "fault"),
    ("&nbsp;&nbsp;60,000 regions", "regions_60000_fault", "fault"),
    ("&nbsp;&nbsp;60,000 regions, page tables new", "regions_60000_fault_cold", "fault"),
    ("&nbsp;&nbsp;mmap of one more region: up to 10", "regions_10_create", "region"),
    ("&nbsp;&nbsp;up to 1,000", "regions_1000_create", "region"),
    ("&nbsp;&nbsp;up to 10,000", "regions_10000_create", "region"),
    ("&nbsp;&nbsp;up to 60,000", "regions_60000_create", "region"),
    ("&nbsp;&nbsp;munmap+mmap of a random one: of 10", "regions_10_munmap_mmap", "pair"),
    ("&nbsp;&nbsp;of 1,000", "regions_1000_munmap_mmap", "pair"),
    ("&nbsp;&nbsp;of 10,000", "regions_10000_munmap_mmap", "pair"),
    ("&nbsp;&nbsp;of 60,000", "regions_60000_munmap_mmap", "pair"),
    ("&nbsp;&nbsp;munmap of all 60,000 at once", "regions_60000_destroy", "region"),
    ("&nbsp;&nbsp;kernel memory per region (bytes, 60,000)", "regions_60000_kernel_bytes", "bytes"),
    ("10. pipe round trip, two processes, 1 byte", "pipe_round_trip", "round trip"),
    ("&nbsp;&nbsp;the same four calls, no switch", "pipe_2write_2read_noswitch", "op"),
]


def main_table(title, prefix, cols, runs=("r1",), pick=min):
    data = []
    for _, c in cols:
        d = {}
        for r in runs:
            for k, x in get(prefix + "-" + c, r)[0].items():
                d[k] = pick(d[k], x) if k in d else x
        data.append(d)
    if not any(data):
        return
    print("### " + title + "\n")
    table(["operation", "per"] + [h for h, _ in cols],
          [[lab, unit] + [fmt(d.get(key)) for d in data] for lab, key, unit in MAIN
           if any(key in d for d in data)])


def calib():
    rows = []
    for h, c in X86 + ARM:
        d = get("main-" + c)[0]
        if d:
            rows.append([h + (" (x86_64)" if c.startswith("x86") else " (aarch64)")] +
                        [fmt(d.get(k)) for k in ("calib_2insn_loop", "calib_rep_stosb_4096", "calib_rep_stosq_512",
                                                 "calib_rep_movsb_4096", "calib_dczva_bytes",
                                                 "calib_libc_memset_16k", "calib_libc_memcpy_16k")])
    if rows:
        print("### What one \"instruction\" is (calibration)\n")
        table(["machine", "2-instruction loop", "rep stosb 4096", "rep stosq 512", "rep movsb 4096",
               "DC ZVA bytes", "memset 16 KiB", "memcpy 16 KiB"], rows)


def thp():
    rows = []
    for h, c in X86 + ARM:
        a, m, t = get("main-" + c)[0], get("mthp-" + c)[0], get("thp-" + c)[0]
        if not (m or t):
            continue
        kb = a.get("page_size", 4096) / 1024
        cells = [a.get("anon_write")] + [m.get("anon_write_mthp%dk" % k) for k in (16, 32, 64, 128)] + [t.get("anon_write")]
        rows.append([h + (" x86_64" if c.startswith("x86") else " aarch64")] + [fmt(x) for x in cells] +
                    [fmt(t.get("anon_write_faults")), fmt(t.get("anon_munmap")),
                     fmt(t["anon_write"] / kb if t.get("anon_write") else None)])
    if rows:
        print("### 2b. The write fault with large folios (instructions per base page; record only)\n")
        table(["machine", "off", "16 KiB", "32 KiB", "64 KiB", "128 KiB", "THP always", "THP faults / 64 MiB",
               "THP munmap per page", "THP per KiB"], rows)


def zram(prefix="zram", runs=("r1",), title="11a. zram (lz4), -m 128M, 12 MiB pushed out with MADV_PAGEOUT and touched again (instructions per page)"):
    rows = []
    for h, c in X86 + ARM:
        d, info = {}, {}
        for r in runs:
            dd, info = get(prefix + "-" + c, r)
            for k, x in dd.items():
                d[k] = min(d[k], x) if k in d else x
        if "swap_text_out" not in d:
            continue
        n = h + (" x86_64" if c.startswith("x86") else " aarch64")
        for k in ("zero", "text", "random", "mix"):
            s = "swap_%s_" % k
            rows.append([n, k, fmt(d.get(s + "out")), fmt(d.get(s + "in_read")), fmt(d.get(s + "in_write")),
                         fmt(d.get(s + "zram_orig")), fmt(d.get(s + "zram_compr")), fmt(d.get(s + "zram_mem_used")),
                         fmt(d.get(s + "zram_ratio_compr")) if k != "zero" else "–",
                         fmt(d.get(s + "zram_ratio_used")) if k != "zero" else "–",
                         fmt(d.get(s + "ratio_effective")) if k != "zero" else "–"])
            n = ""
    if rows:
        print("### " + title + "\n")
        table(["machine", "data", "out", "in (read)", "in (write)", "orig bytes", "compr bytes", "mem_used bytes",
               "orig/compr", "orig/mem_used", "swapped out/mem_used"], rows)


def pressure():
    rows = []
    for h, c in X86 + ARM:
        d, info = get("zram-" + c)
        if "mem_free_zram_on" not in d:
            continue
        for k in ("text", "mix"):
            fits = [q for q in ("2.00", "1.75", "1.50", "1.25") if d.get("ws_%s_%sxfree_fits" % (k, q)) == 1]
            q = fits[0] if fits else None
            s = "ws%s_%s_" % (q, k)
            rows.append([h + (" x86_64" if c.startswith("x86") else " aarch64"), k,
                         fmt(d["mem_free_zram_on"]), "yes" if d.get("ws_%s_2.00xfree_fits" % k) else "no",
                         (q + "×") if q else "none", fmt(d.get(s + "fill_net")), fmt(d.get(s + "pass1")),
                         fmt(d.get(s + "pass2"))])
    if rows:
        print("### 11b. Working set as a multiple of the memory that was free, -m 128M (instructions per page of the working set)\n")
        table(["machine", "data", "free KiB with zram on", "2.00× fits", "largest of 2 / 1.75 / 1.5 / 1.25 that fits",
               "filling (net of the generator)", "first read pass", "second read pass"], rows)


def wsmax():
    rows = []
    for mem in (64, 80, 96, 128, 256):
        for h, c in X86 + ARM:
            d, info = get("wsmax%d-%s" % (mem, c))
            if not info:
                continue
            n = h + (" x86_64" if c.startswith("x86") else " aarch64")
            if "mem_total" not in d:
                rows.append([mem, n] + ["does not boot"] + ["–"] * 9)
                continue
            t, m, no = d.get("ws_max_text"), d.get("ws_max_mix"), d.get("ws_max_noswap")
            f = d.get("mem_free_at_init", 0) / 1024
            rows.append([mem, n, fmt(d["mem_total"] / 1024), fmt(f), fmt(no), fmt(t), fmt(m)] +
                        ["%.2f" % (x / mem) if x else "–" for x in (t, m)] +
                        ["%.2f" % (x / no) if x and no else "–" for x in (t, m)] +
                        ["yes" if info.get("incomplete") is None else "cut short"])
    if rows:
        print("### 11c. Largest working set that survives filling and two read passes (MiB, steps of 2)\n")
        table(["-m (MiB)", "machine", "MemTotal", "free at /init", "no swap", "text", "mix", "text / RAM", "mix / RAM",
               "text / no swap", "mix / no swap", "complete"], rows)


def boot():
    rows = []
    for how, p in (("bzImage / Image", "boot-"), ("ELF by PVH", "boot-pvh-")):
        for h, c in X86 + ARM:
            d, info = get(p + c)
            if "boot_to_init" not in d:
                continue
            w = []
            for r in ("w1", "w2", "w3"):
                x = get(p.replace("boot", "bootwall", 1) + c, r)[1].get("host seconds")
                if x:
                    w.append(float(x))
            rows.append([h + (" x86_64" if c.startswith("x86") else " aarch64"), how, fmt(d["boot_to_init"]),
                         fmt(d.get("mem_total_boot")), fmt(d.get("mem_free_boot")), "%.2f" % min(w) if w else "–"])
    if rows:
        print("### 12. Boot, -m 512M\n")
        table(["machine", "kernel file", "instructions power-on → /init", "MemTotal KiB", "MemFree KiB",
               "plain TCG: whole QEMU run, s (min of 3)"], rows)
    logs = sorted(glob.glob(os.path.join(D, "plugin-*.log")))
    if logs:
        print("Where the boot instructions lie (plugin count; low addresses = firmware, unpacking and, on x86, /init) "
              "and the check of the virtual clock:\n")
        out = []
        for p in logs:
            n = os.path.basename(p)[:-4]
            v = dict()
            top = []
            for line in open(p):
                q = line.split()
                if len(q) == 4 and q[2] == "MiB":
                    top.append((int(q[3]), q[1]))
                elif len(q) == 3 and q[0] == "insns":
                    v[q[1]] = int(q[2])
            d = get(n)[0]
            top.sort(reverse=True)
            out.append([n[7:], "{:,}".format(v.get("total", 0)), "{:,.0f}".format(d.get("clock_at_end", 0)),
                        "{:,}".format(v.get("kernel", 0)), "{:,}".format(sum(t for t, _ in top)),
                        ", ".join("%s MiB: %.1f M" % (a, t / 1e6) for t, a in top[:3])])
        table(["run", "plugin: instructions", "virtual clock at power-off, ns", "in kernel addresses",
               "at addresses below 4 GiB", "largest of these (1 MiB buckets)"], out)
    f = os.path.join(D, "minram.txt")
    if os.path.exists(f) and os.path.getsize(f):
        print("Smallest `-m` (steps of 4 MiB) that reaches /init:\n")
        table(["machine", "-m MiB", "MemTotal KiB", "MemFree KiB"],
              [[q[0], q[1], fmt(float(q[4])), fmt(float(q[7]))] for q in (l.split() for l in open(f))])


def repeat():
    same = diff = 0
    bad = []
    for p in sorted(glob.glob(os.path.join(D, "*.r1.txt"))):
        a, b = load(p), load(p.replace(".r1.", ".r2."))
        if not b:
            continue
        keys = set(a[0]) | set(b[0])
        d = [k for k in keys if a[0].get(k) != b[0].get(k)]
        if d:
            diff += 1
            bad.append("%s (%d of %d)" % (os.path.basename(p)[:-7], len(d), len(keys)))
        else:
            same += 1
    print("### Repeatability\n")
    print("Counted runs made twice: %d. Every printed figure identical to the last digit in %d of them%s.\n"
          % (same + diff, same, "; not in: " + ", ".join(bad) if bad else ""))
    inc = [os.path.basename(p)[:-4] for p in sorted(glob.glob(os.path.join(D, "*.txt")))
           if "host INCOMPLETE" in open(p, errors="replace").read() and not re.match(r"minram|.*\.m\d+", os.path.basename(p))]
    if inc:
        print("Runs that did not reach their end: " + ", ".join(inc) + ".\n")


def versions():
    rows = []
    for h, c in X86 + ARM:
        d, i = get("main-" + c)
        if i:
            rows.append([c, i.get("info version", "").split(" (")[0], i.get("info version", "").split("#")[-1],
                         fmt(d.get("page_size")), i.get("info clocksource", "")])
    if rows:
        table(["configuration", "kernel", "build", "page size", "clocksource"], rows)
    seen = []
    for n, r in (("main-x86-6.12-noerms", "r1"), ("main-x86-6.12-tuned", "r1"), ("main-arm-6.12-stock", "r1"),
                 ("main-arm16-6.12-tuned", "r1"), ("zram-arm16-6.12-stock", "r1"), ("boot-pvh-x86-6.12-noerms", "r1"),
                 ("wall-arm-6.12-stock", "w1")):
        i = get(n, r)[1]
        if i.get("host cmd"):
            cmd = re.sub(r"-append (.*)", r"-append '\1'", i["host cmd"])
            seen.append("# %s\n%s" % (n, cmd))
    if seen:
        print("```\n" + "\n".join(seen) + "\n```\n")


def figures(path):
    """The counted figures of all steps, one object a machine, as the host command reads them. What was not
    counted again stays."""
    out = json.load(open(path)) if os.path.exists(path) else {}
    for machine, cols in (("x86_64", X86), ("aarch64", ARM)):
        lines = out.get(machine, {})
        for title, config in cols:
            steps = ("main", "files", "disk", "boot", "boot-pvh")
            counted = {k: v for step in steps for k, v in get(step + "-" + config)[0].items()
                       if step != "disk" or k.startswith(("ext2_", "disk_"))}
            for name, v in counted.items():
                if not name.startswith(("mem_", "calib_", "clock_")):
                    lines.setdefault(name, {})[title.replace("`", "")] = v
        out[machine] = lines
    with open(path, "w") as f:
        json.dump(out, f, indent=0, sort_keys=True, ensure_ascii=False)
        f.write("\n")


if len(sys.argv) > 2:
    figures(sys.argv[2])
    sys.exit(0)
versions()
calib()
main_table("x86_64, 512 MiB: instructions", "main", X86)
main_table("aarch64, 512 MiB: instructions", "main", ARM)
thp()
zram()
pressure()
wsmax()
boot()
main_table("x86_64, plain TCG wall time, ns (minimum of 3)", "wall", X86, ("w1", "w2", "w3"))
main_table("aarch64, plain TCG wall time, ns (minimum of 3)", "wall", ARM, ("w1", "w2", "w3"))
zram("wallzram", ("w1", "w2"), "zram in plain TCG wall time, ns per page (minimum of 2)")
repeat()
