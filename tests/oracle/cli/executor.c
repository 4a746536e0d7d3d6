/* SPDX-License-Identifier: MIT */
/* Accesses and results of the job language from and to those of the oracle. */
#include <string.h>

#include "executor.h"

/* Both number alike what both have. */
_Static_assert((int)JOB_X86_64 == ORC_X86 && (int)JOB_ARM64 == ORC_ARM64, "architectures");
_Static_assert((int)JOB_PKRS == ORC_XR_PKRS && (int)JOB_UAO == ORC_AR_UAO &&
		       sizeof(struct job_regs) == sizeof(struct orc_regset) &&
		       JOB_MAX_SETS == ORC_MAXSET,
	       "registers");
_Static_assert((int)JOB_OP_FETCH == ORC_OP_X && (int)JOB_OP_IMPLICIT == ORC_OP_I, "operations");
_Static_assert(JOB_TRACE == ORC_VF_TRACE && JOB_AC == ORC_VF_AC && JOB_UNPRIV == ORC_VF_UNPRIV &&
		       JOB_S12 == ORC_VF_S12 && JOB_NOAT == ORC_VF_NOAT &&
		       JOB_EXECOK == ORC_VF_EXECOK,
	       "options");
_Static_assert((int)JOB_DONE == ORC_ST_OK && (int)JOB_ERROR == ORC_ST_ERROR, "verdicts");
_Static_assert(JOB_HAS_PA == ORC_RF_PA && JOB_HAS_PAR == ORC_RF_PAR &&
		       JOB_HAS_TRACE == ORC_RF_TRACE && JOB_MAX_TRACE == ORC_MAXTRACE,
	       "optional fields");
_Static_assert(JOB_ERROR_CANNOT == ORC_ERR_CANNOT && JOB_ERROR_EL2 == ORC_ERR_EL2, "errors");
_Static_assert(JOB_MAX_REGIONS == ORC_MAXREG, "regions");

static const struct orc_cfg *configure(struct executor *executor, const struct job_machine *machine)
{
	executor->cfg.arch = (int)machine->arch;
	executor->cfg.img_bytes = machine->room;
	executor->cfg.phys_bits = machine->phys_bits;
	executor->cfg.cpu_extra = machine->cpu;
	return &executor->cfg;
}

static const char *executor_missing(void *ctx, const struct job_machine *machine)
{
	return orc_missing(configure(ctx, machine));
}

static int executor_open(void *ctx, const struct job_machine *machine)
{
	struct executor *executor = ctx;

	executor->o = orc_open(configure(executor, machine));
	return executor->o ? 0 : -1;
}

static void *executor_region_add(void *ctx, uint64_t gpa, uint64_t bytes, bool ident)
{
	return orc_region_add(((struct executor *)ctx)->o, gpa, bytes, ident);
}

static void executor_regions_clear(void *ctx)
{
	orc_regions_clear(((struct executor *)ctx)->o);
}

static struct orc_vec to_vec(const struct job_access *access)
{
	return (struct orc_vec){
		.va = access->va,
		.data = access->data,
		.op = (uint8_t)access->op,
		.size = access->size,
		.el = access->level,
		.flags = access->flags,
		.regset = access->set,
	};
}

static void from_res(struct job_result *result, const struct orc_res *res)
{
	*result = (struct job_result){
		.status = (enum job_status)res->status,
		.has = res->flags,
		.code = res->code,
		.err = res->err,
		.addr = res->addr,
		.data = res->data,
		.pa = res->pa,
		.hpfar = res->aux,
		.par = res->par,
		.nr_trace = res->nr_trace,
	};
	memcpy(result->trace, res->trace, sizeof(result->trace));
}

static int executor_run(void *ctx, const struct job_regs *sets, unsigned int nr_sets,
			const struct job_access *accesses, struct job_result *results,
			unsigned int nr)
{
	struct executor *executor = ctx;

	memcpy(executor->sets, sets, nr_sets * sizeof(executor->sets[0]));
	for (unsigned int i = 0; i < nr; i++)
		executor->vec[i] = to_vec(&accesses[i]);
	if (orc_run(executor->o, executor->sets, nr_sets, executor->vec, executor->res, nr))
		return -1;
	for (unsigned int i = 0; i < nr; i++)
		from_res(&results[i], &executor->res[i]);
	return 0;
}

static const uint64_t *executor_info(void *ctx)
{
	return orc_info(((struct executor *)ctx)->o);
}

static const char *executor_error(void *ctx)
{
	(void)ctx;
	return orc_error();
}

const struct job_executor_ops oracle_executor = {
	.program = "mmu-oracle",
	.missing = executor_missing,
	.open = executor_open,
	.region_add = executor_region_add,
	.regions_clear = executor_regions_clear,
	.run = executor_run,
	.info = executor_info,
	.error = executor_error,
};
