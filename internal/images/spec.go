// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"encoding/json"
	"path"
	"strings"
)

// object is a piece of JSON.
type object = map[string]any

// capabilities are those that containers have by default.
var capabilities = strings.Fields(`CAP_AUDIT_WRITE CAP_CHOWN CAP_DAC_OVERRIDE CAP_FOWNER CAP_FSETID CAP_KILL CAP_MKNOD
	CAP_NET_BIND_SERVICE CAP_NET_RAW CAP_SETFCAP CAP_SETGID CAP_SETPCAP CAP_SETUID CAP_SYS_CHROOT`)

// specOf is the container of a step, as OCI's runtime specification writes it. It has this machine's network, since what
// builds do there is to download.
func specOf(step Step, id string) ([]byte, error) {
	mount := func(kind, at string, options ...string) object {
		return object{"type": kind, "source": kind, "destination": at, "options": options}
	}
	host := func(file string) object {
		return object{"type": "bind", "source": file, "destination": file, "options": []string{"rbind", "ro"}}
	}
	dir := step.Dir
	if dir == "" {
		dir = "/"
	}
	return json.Marshal(object{
		"ociVersion": "1.1.0",
		"process": object{
			"args": step.Args, "env": step.Env, "cwd": dir, "user": object{"uid": step.UID, "gid": step.GID},
			"capabilities": object{"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
		},
		"root":     object{"path": "rootfs"},
		"hostname": "build",
		"mounts": []object{
			mount("proc", "/proc", "nosuid", "noexec", "nodev"),
			mount("tmpfs", "/dev", "nosuid", "strictatime", "mode=755", "size=65536k"),
			mount("devpts", "/dev/pts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"),
			mount("tmpfs", "/dev/shm", "nosuid", "noexec", "nodev", "mode=1777", "size=65536k"),
			mount("mqueue", "/dev/mqueue", "nosuid", "noexec", "nodev"),
			mount("sysfs", "/sys", "nosuid", "noexec", "nodev", "ro"),
			host("/etc/resolv.conf"), host("/etc/hosts"),
		},
		"linux": object{
			"cgroupsPath": path.Join(step.CgroupParent, id),
			"namespaces":  []object{{"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}},
			"resources":   object{"devices": []object{{"allow": false, "access": "rwm"}}},
			"maskedPaths": []string{"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
				"/proc/timer_list", "/proc/timer_stats", "/sys/firmware"},
			"readonlyPaths": []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
		},
	})
}
