/* SPDX-License-Identifier: MIT */
#include <ptlib/error.h>

const char *pt_strerror(int err)
{
	switch (err) {
	case 0:
		return "success";
	case -EINVAL:
		return "malformed argument";
	case -ERANGE:
		return "outside the widths of this table or memory";
	case -EEXIST:
		return "something is already there";
	case -ENOENT:
		return "nothing is there";
	case -ENOMEM:
		return "out of memory";
	case -EBUSY:
		return "still in use";
	case -EFAULT:
		return "illegal table word, or address outside memory";
	case -EIO:
		return "unreadable, truncated or malformed file";
	case -EOPNOTSUPP:
		return "this format or table cannot express it";
	default:
		return "unknown error";
	}
}
