package conf

import (
	"os"
	"path"
	"strconv"
	"strings"
)

// Host is the environment, the files and the limits of this machine.
func Host() System {
	return System{
		LookupEnv: os.LookupEnv,
		ReadFile:  os.ReadFile,
		Memory:    usableMemory(os.ReadFile),
		FileLimit: fileLimit(),
	}
}

// usableMemory is the smallest of the machine's memory and the limits of the
// cgroups this process is in (v2, v1 or both), in bytes; 0 where nothing tells.
func usableMemory(readFile func(string) ([]byte, error)) int64 {
	least := machineMemory(readFile)
	groups, err := readFile("/proc/self/cgroup")
	if err != nil {
		return least
	}
	for line := range strings.Lines(string(groups)) {
		// HIERARCHY:CONTROLLERS:PATH, see cgroups(7).
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(fields) != 3 {
			continue
		}
		var roots []string
		name := ""
		switch {
		case fields[0] == "0" && fields[1] == "":
			roots, name = []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}, "memory.max"
		case strings.Contains(","+fields[1]+",", ",memory,"):
			roots, name = []string{"/sys/fs/cgroup/memory"}, "memory.limit_in_bytes"
		}
		for _, root := range roots {
			if n := groupLimit(readFile, root, fields[2], name); n > 0 && (least == 0 || n < least) {
				least = n
			}
		}
	}
	return least
}

// groupLimit is the smallest limit of a group and all its parents. Inside a
// container the path may be one of the host's, of which only some parent, at
// least the root, is mounted.
func groupLimit(readFile func(string) ([]byte, error), root, group, name string) (least int64) {
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		data, err := readFile(path.Join(root, group, name))
		if err == nil {
			// "max", and in v1 a number near 2^63, mean none.
			n, err := strconv.ParseInt(strings.TrimSpace(string(data)), 10, 64)
			if err == nil && n > 0 && (least == 0 || n < least) {
				least = n
			}
		}
		if group == "/" {
			return least
		}
	}
}

// machineMemory is MemTotal of /proc/meminfo in bytes.
func machineMemory(readFile func(string) ([]byte, error)) int64 {
	data, _ := readFile("/proc/meminfo")
	for line := range strings.Lines(string(data)) {
		rest, ok := strings.CutPrefix(line, "MemTotal:")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
		if err == nil && n > 0 {
			return n * kib
		}
	}
	return 0
}
