/* SPDX-License-Identifier: MIT */
/* A Bochs process: its directory of temporary files, and running it without a screen. */
#ifndef BOCHS_INTERNAL_H
#define BOCHS_INTERNAL_H

#include "oracle_internal.h"

#define BOCHS_CONFIG "config"
#define BOCHS_COMMANDS "commands"
#define BOCHS_ROM "rom"
#define BOCHS_VGA_ROM "vga_rom"
#define BOCHS_GUEST "guest"
#define BOCHS_MAILBOX "mailbox"
#define BOCHS_DISK "disk"
#define BOCHS_LOG "log"

struct bochs_dir {
	char path[256];
};

int bochs_dir_make(struct bochs_dir *dir);
void bochs_dir_remove(const struct bochs_dir *dir);
int bochs_dir_put(const struct bochs_dir *dir, const char *name, const void *data, size_t bytes);
int bochs_dir_get(const struct bochs_dir *dir, const char *name, void *data, size_t bytes);

/*
 * Run Bochs on BOCHS_CONFIG and BOCHS_COMMANDS until it exits, at most @seconds.
 * @text receives the end of what it printed.  Return: the wait status, -1 if it
 * could not be started.
 */
int bochs_execute(const struct bochs_dir *dir, double seconds, char *text, size_t text_bytes);

/* The log's last line, or @text's if there is no log; points into @text. */
const char *bochs_last_line(const struct bochs_dir *dir, char *text, size_t text_bytes);

#endif
