/* SPDX-License-Identifier: MIT */
/*
 * Tags: the ASIDs and VMIDs that entries belong to, and since when those are valid. There
 * are never more of them than slots and current tags, so getting one cannot fail.
 */
#include "tlb/tlb_internal.h"

#define VM_KEY PTL_BIT(16) /* beside the ASID, which is 0 then */

static uint64_t asid_key(uint16_t vmid, uint16_t asid)
{
	return (uint64_t)vmid << 32 | asid;
}

static uint64_t vm_key(uint16_t vmid)
{
	return (uint64_t)vmid << 32 | VM_KEY;
}

static uint64_t mix(uint64_t key)
{
	key = (key + 1) * UINT64_C(0xbf58476d1ce4e5b9);
	return key ^ key >> 29;
}

static uint32_t *chain_of(const struct pt_tlb *tlb, uint64_t key)
{
	return &tlb->chains[mix(key) & tlb->chain_mask];
}

static uint32_t find(const struct pt_tlb *tlb, uint64_t key)
{
	uint32_t tag = *chain_of(tlb, key);

	while (tag != PTL_NO_TAG && tlb->tags[tag].key != key)
		tag = tlb->tags[tag].next;
	return tag;
}

uint32_t ptl_tag_of_vm(const struct pt_tlb *tlb, uint16_t vmid)
{
	return vmid == tlb->vmid ? tlb->vm_tag : find(tlb, vm_key(vmid));
}

uint32_t ptl_tag_of_asid(const struct pt_tlb *tlb, uint16_t vmid, uint16_t asid)
{
	if (vmid == tlb->vmid && asid == tlb->asid)
		return tlb->asid_tag;
	return find(tlb, asid_key(vmid, asid));
}

bool ptl_tag_is_asid(const struct pt_tlb *tlb, uint32_t tag, uint16_t asid)
{
	return tlb->tags[tag].refs && (uint32_t)tlb->tags[tag].key == asid;
}

bool ptl_tag_is_vm(const struct pt_tlb *tlb, uint32_t tag)
{
	return tlb->tags[tag].refs && tlb->tags[tag].key & VM_KEY;
}

uint16_t ptl_tag_vmid(const struct pt_tlb *tlb, uint32_t tag)
{
	return (uint16_t)(tlb->tags[tag].key >> 32);
}

/* Finds or makes one, and counts a reference. */
static uint32_t get(struct pt_tlb *tlb, uint64_t key)
{
	uint32_t tag = find(tlb, key), *chain;

	if (tag == PTL_NO_TAG) {
		tag = tlb->free_tag;
		if (tag != PTL_NO_TAG)
			tlb->free_tag = tlb->tags[tag].next;
		else
			tag = tlb->nr_tags_used++;
		chain = chain_of(tlb, key);
		tlb->tags[tag] = (struct ptl_tag){ .key = key, .salt = mix(mix(key)), .vm = tag,
						   .next = *chain };
		*chain = tag;
	}
	tlb->tags[tag].refs++;
	return tag;
}

void ptl_tag_free(struct pt_tlb *tlb, uint32_t tag)
{
	uint32_t vm = tlb->tags[tag].vm, *link;

	for (link = chain_of(tlb, tlb->tags[tag].key); *link != tag;)
		link = &tlb->tags[*link].next;
	*link = tlb->tags[tag].next;
	tlb->tags[tag].next = tlb->free_tag;
	tlb->free_tag = tag;
	if (vm != tag)
		ptl_tag_unref(tlb, vm);
}

static struct ptl_key key_of(const struct pt_tlb *tlb, enum pt_tlb_type type, uint32_t tag)
{
	return (struct ptl_key){
		.salt = tlb->tags[tag].salt + type * UINT64_C(0x94d049bb133111eb),
		.floor = ptl_tag_floor(tlb, &tlb->tags[tag], type),
		.tag = tag,
	};
}

static uint32_t tag_of(const struct pt_tlb *tlb, enum pt_tlb_type type, uint16_t vmid,
		       uint16_t asid)
{
	return ptl_type_is_per_asid(type) ? ptl_tag_of_asid(tlb, vmid, asid) :
					    ptl_tag_of_vm(tlb, vmid);
}

void ptl_tags_refresh(struct pt_tlb *tlb)
{
	for (enum pt_tlb_type type = 0; type < PT_TLB_NR_TYPES; type++)
		tlb->now[type] = key_of(tlb, type, tag_of(tlb, type, tlb->vmid, tlb->asid));
}

/* A reference to the ASID's tag, which refers to the VMID's. */
static void enter_context(struct pt_tlb *tlb, uint16_t vmid, uint16_t asid)
{
	uint32_t tag = get(tlb, asid_key(vmid, asid));

	if (tlb->tags[tag].vm == tag)
		tlb->tags[tag].vm = get(tlb, vm_key(vmid));
	tlb->vmid = vmid;
	tlb->asid = asid;
	tlb->asid_tag = tag;
	tlb->vm_tag = tlb->tags[tag].vm;
	tlb->missed_use = PT_TLB_USE_NR;
	ptl_tags_refresh(tlb);
}

void ptl_tags_init(struct pt_tlb *tlb)
{
	for (uint32_t i = 0; i <= tlb->chain_mask; i++)
		tlb->chains[i] = PTL_NO_TAG;
	tlb->free_tag = PTL_NO_TAG;
	enter_context(tlb, 0, 0);
}

void pt_tlb_set_context(struct pt_tlb *tlb, uint16_t vmid, uint16_t asid)
{
	uint32_t old = tlb->asid_tag;

	if (vmid == tlb->vmid && asid == tlb->asid)
		return;
	enter_context(tlb, vmid, asid);
	ptl_tag_unref(tlb, old);
}

bool ptl_tag_find(const struct pt_tlb *tlb, enum pt_tlb_type type, uint16_t vmid, uint16_t asid,
		  struct ptl_key *key)
{
	uint32_t tag = tag_of(tlb, type, vmid, asid);

	if (tag == PTL_NO_TAG)
		return false;
	*key = key_of(tlb, type, tag);
	return true;
}
