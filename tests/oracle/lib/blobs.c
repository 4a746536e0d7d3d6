/* SPDX-License-Identifier: MIT */
/*
 * The guest programs as bytes.  ORC_X86_DIR and ORC_ARM64_DIR are the build
 * directories of the guests, each defined only if that guest could be built.
 */
#include "oracle_internal.h"

#define BLOB(name, file)                                                                           \
	extern const unsigned char orc_##name##_bin[], orc_##name##_bin_end[];                     \
	__asm__(".pushsection .rodata\n"                                                           \
		".balign 16\n"                                                                     \
		".globl orc_" #name "_bin, orc_" #name "_bin_end\n"                                \
		"orc_" #name "_bin: .incbin \"" file "\"\n"                                        \
		"orc_" #name "_bin_end:\n"                                                         \
		".popsection");                                                                    \
	struct orc_blob orc_blob_##name(void)                                                      \
	{                                                                                          \
		return (struct orc_blob){ orc_##name##_bin,                                        \
					  (size_t)(orc_##name##_bin_end - orc_##name##_bin) };     \
	}

#define NO_BLOB(name)                                                                              \
	struct orc_blob orc_blob_##name(void)                                                      \
	{                                                                                          \
		return (struct orc_blob){ NULL, 0 };                                               \
	}

#ifdef ORC_X86_DIR
BLOB(x86, ORC_X86_DIR "/x86.bin")
BLOB(x86_reset, ORC_X86_DIR "/x86_reset.bin")
#else
NO_BLOB(x86)
NO_BLOB(x86_reset)
#endif

#ifdef ORC_ARM64_DIR
BLOB(arm64, ORC_ARM64_DIR "/arm64.bin")
#else
NO_BLOB(arm64)
#endif
