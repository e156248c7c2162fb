package conf

import (
	"os"
	"testing"
)

func TestUsableMemory(t *testing.T) {
	const meminfo = "MemFree:  1 kB\nMemTotal:       16384 kB\n"
	f := func(want int64, files map[string]string) {
		t.Helper()
		got := usableMemory(func(path string) ([]byte, error) {
			if data, ok := files[path]; ok {
				return []byte(data), nil
			}
			return nil, os.ErrNotExist
		})
		if got != want {
			t.Errorf("%v: got %d, want %d", files, got, want)
		}
	}
	f(0, nil)
	f(16*mib, map[string]string{"/proc/meminfo": meminfo})
	f(16*mib, map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "nonsense\n\n0\n"})
	// v2: the smallest of all parents counts, "max" is none.
	f(5*mib, map[string]string{
		"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/a/b/c\n",
		"/sys/fs/cgroup/a/b/c/memory.max": "max\n", "/sys/fs/cgroup/a/b/memory.max": "6291456\n",
		"/sys/fs/cgroup/a/memory.max": "5242880\n",
	})
	f(4*mib, map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "4194304\n"})
	// A limit above the machine's memory is none.
	f(16*mib, map[string]string{"/proc/meminfo": meminfo, "/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "99999999999\n"})
	f(7*mib, map[string]string{"/proc/self/cgroup": "0::/x\n", "/sys/fs/cgroup/x/memory.max": "7340032\n"})
	// v1, where a number near 2^63 is none; the path may be the host's.
	f(16*mib, map[string]string{
		"/proc/meminfo": meminfo, "/proc/self/cgroup": "9:cpu:/\n4:memory:/docker/x\n1:name=systemd:/\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
	})
	f(3*mib, map[string]string{
		"/proc/meminfo": meminfo, "/proc/self/cgroup": "4:hugetlb,memory:/docker/x\n0::/\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes":          "9223372036854771712\n",
		"/sys/fs/cgroup/memory/docker/memory.limit_in_bytes":   "3145728\n",
		"/sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "8388608\n",
	})
}

func TestHostTells(t *testing.T) {
	sys := Host()
	if _, err := os.Stat("/proc/meminfo"); err == nil && sys.Memory < 16*mib {
		t.Errorf("memory is %d", sys.Memory)
	}
	if sys.FileLimit < 0 || sys.LookupEnv == nil || sys.ReadFile == nil {
		t.Errorf("host is %+v", sys)
	}
}
