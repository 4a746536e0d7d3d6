/* SPDX-License-Identifier: MIT */
/*
 * ptlib/error.h - the error model.
 *
 * A function that can fail returns int: 0, or one of these negative errno
 * values, and no other. Results go through out parameters, which are written
 * on success only unless the function says otherwise.
 *
 *   -EINVAL      an argument is malformed: misaligned, empty, wrapping, unknown
 *   -ERANGE      well formed, but outside the widths of this table or memory
 *   -EEXIST      something already stands in part of the range
 *   -ENOENT      nothing is there: no leaf, no area, no held page
 *   -ENOMEM      no memory for a table page, or no host memory for an object
 *   -EBUSY       the object is in use: a page still referenced, a range taken
 *   -EFAULT      a table word that hardware would refuse, or that points outside
 *                memory or back at a table above it, stands in the way
 *   -EIO         a file is unreadable, shorter than said, or not what it claims; a page of
 *                a simulated file is lost
 *   -EOPNOTSUPP  the format or this table cannot express the request
 *
 * What simulated hardware does is a result, not an error. A broken invariant
 * of the library is neither: it prints a line and aborts.
 */
#ifndef PTLIB_ERROR_H
#define PTLIB_ERROR_H

#include <errno.h>

#include <ptlib/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Returns a static, never NULL description of @err, for 0 and unknown codes too. */
PT_API const char *pt_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif /* PTLIB_ERROR_H */
