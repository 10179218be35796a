// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// pause is the process that holds a pod's namespaces open. It does nothing but wait, reap the orphans of a pod that
// shares its process namespace, and leave at once when told to.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void leave(int signal) {
	(void)signal;
	_exit(0);
}

static void reap(int signal) {
	(void)signal;
	while (waitpid(-1, NULL, WNOHANG) > 0) {
	}
}

int main(void) {
	struct sigaction on_leave = {.sa_handler = leave};
	struct sigaction on_child = {.sa_handler = reap, .sa_flags = SA_NOCLDSTOP};
	if (sigaction(SIGINT, &on_leave, NULL) || sigaction(SIGTERM, &on_leave, NULL) || sigaction(SIGCHLD, &on_child, NULL))
		return 1;
	for (;;)
		pause();
}
