/* SPDX-License-Identifier: MIT */
/* In place of the KVM back end where the host is not x86_64. */
#include "oracle_internal.h"

static const char *none_missing(const struct orc_cfg *cfg)
{
	(void)cfg;
	return orc_lacks("KVM runs x86_64 guests on x86_64 hosts only");
}

static int none_init(struct orc *o)
{
	none_missing(&o->cfg);
	return -1;
}

static void none_stop(struct orc *o)
{
	(void)o;
}

const struct orc_backend orc_kvm = {
	.missing = none_missing,
	.init = none_init,
	.stop = none_stop,
};
