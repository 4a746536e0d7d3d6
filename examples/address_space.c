/* SPDX-License-Identifier: MIT */
/*
 * A process on two CPUs with TLBs: pages by faults, fork, copies, MADV_FREE and reclaim; what each
 * step flushes, and in the end what /proc/PID/smaps would say. The checker looks on: whoever
 * forgets a flush is told which.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include <ptlib/ptlib.h>

#define MiB (UINT64_C(1) << 20)
#define PAGE UINT64_C(4096)
#define HEAP UINT64_C(0x10000000)
#define NR_PAGES UINT64_C(16)

struct process {
	struct pt_space *space; /* what CPUs load, and flush */
	struct pt_mm *mm;       /* areas, pages and the table */
};

static struct pt_machine *machine;
static struct pt_world *world;

static void must(int err, const char *what)
{
	if (err) {
		fprintf(stderr, "address_space: %s: %s\n", what, pt_strerror(err));
		exit(1);
	}
}

static void report(void *ctx, const struct pt_check_report *report)
{
	char text[1024];

	(void)ctx;
	pt_check_report_text(report, text, sizeof(text));
	puts(text);
}

/* Flushed since the last call. No CPU makes system calls: all that run it are interrupted. */
static void tell(const char *step)
{
	static struct pt_cpu_stats before;
	struct pt_cpu_stats now;

	pt_machine_stats(machine, &now);
	printf("%-44s %2" PRIu64 " requests, %2" PRIu64 " pages, %" PRIu64 " full, %" PRIu64
	       " interrupts\n",
	       step, now.flush_requests - before.flush_requests,
	       now.flush_pages - before.flush_pages, now.flush_full - before.flush_full,
	       now.ipis_sent - before.ipis_sent);
	before = now;
}

/* One store by CPU @number, with its faults. Returns how many there were. */
static unsigned int store(const struct process *process, unsigned int number, pt_va_t va,
			  uint64_t value)
{
	const struct pt_access how = { .kind = PT_ACCESS_WRITE, .size = 8, .priv = 3 };
	struct pt_cpu *cpu = pt_machine_cpu(machine, number);
	struct pt_access_result result;
	enum pt_mm_verdict verdict;
	unsigned int nr_faults = 0;

	must(pt_cpu_enter(cpu), "run a CPU");
	must(pt_cpu_switch(cpu, process->space), "switch");
	while (pt_cpu_write(cpu, va, &how, &value, &result)) {
		must(pt_mm_fault_hw(process->mm, &result.fault, &verdict), "fault");
		if (verdict > PT_VERDICT_SPURIOUS) {
			printf("0x%" PRIx64 ": %s\n", va, pt_mm_verdict_name(verdict));
			exit(1);
		}
		nr_faults++;
	}
	pt_cpu_leave(cpu);
	return nr_faults;
}

static struct pt_mm_cfg on_machine(struct process *process)
{
	must(pt_space_create(&process->space, machine), "space");
	return (struct pt_mm_cfg){
		.mode = PT_MODE_SHARED,
		.flush = pt_space_flush_ops(process->space),
		.watch = pt_space_watch_ops(process->space), /* the checker's eyes */
		.wait = pt_machine_wait_ops(machine),
		.max_ranges = 1, /* gathers as Linux's */
	};
}

static void end(struct process *process)
{
	pt_mm_destroy(process->mm);
	pt_space_destroy(process->space);
}

/* Both CPUs run the kernel's table, with Linux's registers. */
static struct pt_pgtable *start_kernel(struct pt_phys *phys, const struct pt_fmt_cfg *fmt,
				       struct pt_zone_source *tables)
{
	struct pt_space *kernel = pt_machine_kernel(machine);
	const struct pt_pgtable_cfg cfg = {
		.fmt = *fmt,
		.mode = PT_MODE_SHARED,
		.tables = pt_zone_table_ops(tables),
		.flush = pt_space_flush_ops(kernel),
	};
	struct pt_x86_regs regs = { .cr0 = 1 << 16, .cr4 = 1 << 17 | 1 << 7 }; /* WP; PCIDE, PGE */
	struct pt_pgtable *pt;

	must(pt_pgtable_create(&pt, phys, &cfg), "the kernel's table");
	must(pt_space_set_table(kernel, pt), "the kernel's space");
	must(pt_x86_regs_select(&regs, fmt, pt_pgtable_root(pt)), "registers");
	for (unsigned int i = 0; i < 2; i++)
		must(pt_cpu_load_x86_64(pt_machine_cpu(machine, i), &regs), "registers");
	return pt;
}

static void leave_cpus(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		struct pt_cpu *cpu = pt_machine_cpu(machine, i);

		must(pt_cpu_enter(cpu), "run a CPU");
		must(pt_cpu_switch(cpu, pt_machine_kernel(machine)), "switch");
		pt_cpu_leave(cpu);
	}
}

static const char *name_of(enum pt_range_walk_type type)
{
	switch (type) {
	case PTW_FOLIO:
		return "a page of a folio";
	case PTW_PFN:
		return "a page that nobody counts";
	case PTW_SWAP:
		return "in swap";
	case PTW_NONE:
		return "a hole";
	default:
		return "something else";
	}
}

/* Neighbours that are alike as one line. */
static void print_pages(const struct process *process)
{
	const struct pt_area_ops areas = pt_mm_area_ops(process->mm);
	enum pt_range_walk_type type, last = PTW_DONE;
	struct pt_range_walk walk;
	unsigned int nr = 0;
	pt_va_t va = 0;

	type = pt_range_walk_start_areas(&walk, pt_mm_pgtable(process->mm), &areas, 0, UINT64_MAX,
					 PT_TYPE_ALL, 0);
	for (; type != PTW_ABORT; type = pt_range_walk_next(&walk)) {
		if (type == PTW_AGAIN)
			continue;
		if (type != last && nr)
			printf("  0x%" PRIx64 "  %2u x %s\n", va, nr, name_of(last));
		if (type == PTW_DONE)
			break;
		if (type != last) {
			va = walk.va;
			nr = 0;
		}
		nr += (unsigned int)(walk.len / PAGE);
		last = type;
	}
	must(pt_range_walk_done(&walk), "walk");
}

static void print_smaps(const struct process *process)
{
	const struct pt_view view = pt_mm_view(process->mm);
	const struct pt_mm_area *area = pt_mm_area_at(process->mm, HEAP);
	struct pt_smaps sum = { 0 };
	char text[2048];

	must(pt_smaps(&view, area->first, area->last, &sum), "smaps");
	pt_smaps_text(&view, area, &sum, text, sizeof(text));
	fputs(text, stdout);
}

/* Pages by faults, rights taken away, a child and its copy, pages given up, pages swapped out. */
static void run(struct process *parent, struct pt_swap *swap)
{
	const struct pt_mm_area heap = {
		.first = HEAP,
		.last = HEAP + NR_PAGES * PAGE - 1,
		.kind = PT_MM_ANON,
		.flags = PT_MM_READ | PT_MM_WRITE,
		.node = PT_MM_ANY_NODE, /* not 0, which is a node */
	};
	struct process child;
	struct pt_mm_cfg cfg = on_machine(&child);
	unsigned int nr_faults = 0;
	uint64_t done;

	must(pt_mm_map(parent->mm, &heap), "mmap");
	for (uint64_t i = 0; i < NR_PAGES; i++)
		nr_faults += store(parent, i % 2, HEAP + i * PAGE, i);
	printf("%u faults for %" PRIu64 " pages\n\n", nr_faults, NR_PAGES);
	tell("written, page by page, on both CPUs");

	must(pt_mm_protect(parent->mm, HEAP, 2 * PAGE, PT_MM_READ), "mprotect");
	tell("2 pages made read-only");
	must(pt_mm_protect(parent->mm, HEAP, 2 * PAGE, PT_MM_READ | PT_MM_WRITE), "mprotect");
	tell("and writable again");

	must(pt_mm_fork(&child.mm, parent->mm, &cfg), "fork");
	must(pt_space_set_table(child.space, pt_mm_pgtable(child.mm)), "the child's table");
	tell("forked");
	store(&child, 0, HEAP, 1000);
	tell("the child writes a page, which is copied");
	leave_cpus();
	end(&child);
	tell("the child is gone");

	must(pt_mm_lazyfree(parent->mm, HEAP, NR_PAGES / 2 * PAGE), "MADV_FREE");
	tell("half of the pages given up by MADV_FREE");
	store(parent, 1, HEAP + PAGE, 2000);
	tell("one of them written after all");
	must(pt_mm_swap_out(parent->mm, HEAP, (NR_PAGES / 2 + 2) * PAGE, swap, &done), "reclaim");
	tell("these, and two more, reclaimed");
	printf("%" PRIu64 "K, of which %" PRIu64 " pages are in swap:\n\n", done >> 10,
	       pt_swap_used(swap));
	print_pages(parent);
	putchar('\n');
	print_smaps(parent);
	leave_cpus();
}

int main(void)
{
	struct pt_zone_cfg zone_cfg = { 0 }; /* all memory */
	struct pt_zone_source tables = { 0 };
	struct pt_world_cfg world_cfg = { 0 };
	struct pt_machine_cfg machine_cfg;
	struct process parent;
	struct pt_mm_cfg mm_cfg;
	struct pt_pgtable *kernel;
	struct pt_swap *swap;
	struct pt_phys *phys;
	struct pt_zone *zone;

	must(pt_phys_create_anon(&phys, 64 * MiB), "memory");
	must(pt_zone_create(&zone, phys, &zone_cfg), "zone");
	tables.zone = world_cfg.zone = zone;
	must(pt_fmt_cfg_init(&world_cfg.fmt, PT_FMT_X86_64), "format");
	must(pt_soft_cfg_init(&world_cfg.soft, PT_SOFT_X86, &world_cfg.fmt, PT_SOFT_BUILT_MARKERS),
	     "software's words");
	must(pt_world_create(&world, phys, &world_cfg), "world");
	must(pt_swap_create(&swap, world, 0, 64), "swap");
	pt_machine_cfg_init(&machine_cfg, pt_tlb_profile_find("skylake-sp"), 2);
	machine_cfg.checked = true;
	must(pt_machine_create(&machine, phys, &machine_cfg), "machine");
	must(pt_machine_set_checker(machine, PT_CHECK_WRONG, report, NULL), "checker");
	kernel = start_kernel(phys, &world_cfg.fmt, &tables);

	mm_cfg = on_machine(&parent);
	must(pt_mm_create(&parent.mm, world, &mm_cfg), "a process");
	must(pt_space_set_table(parent.space, pt_mm_pgtable(parent.mm)), "its table");
	run(&parent, swap);
	end(&parent);

	must(pt_swap_destroy(swap), "swap is used");
	must(pt_world_destroy(world), "pages are lost");
	pt_machine_destroy(machine);
	pt_pgtable_destroy(kernel);
	must(pt_zone_destroy(zone), "memory is lost");
	pt_phys_destroy(phys);
	return 0;
}
