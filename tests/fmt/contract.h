/* SPDX-License-Identifier: MIT */
/*
 * contract.h - the contract of src/pt/fmt_api.h as one test body, compiled once per format from
 * contract_impl.h. Each check prints what is wrong and where, and returns whether all was well.
 */
#ifndef FMT_CONTRACT_H
#define FMT_CONTRACT_H

#include <stdbool.h>

#include <ptlib/format.h>

struct contract {
	const char *name;
	bool (*geometry)(const struct pt_fmt_cfg *cfg, bool is_public);
	bool (*leaves)(const struct pt_fmt_cfg *cfg);
	bool (*words)(const struct pt_fmt_cfg *cfg);
};

extern const struct contract contract_x86_64, contract_arm64_4k, contract_arm64_4k_lpa2,
	contract_arm64_16k, contract_arm64_16k_lpa2, contract_arm64_64k, contract_x86_ept,
	contract_arm64_s2_4k, contract_arm64_s2_4k_lpa2, contract_arm64_s2_16k,
	contract_arm64_s2_16k_lpa2, contract_arm64_s2_64k, contract_tiny, contract_napot;

#endif /* FMT_CONTRACT_H */
