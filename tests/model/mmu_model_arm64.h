/* SPDX-License-Identifier: MIT */
/* mmu_model_arm64.h - what both stages of arm64 share in the model. */
#ifndef MODEL_MMU_MODEL_ARM64_H
#define MODEL_MMU_MODEL_ARM64_H

#include "model/mmu_model_internal.h"

/* ID_AA64MMFR{0..3}_EL1; all of it if they say nothing. */
struct model_arm64_id {
	unsigned int pa_bits;
	bool gran4, gran16, gran64, lpa2_4, lpa2_16;
	uint64_t hafdbs, pan;
	bool hpds, uao, lva, ttst, e0pd, s1pie, s1poe;
};

struct model_arm64_id model_arm64_id(uint64_t mmfr0, uint64_t mmfr1, uint64_t mmfr2,
				     uint64_t mmfr3);

/* Of level 0. */
enum model_arm64_status {
	MODEL_ADDRESS_SIZE = 0x00,
	MODEL_TRANSLATION = 0x04,
	MODEL_ACCESS_FLAG = 0x08,
	MODEL_PERMISSION = 0x0c,
};

/* The width that TCR.IPS or VTCR.PS stands for; @wide: the form has room for 52 bits. */
unsigned int model_arm64_pa_bits(const struct model_arm64_id *id, uint64_t ps, bool wide);
/* A tree of these widths; @granule_lg2 is 0 if its field is reserved. False: there is none. */
bool model_arm64_form(const struct model_arm64_id *id, unsigned int granule_lg2, uint64_t txsz,
		      bool ds, uint64_t ps, struct model_shape *shape);
enum pt_kind model_arm64_kind(const struct model_shape *shape, uint64_t raw, unsigned int level);

/* An abort of this access; @path NULL: no entry decided. Returns false. */
bool model_arm64_fault(struct model_run *run, unsigned int stage, enum model_arm64_status status,
		       enum pt_fault_why why, unsigned int level, const struct model_path *path);
/* Down to the leaf, whose rights are not looked at. *@tables: those above it, or-ed. */
bool model_arm64_walk(struct model_run *run, const struct model_shape *shape, uint64_t in,
		      struct model_path *path, unsigned int *leaf_level, uint64_t *tables);
/* Where the leaf of @path at @level puts @in. */
void model_arm64_place(const struct model_shape *shape, const struct model_path *path,
		       unsigned int level, uint64_t in, struct model_leaf *to);
/* Stage 1 is switched off. */
bool model_arm64_off(struct model_run *run, bool tagged, enum pt_mem data_mem,
		     enum pt_mem fetch_mem, struct model_leaf *to);

#endif /* MODEL_MMU_MODEL_ARM64_H */
