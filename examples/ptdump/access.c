/* SPDX-License-Identifier: MIT */
/* An access to one address: each word that hardware reads on the way, the verdict, and why. */
#include "printer.h"

/* Bytes of an instruction, as far as it is fetched at once; or of a register. */
static unsigned int usual_size(const struct explain_regime *machine, enum pt_access_kind kind)
{
	if (kind != PT_ACCESS_FETCH)
		return 8;
	return machine->arch == &explain_x86 ? 1 : 4;
}

/* Without @root no half reaches the address. Returns whether the access faults, or might. */
static bool try_access(const struct dump_source *source, const struct dump_root *root, bool first,
		       const struct dump_options *options)
{
	const struct dump_printer *print = dump_printer(options);
	const struct dump_access *access = &options->access;
	struct explain_regime machine;
	struct explain_case c = { .va = options->address };
	bool certain;
	int err;

	dump_machine_open(&machine, source, root, &source->regs);
	if (machine.arch == &explain_x86 && machine.two_stages && c.va > UINT32_MAX)
		dump_die("--access: without paging a guest reaches 4G of EPT");
	c.how = (struct pt_access){
		.kind = access->kind,
		.size = access->size ? access->size : usual_size(&machine, access->kind),
		.priv = explain_priv(&machine, access->user ? EXPLAIN_USER : EXPLAIN_KERNEL),
	};
	explain_ask_rights(&machine, &c);
	err = pt_access_trace(machine.mmu, c.va, &c.how, &c.result, c.steps, &c.nr_steps);
	if (err < 0)
		dump_die("no such access: %s", pt_strerror(err));
	if (root)
		print->start(root, first);
	certain = print->access(root, &machine, &c);
	print->assumed(&machine, &source->regs);
	dump_machine_close(&machine);
	return err || !certain;
}

static bool reaches(const struct dump_root *root, pt_va_t va)
{
	return va >= root->info.first && va <= root->info.last;
}

bool dump_access(const struct dump_source *source, const struct dump_options *options)
{
	const struct dump_root *reached = NULL;
	bool faults = false;

	for (size_t i = 0; i < source->nr_roots; i++) {
		const struct dump_root *root = &source->roots[i];

		if (!reaches(root, options->address))
			continue;
		/* A table image may hold the tables of several machines. */
		if (!source->has_regs)
			faults |= try_access(source, root, !reached, options);
		reached = root;
	}
	if (source->has_regs) /* which know what becomes of an address that is in no half */
		return try_access(source, reached, true, options);
	if (reached)
		return faults;
	dump_printer(options)->no_root(options->address, true);
	return true;
}
