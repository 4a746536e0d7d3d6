/* SPDX-License-Identifier: MIT */
/* The formats that are compiled in, and what they are under a configuration. */
#include "pt/pagetable_internal.h"

#define PTL_FORMATS(X)                                                                             \
	X(PT_FMT_X86_64, x86_64)                                                                   \
	X(PT_FMT_ARM64_4K, arm64_4k)                                                               \
	X(PT_FMT_ARM64_4K_LPA2, arm64_4k_lpa2)                                                     \
	X(PT_FMT_ARM64_16K, arm64_16k)                                                             \
	X(PT_FMT_ARM64_16K_LPA2, arm64_16k_lpa2)                                                   \
	X(PT_FMT_ARM64_64K, arm64_64k)                                                             \
	X(PT_FMT_X86_EPT, x86_ept)                                                                 \
	X(PT_FMT_ARM64_S2_4K, arm64_s2_4k)                                                         \
	X(PT_FMT_ARM64_S2_4K_LPA2, arm64_s2_4k_lpa2)                                               \
	X(PT_FMT_ARM64_S2_16K, arm64_s2_16k)                                                       \
	X(PT_FMT_ARM64_S2_16K_LPA2, arm64_s2_16k_lpa2)                                             \
	X(PT_FMT_ARM64_S2_64K, arm64_s2_64k)

#define DECLARE(id, name)                                                                          \
	extern const struct ptl_ops ptl_ops_##name##_exclusive, ptl_ops_##name##_shared,           \
		ptl_ops_##name##_checked;
PTL_FORMATS(DECLARE)

#define ENTRY(id, name)                                                                            \
	[id] = { &ptl_ops_##name##_exclusive, &ptl_ops_##name##_shared, &ptl_ops_##name##_checked },
static const struct ptl_ops *const formats[PT_FMT_NR][PTL_NR_MODES] = { PTL_FORMATS(ENTRY) };

/* What Linux writes to IA32_PAT, and to MAIR_EL1 since 5.10. */
#define PAT_LINUX UINT64_C(0x0407050600070106)
#define MAIR_LINUX UINT64_C(0x000000040044ffff)

const struct ptl_ops *ptl_format_ops(enum pt_format fmt, unsigned int mode)
{
	return (unsigned int)fmt < PT_FMT_NR ? formats[fmt][mode] : NULL;
}

int pt_fmt_cfg_init(struct pt_fmt_cfg *cfg, enum pt_format fmt)
{
	if ((unsigned int)fmt >= PT_FMT_NR)
		return -EINVAL;
	*cfg = (struct pt_fmt_cfg){ .fmt = fmt, .va_bits = 48, .pa_bits = 48 };
	switch (fmt) {
	case PT_FMT_X86_64:
		cfg->pa_bits = 52;
		cfg->features = PT_FEAT_NX | PT_FEAT_1G | PT_FEAT_PKEYS;
		cfg->mem_types = PAT_LINUX;
		break;
	case PT_FMT_X86_EPT:
		cfg->pa_bits = 52;
		cfg->features = PT_FEAT_1G | PT_FEAT_EXEC_ONLY | PT_FEAT_AD;
		break;
	case PT_FMT_ARM64_4K:
	case PT_FMT_ARM64_16K:
	case PT_FMT_ARM64_64K:
		cfg->mem_types = MAIR_LINUX;
		break;
	case PT_FMT_ARM64_4K_LPA2:
	case PT_FMT_ARM64_16K_LPA2:
		cfg->mem_types = MAIR_LINUX;
		cfg->pa_bits = 52;
		cfg->share = 3; /* inner shareable */
		break;
	case PT_FMT_ARM64_S2_4K_LPA2:
	case PT_FMT_ARM64_S2_16K_LPA2:
		cfg->pa_bits = 52;
		cfg->share = 3;
		cfg->features = PT_FEAT_XNX;
		break;
	case PT_FMT_ARM64_S2_4K:
	case PT_FMT_ARM64_S2_16K:
	case PT_FMT_ARM64_S2_64K:
		cfg->features = PT_FEAT_XNX;
		break;
	case PT_FMT_NR:
		return -EINVAL;
	}
	return 0;
}

int pt_format_info(const struct pt_fmt_cfg *cfg, struct pt_format_info *info)
{
	const struct ptl_ops *ops = ptl_format_ops(cfg->fmt, PTL_MODE_EXCLUSIVE);
	struct ptl_fmt f = { .cfg = *cfg };
	int err;

	if (!ops)
		return -EINVAL;
	err = ops->init(&f);
	if (!err)
		ops->describe(&f, info);
	return err;
}

const char *pt_mem_name(enum pt_mem mem)
{
	static const char *const name[PT_MEM_NR] = {
		[PT_MEM_WB] = "WB",
		[PT_MEM_WT] = "WT",
		[PT_MEM_WC] = "WC",
		[PT_MEM_UC] = "UC",
		[PT_MEM_UC_MINUS] = "UC-",
		[PT_MEM_WP] = "WP",
		[PT_MEM_DEV_nGnRE] = "nGnRE",
		[PT_MEM_DEV_nGRE] = "nGRE",
		[PT_MEM_DEV_GRE] = "GRE",
		[PT_MEM_WB_TAGGED] = "WB-tagged",
		[PT_MEM_STAGE1] = "stage 1",
		[PT_MEM_OTHER] = "other",
	};

	return (unsigned int)mem < PT_MEM_NR ? name[mem] : "unknown";
}
