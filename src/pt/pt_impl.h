/* SPDX-License-Identifier: MIT */
/*
 * pt_impl.h - everything about one format in one mode, compiled. The last
 * include of a format file; defines ptl_ops_<format>_<mode>.
 */
#include "pt/age_impl.h"
#include "pt/collapse_impl.h"
#include "pt/map_impl.h"
#include "pt/protect_impl.h"
#include "pt/query_impl.h"
#include "pt/soft_hide_impl.h"
#include "pt/soft_map_impl.h"
#include "pt/soft_set_impl.h"
#include "pt/soft_split_impl.h"
#include "pt/tree_impl.h"
#include "pt/unmap_impl.h"
#include "pt/walk_impl.h"
#include "pt/walk_next_impl.h"

#if PTL_MODE == PTL_MODE_EXCLUSIVE
#define PTL_MODE_NAME exclusive
#elif PTL_MODE == PTL_MODE_SHARED
#define PTL_MODE_NAME shared
#else
#define PTL_MODE_NAME checked
#endif

extern const struct ptl_ops PTL_CAT(ptl_ops, PT_FMT, PTL_MODE_NAME);
const struct ptl_ops PTL_CAT(ptl_ops, PT_FMT, PTL_MODE_NAME) = {
	.name = PTL_STR(PT_FMT),
	.granule_lg2 = FMT_GRANULE_LG2,
	.init = ptl_init,
	.describe = ptl_describe,
	.create_root = ptl_create_root,
	.put_tree = ptl_put_tree,
	.link = ptl_link,
	.unlink = ptl_unlink,
	.map = ptl_map,
	.probe = ptl_probe,
	.populate = ptl_populate,
	.unmap = ptl_unmap,
	.clear_illegal = ptl_clear_illegal,
	.protect = ptl_protect,
	.split = ptl_split,
	.collapse = ptl_collapse,
	.age = ptl_age,
	.clean = ptl_clean,
	.soft_set = ptl_soft_set,
	.soft_map = ptl_soft_map,
	.soft_hide = ptl_soft_hide,
	.soft_show = ptl_soft_show,
	.soft_split = ptl_soft_split,
	.translate = ptl_translate,
	.lookup = ptl_lookup,
	.trace = ptl_trace,
	.walk_next = ptl_walk_next,
	.walk_full = ptl_walk_full,
	.walk_end = ptl_walk_end,
	.entry_kind = ptl_entry_kind,
	.entry_attr = ptl_entry_attr,
	.visit_entries = ptl_visit_entries,
};
